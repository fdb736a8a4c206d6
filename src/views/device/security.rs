//! Encrypted guests and SPICE: `amd-sev=snp,no-debug=1`, `intel-tdx=tdx,attestation=1`,
//! `spice_enhancements=foldersharing=1,videostreaming=all`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `amd-sev`.
pub const SEV: Device = Device {
    fields: sev_fields,
    head: None,
    props: &[
        Prop::bare("sev.type", "type"),
        Prop::flag("sev.nodebug", "no-debug", false),
        Prop::flag("sev.nosharing", "no-key-sharing", false).when(shares_keys),
        Prop::flag("sev.smt", "allow-smt", true).when(is_snp),
        Prop::flag("sev.hashes", "kernel-hashes", false),
    ],
};

/// The setting `intel-tdx`.
pub const TDX: Device = Device {
    fields: tdx_fields,
    head: None,
    props: &[
        Prop::bare("tdx.type", "type"),
        Prop::text("tdx.attestation", "attestation"),
        Prop::text("tdx.cid", "vsock-cid").when(attests),
        Prop::text("tdx.port", "vsock-port").when(attests),
    ],
};

/// The setting `spice_enhancements`.
pub const SPICE: Device = Device {
    fields: spice_fields,
    head: None,
    props: &[Prop::flag("spice.folders", "foldersharing", false), Prop::text("spice.video", "videostreaming")],
};

fn is_snp(values: &Values) -> bool {
    values.get("sev.type") == "snp"
}

fn shares_keys(values: &Values) -> bool {
    !is_snp(values)
}

fn attests(values: &Values) -> bool {
    values.is_on("tdx.attestation")
}

fn sev_fields(form: Form) -> Form {
    form.select("sev.type", "AMD SEV", choices(&[("std", "SEV"), ("es", "SEV-ES"), ("snp", "SEV-SNP")]))
        .initial("snp")
        .required()
        .help("Encrypts the guest's memory. Needs UEFI, and such a processor; the VM can't be migrated or saved.")
        .toggle("sev.nodebug", "No debugging")
        .toggle("sev.nosharing", "No key sharing")
        .when(shares_keys)
        .toggle("sev.smt", "Allow SMT")
        .initial("1")
        .when(is_snp)
        .toggle("sev.hashes", "Kernel hashes")
        .help("For a kernel that is started directly.")
        .advanced()
}

fn tdx_fields(form: Form) -> Form {
    form.select("tdx.type", "Intel TDX", choices(&[("tdx", "TDX")]))
        .initial("tdx")
        .required()
        .help("Encrypts the guest's memory. Needs UEFI, and such a processor; the VM can't be migrated or saved.")
        .select("tdx.attestation", "Attestation", choices(&[("1", "yes"), ("0", "no")]))
        .initial("1")
        .required()
        .number("tdx.cid", "Vsock CID", 2..=i64::from(u32::MAX))
        .placeholder("2")
        .when(attests)
        .advanced()
        .number("tdx.port", "Vsock port", 0..=i64::from(u32::MAX))
        .placeholder("4050")
        .when(attests)
        .advanced()
}

fn spice_fields(form: Form) -> Form {
    form.toggle("spice.folders", "Folder sharing")
        .help("Shares a folder of the viewer's machine with the guest.")
        .select(
            "spice.video",
            "Video streaming",
            choices(&[("", "off (default)"), ("off", "off"), ("all", "all"), ("filter", "what moves much")]),
        )
}
