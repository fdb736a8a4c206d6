//! Processors: `cpu=x86-64-v2-AES,flags=+aes;-pcid` and the settings beside it (`sockets`, `cores`, `vcpus`, ...).

use super::{Device, Head, Prop, Properties, check, choices, put};
use crate::{
    api::hardware,
    ui::{Choice, Choices, Form, Values},
};

/// The setting `cpu` in its property string; the form has the plain settings, too.
pub const CPU: Device =
    Device { fields, head: Some(Head { read, write }), props: &[Prop::bare("cpu.type", "cputype")] };

/// The plain settings of this form: each is a parameter of its own.
pub const PLAIN: [&str; 6] = ["sockets", "cores", "vcpus", "cpulimit", "affinity", "cpuunits"];

const TYPES: [(&str, &str); 18] = [
    ("", "default of the server"),
    ("x86-64-v2-AES", "x86-64-v2-AES"),
    ("host", "host"),
    ("x86-64-v2", "x86-64-v2"),
    ("x86-64-v3", "x86-64-v3"),
    ("x86-64-v4", "x86-64-v4"),
    ("max", "max"),
    ("kvm64", "kvm64"),
    ("qemu64", "qemu64"),
    ("EPYC", "AMD EPYC"),
    ("EPYC-Rome", "AMD EPYC Rome"),
    ("EPYC-Milan", "AMD EPYC Milan"),
    ("EPYC-Genoa", "AMD EPYC Genoa"),
    ("Skylake-Server", "Intel Skylake"),
    ("Cascadelake-Server", "Intel Cascade Lake"),
    ("Icelake-Server", "Intel Ice Lake"),
    ("SapphireRapids", "Intel Sapphire Rapids"),
    ("cortex-a57", "Arm Cortex-A57"),
];

const FLAGS: [(&str, &str); 12] = [
    ("aes", "aes: AES in hardware"),
    ("md-clear", "md-clear: MDS fixes visible"),
    ("pcid", "pcid: cheaper Meltdown fix"),
    ("spec-ctrl", "spec-ctrl: Spectre fix, Intel"),
    ("ssbd", "ssbd: SSB fix, Intel"),
    ("ibpb", "ibpb: Spectre fix, AMD"),
    ("virt-ssbd", "virt-ssbd: SSB fix, AMD"),
    ("amd-ssbd", "amd-ssbd: better SSB fix, AMD"),
    ("amd-no-ssb", "amd-no-ssb: no SSB, AMD"),
    ("pdpe1gb", "pdpe1gb: 1 GiB pages"),
    ("hv-tlbflush", "hv-tlbflush: faster Windows"),
    ("hv-evmcs", "hv-evmcs: nested Hyper-V"),
];

/// The usual models, and all others that a node can give its guests; those of the cluster's own first.
pub fn offer(models: &[hardware::CpuModel]) -> Choices {
    let mut models: Vec<&hardware::CpuModel> = models.iter().collect();
    models.sort_by(|a, b| (!a.custom, &a.vendor, &a.name).cmp(&(!b.custom, &b.vendor, &b.name)));
    let more = models.into_iter().map(|model| {
        let whose = match (model.custom, &*model.vendor) {
            (true, _) => "of this cluster",
            (_, "GenuineIntel") => "Intel",
            (_, "AuthenticAMD") => "AMD",
            _ => "",
        };
        Choice::new(model.name.as_str()).detail(whose)
    });
    super::supply::extended(&TYPES, more.collect())
}

/// The flags that the server names, with what they are good for and where they would not work.
pub fn offer_flags(flags: &[hardware::CpuFlag], node: &str) -> Choices {
    let more = flags.iter().map(|flag| {
        let known = flag.supported_on.as_ref();
        let absent = known.is_some_and(|nodes| !nodes.is_empty() && nodes.iter().all(|name| name != node));
        let missing = if absent { format!("{node} doesn't have it; ") } else { String::new() };
        Choice::new(flag.name.as_str()).detail(format!("{missing}{}", flag.description.trim()))
    });
    Choices::Ready(more.collect())
}

/// What the running guests of the node have been promised, besides this one.
fn warn_promised(_: &str, values: &Values) -> Option<String> {
    let of = |key: &str| values.get(key).parse::<u64>().ok();
    let node = of("node.cpus")?;
    if total(values) > node {
        return Some(format!("{} in all: {} has only {node}, and won't start it", total(values), values.get("node")));
    }
    let all = of("node.vcpus")? + total(values);
    (all > node).then(|| {
        format!("with the guests that run there {all} processors are promised, {} has {node}", values.get("node"))
    })
}

