//! The sound card: `audio0=device=ich9-intel-hda,driver=spice`.

use super::{Device, Prop, choices};
use crate::ui::Form;

/// The setting `audio0`.
pub const AUDIO: Device =
    Device { fields, head: None, props: &[Prop::text("audio.device", "device"), Prop::text("audio.driver", "driver")] };

fn fields(form: Form) -> Form {
    form.select(
        "audio.device",
        "Sound card",
        choices(&[
            ("ich9-intel-hda", "Intel HDA, ICH9 (q35)"),
            ("intel-hda", "Intel HDA, ICH6"),
            ("AC97", "AC97 (old guests)"),
        ]),
    )
    .initial("ich9-intel-hda")
    .required()
    .select(
        "audio.driver",
        "Heard through",
        choices(&[("", "SPICE (default)"), ("spice", "SPICE"), ("none", "nothing")]),
    )
    .help("SPICE needs a graphics card of that kind, and its viewer. With nothing the guest just has a card.")
}
