//! CD drives: `local:iso/debian.iso,media=cdrom`, `cdrom,media=cdrom` (the node's own drive), `none,media=cdrom`.

use super::{Device, Head, Properties, choices, put, put_default};
use crate::ui::{Choices, Form, Values};

/// A drive `ideN`, `sataN` or `scsiN` with `media=cdrom`.
pub const CD: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

fn takes_image(values: &Values) -> bool {
    values.get("cd.source") == "iso"
}

fn fields(form: Form) -> Form {
    form.select(
        "cd.source",
        "CD/DVD drive",
        choices(&[("iso", "ISO image"), ("physical", "the node's drive"), ("none", "empty")]),
    )
    .initial("iso")
    .select("cd.image", "ISO image", Choices::Loading)
    .placeholder("none (the drive stays empty)")
    .help("Images on the node's storages. Type to search.")
    .check(super::check::part)
    .when(takes_image)
}

fn read(text: &Properties, values: &mut Values) {
    let (source, image) = match text.default_key("file").or_else(|| text.get("volume")).unwrap_or("none") {
        "none" => ("none", ""),
        "cdrom" => ("physical", ""),
        image => ("iso", image),
    };
    values.set("cd.source", source);
    values.set("cd.image", image);
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let of = |values: &Values| match values.get("cd.source") {
        "iso" if !values.get("cd.image").is_empty() => values.get("cd.image").to_owned(),
        "physical" => "cdrom".to_owned(),
        _ => "none".to_owned(),
    };
    let wanted = of(new);
    if text.is_empty() || wanted != of(before) {
        put_default(text, if text.get("volume").is_some() { "volume" } else { "file" }, &wanted);
        put(text, "media", "cdrom");
        // It was the other image's.
        text.remove("size");
    }
}

/// The text of a drive with an image in it.
pub fn with_image(image: &str) -> String {
    CD.to_text(&Values::from_iter([("cd.source", "iso"), ("cd.image", image)]), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_changed() {
        let old = "local:iso/tiny.iso,media=cdrom,size=748K";
        let mut values = CD.from_text(old);
        assert_eq!((values.get("cd.source"), values.get("cd.image")), ("iso", "local:iso/tiny.iso"));
        assert_eq!(CD.to_text(&values, Some(old)), old);
        values.set("cd.source", "none");
        assert_eq!(CD.to_text(&values, Some(old)), "none,media=cdrom");
        values.set("cd.source", "physical");
        assert_eq!(CD.to_text(&values, None), "cdrom,media=cdrom");
        assert_eq!(with_image("a:iso/b.iso"), "a:iso/b.iso,media=cdrom");
        let cloud = "local:103/vm-103-cloudinit.qcow2,media=cdrom";
        assert_eq!(CD.to_text(&CD.from_text(cloud), Some(cloud)), cloud);
    }
}
