//! What can be changed while the guest runs: `hotplug=disk,network,usb`; `0` is nothing, `1` the default.

use super::{Device, Head, Properties, choices};
use crate::ui::{Form, Values};

/// The setting `hotplug`. Around it the fields look at `numa`.
pub const HOTPLUG: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

const DEFAULT: &str = "network,disk,usb";

fn check(text: &str, values: &Values) -> Result<(), String> {
    let off = values.contains("numa") && !values.is_on("numa");
    if off && text.split(',').any(|word| word == "memory") {
        return Err("memory can only be plugged with NUMA on".into());
    }
    Ok(())
}

fn fields(form: Form) -> Form {
    form.multi(
        "hotplug",
        "Hotplug",
        choices(&[
            ("network", "network"),
            ("disk", "disks"),
            ("usb", "USB"),
            ("memory", "memory"),
            ("cpu", "processors"),
            ("cloudinit", "cloud-init"),
        ]),
    )
    .initial(DEFAULT)
    .placeholder("nothing")
    .help("Other changes wait for the next start of the guest.")
    .check(check)
}

fn words(text: &Properties) -> String {
    text.to_string()
}

fn read(text: &Properties, values: &mut Values) {
    values.set(
        "hotplug",
        match words(text).as_str() {
            "0" => "",
            "" | "1" => DEFAULT,
            list => list,
        },
    );
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let sorted = |values: &Values| {
        let mut words: Vec<String> = values.get("hotplug").split([',', ';', ' ']).map(str::to_owned).collect();
        words.retain(|word| !word.is_empty());
        words.sort();
        words
    };
    if sorted(new) == sorted(before) {
        return;
    }
    let list = new.get("hotplug");
    *text = Properties::parse(if list.is_empty() { "0" } else { list });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_zero() {
        let mut values = HOTPLUG.from_text("1");
        assert_eq!(HOTPLUG.to_text(&values, Some("1")), "1");
        values.set("hotplug", "");
        assert_eq!(HOTPLUG.to_text(&values, Some("1")), "0");
        values.set("hotplug", "disk,cpu");
        assert_eq!(HOTPLUG.to_text(&values, Some("0")), "disk,cpu");
        assert_eq!(HOTPLUG.to_text(&HOTPLUG.from_text("usb,disk"), Some("usb,disk")), "usb,disk");
        assert_eq!(HOTPLUG.to_text(&HOTPLUG.from_text(""), None), "");
    }
}
