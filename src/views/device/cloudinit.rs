//! The cloud-init drive (`ide2=local-lvm:cloudinit`) and what cloud-init tells the guest: plain settings.

use super::{Device, Head, Properties, check, choices, dns, put, put_default};
use crate::ui::{Choice, Choices, Form, Values};

/// A drive `ideN`, `sataN` or `scsiN` that holds the cloud-init data.
pub const CLOUD_DRIVE: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

/// The plain settings of [`settings_form`]: each is a parameter of its own. The password is a secret field, and the keys
/// (`sshkeys`) are to be percent-encoded once more; name servers and domains are those of [`dns`].
pub const PLAIN: [&str; 3] = ["citype", "ciuser", "cicustom"];

/// True for the text of a drive that holds cloud-init data.
pub fn is_drive(text: &str) -> bool {
    let text = Properties::parse(text);
    let file = text.default_key("file").or_else(|| text.get("volume")).unwrap_or_default();
    file.ends_with(":cloudinit") || file.contains("-cloudinit")
}

fn is_new(values: &Values) -> bool {
    values.get("ci.volume").is_empty()
}

fn fields(form: Form) -> Form {
    form.select("ci.storage", "Storage", Choices::Loading)
        .required()
        .help("The drive takes a few megabytes, and is written anew whenever the settings change.")
        .check(check::part)
        .check(check::storage)
        .when(is_new)
}

fn read(text: &Properties, values: &mut Values) {
    let file = text.default_key("file").or_else(|| text.get("volume")).unwrap_or_default();
    match file.strip_suffix(":cloudinit") {
        Some(storage) => {
            values.set("ci.volume", "");
            values.set("ci.storage", storage);
        }
        None => {
            values.set("ci.volume", file);
            values.set("ci.storage", "");
        }
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let storage = new.get("ci.storage");
    let is_other = text.is_empty() || storage != before.get("ci.storage");
    if before.get("ci.volume").is_empty() && !storage.is_empty() && is_other {
        put_default(text, "file", &format!("{storage}:cloudinit"));
    }
}

fn check_user(text: &str, _: &Values) -> Result<(), String> {
    match text.contains([' ', ':', '/']) || text.starts_with('-') {
        true => Err("must be the name of a user: no blanks, : or /".into()),
        false => Ok(()),
    }
}

/// `user=local:snippets/a.yaml,network=...`: volumes with snippets.
fn check_custom(text: &str, _: &Values) -> Result<(), String> {
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("user" | "network" | "meta" | "vendor", volume)) if volume.contains(":snippets/") => {}
            _ => {
                return Err(format!(
                    "\"{part}\": must be like user=local:snippets/user.yaml (or network, meta, vendor)"
                ));
            }
        }
    }
    Ok(())
}

/// One key in each line, as in `authorized_keys`.
pub fn check_keys(text: &str, _: &Values) -> Result<(), String> {
    const TYPES: [&str; 6] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "no-", "command="];
    let bad = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).find(|line| {
        let begins = TYPES.iter().any(|start| line.starts_with(start));
        !begins || line.split_whitespace().count() < 2
    });
    match bad {
        Some(bad) => {
            let start: String = bad.chars().take(16).collect();
            Err(format!("\"{start}\": must be a public key like ssh-ed25519 AAAA... name"))
        }
        None => Ok(()),
    }
}

/// Adds the fields of the plain settings. `sshkeys` is one key (or several with line breaks, when pasted).
pub fn settings_form(form: Form) -> Form {
    let form = form
        .text("ciuser", "User")
        .placeholder("of the image")
        .check(check_user)
        .secret("cipassword", "Password")
        .help("Better leave it empty and use keys: nobody can guess those.")
        .text("sshkeys", "SSH public keys")
        .placeholder("none")
        .check(check_keys);
    dns::fields(form)
        .toggle("ciupgrade", "Upgrade packages")
        .initial("1")
        .help("At the first start.")
        .select(
            "citype",
            "Format",
            choices(&[
                ("", "by the guest system (default)"),
                ("nocloud", "NoCloud (Linux)"),
                ("configdrive2", "ConfigDrive (Windows)"),
                ("opennebula", "OpenNebula"),
            ]),
        )
        .advanced()
        .select("cicustom", "Custom files", Choices::Ready(vec![Choice::labelled("", "none")]))
        .free()
        .help("Snippets that replace what is made from these settings, for example user=local:snippets/user.yaml.")
        .check(check_custom)
        .advanced()
}

/// The plain settings that these values make, with their names; without the password.
pub fn settings(values: &Values) -> Vec<(&'static str, String)> {
    let mut settings: Vec<(&str, String)> =
        PLAIN.into_iter().map(|key| (key, values.get(key).trim().to_owned())).filter(|(_, v)| !v.is_empty()).collect();
    settings.extend(dns::settings(values));
    let keys = values.get("sshkeys").trim();
    if !keys.is_empty() {
        settings.push(("sshkeys", encoded(keys)));
    }
    if values.contains("ciupgrade") && !values.is_on("ciupgrade") {
        settings.push(("ciupgrade", "0".into()));
    }
    settings
}

/// Keys as the settings have them: percent-encoded, blanks as `%20`.
pub fn encoded(keys: &str) -> String {
    percent_encoding::utf8_percent_encode(keys, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Keys of the settings as people read them.
pub fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The text of a new drive on a storage.
pub fn new_drive(storage: &str) -> String {
    let mut text = Properties::default();
    put_default(&mut text, "file", &format!("{storage}:cloudinit"));
    put(&mut text, "media", "cdrom");
    text.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn drives() {
        assert!(is_drive("local:103/vm-103-cloudinit.qcow2,media=cdrom") && is_drive("nas:cloudinit"));
        assert!(!is_drive("local:iso/x.iso,media=cdrom"));
        let values = Values::from_iter([("ci.storage", "nas")]);
        assert_eq!(CLOUD_DRIVE.to_text(&values, None), "nas:cloudinit");
        let there = "local:103/vm-103-cloudinit.qcow2,media=cdrom,size=4M";
        assert_eq!(CLOUD_DRIVE.to_text(&CLOUD_DRIVE.from_text(there), Some(there)), there);
        assert_eq!(new_drive("nas"), "nas:cloudinit,media=cdrom");
    }

    #[test]
    fn settings_and_reasons() {
        let mut form = settings_form(Form::new());
        for (key, value) in [
            ("ciuser", "ops"),
            ("sshkeys", "ssh-ed25519 AAAA+/= me@home"),
            ("nameserver", "10.0.0.1 fd00::1"),
            ("ciupgrade", "0"),
        ] {
            form.set(key, value);
        }
        assert!(form.validate(), "{:?}", form.errors());
        let made = settings(&form.values());
        assert_eq!(made[2], ("sshkeys", "ssh%2Ded25519%20AAAA%2B%2F%3D%20me%40home".to_owned()));
        assert_eq!(decoded(&made[2].1), "ssh-ed25519 AAAA+/= me@home");
        assert_eq!(made.last().unwrap(), &("ciupgrade", "0".to_owned()));
        for (key, value) in
            [("sshkeys", "AAAA me"), ("nameserver", "10.0.0"), ("cicustom", "user=x"), ("ciuser", "a b")]
        {
            form.set(key, value);
        }
        assert!(!form.validate());
        assert_eq!(form.errors().len(), 4, "{:?}", form.errors());
    }
}
