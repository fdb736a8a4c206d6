//! The QEMU guest agent: `agent=enabled=1,fstrim_cloned_disks=1`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `agent`.
pub const AGENT: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::bare("agent.enabled", "enabled"),
        Prop::flag("agent.fstrim", "fstrim_cloned_disks", false).when(is_on),
        Prop::flag("agent.freeze", "freeze-fs", true).when(is_on),
        Prop::text("agent.type", "type").when(is_on),
    ],
};

fn is_on(values: &Values) -> bool {
    values.is_on("agent.enabled")
}

fn fields(form: Form) -> Form {
    form.toggle("agent.enabled", "QEMU guest agent")
        .help("For clean shutdowns, addresses and consistent backups. The agent must be installed in the guest, too.")
        .toggle("agent.fstrim", "Trim after moving")
        .help("Runs fstrim in the guest after a disk was moved or the VM was migrated.")
        .when(is_on)
        .advanced()
        .toggle("agent.freeze", "Freeze for backups")
        .help("Freezes the file systems while a backup or snapshot begins.")
        .initial("1")
        .when(is_on)
        .advanced()
        .select(
            "agent.type",
            "Agent channel",
            choices(&[("", "VirtIO (default)"), ("virtio", "VirtIO"), ("isa", "ISA")]),
        )
        .when(is_on)
        .advanced()
}
