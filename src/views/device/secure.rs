//! Encrypted memory: `amd-sev=type=snp,no-debug=1`, `intel-tdx=type=tdx,attestation=1`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `amd-sev`.
pub const SEV: Device = Device {
    fields: sev,
    head: None,
    props: &[
        Prop::named("sev.type", "type"),
        Prop::flag("sev.nodebug", "no-debug", false).when(has_sev),
        Prop::flag("sev.nosharing", "no-key-sharing", false).when(shares_keys),
        Prop::flag("sev.smt", "allow-smt", true).when(is_snp),
        Prop::flag("sev.hashes", "kernel-hashes", false).when(has_sev),
    ],
};

/// The setting `intel-tdx`.
pub const TDX: Device = Device {
    fields: tdx,
    head: None,
    props: &[
        Prop::named("tdx.type", "type"),
        Prop::flag("tdx.attestation", "attestation", true).when(has_tdx),
        Prop::text("tdx.cid", "vsock-cid").when(attests),
        Prop::text("tdx.port", "vsock-port").when(attests),
    ],
};

fn has_sev(values: &Values) -> bool {
    !values.get("sev.type").is_empty()
}

fn is_snp(values: &Values) -> bool {
    values.get("sev.type") == "snp"
}

fn shares_keys(values: &Values) -> bool {
    matches!(values.get("sev.type"), "std" | "es")
}

fn has_tdx(values: &Values) -> bool {
    !values.get("tdx.type").is_empty()
}

fn attests(values: &Values) -> bool {
    has_tdx(values) && values.is_on("tdx.attestation")
}

fn sev(form: Form) -> Form {
    form.select("sev.type", "AMD SEV", choices(&[("", "off"), ("std", "SEV"), ("es", "SEV-ES"), ("snp", "SEV-SNP")]))
        .help("Needs an EPYC processor and UEFI; live migration, RAM snapshots and hibernation are not possible then.")
        .toggle("sev.nodebug", "No debugging")
        .when(has_sev)
        .toggle("sev.nosharing", "No key sharing")
        .when(shares_keys)
        .toggle("sev.smt", "Allow SMT")
        .initial("1")
        .when(is_snp)
        .toggle("sev.hashes", "Kernel hashes")
        .help("For measured direct boot of a kernel.")
        .when(has_sev)
}

fn tdx(form: Form) -> Form {
    form.select("tdx.type", "Intel TDX", choices(&[("", "off"), ("tdx", "TDX")]))
        .help("Needs a Xeon with TDX, the machine q35 and UEFI.")
        .toggle("tdx.attestation", "Attestation")
        .initial("1")
        .when(has_tdx)
        .number("tdx.cid", "Vsock CID", 2..=i64::from(u32::MAX))
        .placeholder("2")
        .when(attests)
        .number("tdx.port", "Vsock port", 0..=i64::from(u32::MAX))
        .placeholder("4050")
        .when(attests)
}
