//! The boot order: `boot=order=scsi0;ide2;net0`. Its choices are the devices that the guest has.

use super::{Device, Head, Properties, put};
use crate::ui::{Choices, Form, Values};

/// The setting `boot`. The old letters (`cdn`) have no field and stay as they are.
pub const BOOT: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

fn fields(form: Form) -> Form {
    form.multi("boot", "Boot order", Choices::Ready(vec![]))
        .ordered()
        .placeholder("nothing to boot from")
        .help("Devices are tried in the order in which they were marked: Enter opens the list, Space marks.")
}

fn read(text: &Properties, values: &mut Values) {
    let order = text.get("order").unwrap_or_default();
    values.set("boot", order.split(';').filter(|device| !device.is_empty()).collect::<Vec<_>>().join(","));
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let wanted = new.get("boot");
    if wanted == before.get("boot") && !text.is_empty() {
        return;
    }
    if wanted.is_empty() {
        text.remove("order");
    } else {
        *text = Properties::default();
        put(text, "order", &wanted.replace(',', ";"));
    }
}