fn number(values: &Values, key: &str) -> u64 {
    values.get(key).parse().unwrap_or(1)
}

/// Processors that the guest sees.
pub fn total(values: &Values) -> u64 {
    number(values, "sockets") * number(values, "cores")
}

fn total_text(values: &Values) -> Option<String> {
    Some(format!("{} in all", total(values)))
}

fn check_vcpus(text: &str, values: &Values) -> Result<(), String> {
    match text.parse::<u64>() {
        Ok(n) if n > total(values) => Err(format!("must not be more than {}: sockets times cores", total(values))),
        _ => Ok(()),
    }
}

fn check_limit(text: &str, values: &Values) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(n) if n > 128.0 => Err("must not be more than 128".into()),
        _ => check::positive(text, values),
    }
}

fn check_off(text: &str, values: &Values) -> Result<(), String> {
    let on: Vec<&str> = values.get("cpu.on").split(',').collect();
    match text.split(',').find(|flag| on.contains(flag)) {
        Some(both) => Err(format!("{both} can't be both on and off")),
        None => Ok(()),
    }
}

fn fields(form: Form) -> Form {
    form.number("sockets", "Sockets", 1..=4)
        .initial("1")
        .required()
        .number("cores", "Cores", 1..=256)
        .initial("1")
        .required()
        .hint(total_text)
        .help("Per socket. A guest with more processors than its node has doesn't start.")
        .warn(warn_promised)
        .select("cpu.type", "Type", choices(&TYPES))
        .initial("x86-64-v2-AES")
        .free()
        .help("host is fastest, but such a VM can only move to equal processors. Other models can be typed.")
        .check(check::part)
        .number("vcpus", "vCPUs at start", 1..=1024)
        .placeholder("all")
        .help("The others can be plugged in while the guest runs.")
        .check(check_vcpus)
        .advanced()
        .text("cpulimit", "CPU limit")
        .placeholder("unlimited")
        .unit("cores")
        .help("Time that all processors of the guest may use together: 1.5 is one and a half cores.")
        .check(check_limit)
        .advanced()
        .text("affinity", "CPU affinity")
        .placeholder("all cores")
        .help("The node's processors that this guest may run on, for example 0,5,8-11.")
        .check(check::cpu_set)
        .advanced()
        .number("cpuunits", "CPU units", 1..=262_144)
        .placeholder("100")
        .help("Its share when processors are scarce; the others have 100.")
        .advanced()
        .toggle("numa", "NUMA")
        .help("Needed for plugging processors and memory while the guest runs.")
        .advanced()
        .multi("cpu.on", "Flags on", choices(&FLAGS))
        .placeholder("as the type has them")
        .advanced()
        .multi("cpu.off", "Flags off", choices(&FLAGS))
        .placeholder("as the type has them")
        .check(check_off)
        .advanced()
}

fn read(text: &Properties, values: &mut Values) {
    let flags: Vec<&str> = text.get("flags").unwrap_or_default().split(';').collect();
    let with = |sign: char| flags.iter().filter_map(|flag| flag.strip_prefix(sign)).collect::<Vec<_>>().join(",");
    values.set("cpu.on", with('+'));
    values.set("cpu.off", with('-'));
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    if ["cpu.on", "cpu.off"].iter().all(|key| new.get(key) == before.get(key)) && !text.is_empty() {
        return;
    }
    let signed = |sign: char, key: &str| {
        let flags = new.get(key).split(',').filter(|flag| !flag.is_empty());
        flags.map(|flag| format!("{sign}{flag}")).collect::<Vec<_>>()
    };
    let mut wanted = signed('+', "cpu.on");
    wanted.extend(signed('-', "cpu.off"));
    let old: Vec<String> = text.get("flags").unwrap_or_default().split(';').map(str::to_owned).collect();
    // Those that stay keep their places.
    let mut flags: Vec<String> = old.iter().filter(|flag| wanted.contains(flag)).cloned().collect();
    flags.extend(wanted.into_iter().filter(|flag| !old.contains(flag)));
    if flags.is_empty() {
        text.remove("flags");
    } else {
        put(text, "flags", &flags.join(";"));
    }
}
