//! When a guest is started with its node: `startup=order=2,up=30,down=60`.

use super::{Device, Prop};
use crate::ui::Form;

/// The setting `startup`.
pub const STARTUP: Device = Device {
    fields,
    head: None,
    props: &[Prop::named("startup.order", "order"), Prop::text("startup.up", "up"), Prop::text("startup.down", "down")],
};

fn fields(form: Form) -> Form {
    form.number("startup.order", "Start order", 0..=i64::from(u32::MAX))
        .placeholder("any")
        .help("Guests with lower numbers start first and shut down last.")
        .advanced()
        .number("startup.up", "Start-up delay", 0..=i64::from(u32::MAX))
        .unit("s")
        .placeholder("none")
        .help("How long to wait before the next guest is started.")
        .advanced()
        .number("startup.down", "Shutdown timeout", 0..=i64::from(u32::MAX))
        .unit("s")
        .placeholder("180")
        .help("How long the guest may take to shut down before it is stopped.")
        .advanced()
}
