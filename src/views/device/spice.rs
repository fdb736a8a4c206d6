//! Extras of SPICE displays: `spice_enhancements=foldersharing=1,videostreaming=filter`.

use super::{Device, Prop, choices};
use crate::ui::Form;

/// The setting `spice_enhancements`.
pub const SPICE: Device = Device {
    fields,
    head: None,
    props: &[Prop::flag("spice.folders", "foldersharing", false), Prop::text("spice.video", "videostreaming")],
};

fn fields(form: Form) -> Form {
    form.toggle("spice.folders", "Folder sharing")
        .help("Needs a SPICE display and the SPICE WebDAV daemon in the guest.")
        .select(
            "spice.video",
            "Video streaming",
            choices(&[("", "off (default)"), ("off", "off"), ("all", "all"), ("filter", "filter")]),
        )
        .help("Shows fast moving areas of the screen as video.")
}
