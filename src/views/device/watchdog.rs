//! The watchdog: `watchdog=model=i6300esb,action=reset`.

use super::{Device, Prop, choices};
use crate::ui::Form;

/// The setting `watchdog`.
pub const WATCHDOG: Device = Device {
    fields,
    head: None,
    props: &[Prop::bare("watchdog.model", "model"), Prop::text("watchdog.action", "action")],
};

fn fields(form: Form) -> Form {
    form.select("watchdog.model", "Watchdog", choices(&[("i6300esb", "Intel 6300ESB"), ("ib700", "iBASE 700")]))
        .initial("i6300esb")
        .required()
        .help("Acts when the guest has stopped feeding it; an agent in the guest must do that.")
        .select(
            "watchdog.action",
            "Then",
            choices(&[
                ("", "default"),
                ("reset", "reset"),
                ("shutdown", "shut down"),
                ("poweroff", "power off"),
                ("pause", "pause"),
                ("debug", "only log"),
                ("none", "nothing"),
            ]),
        )
        .initial("reset")
}
