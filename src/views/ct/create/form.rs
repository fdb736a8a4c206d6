//! The steps of the create-container wizard: the forms of the devices, and what belongs to the container as a whole.

use super::fetch;
use crate::{
    ssh_key,
    ui::{Choice, Choices, Form, Values, Wizard},
    views::{
        device::{check, choices, ct_console, ct_nic, ct_resource, dns, feature, mount, passthrough, startup},
        guest::new,
    },
};

/// Most mount points, network devices and devices of one container that the wizard makes.
const MOST_MOUNTS: usize = 64;
const MOST_NICS: usize = 32;
const MOST_DEVICES: usize = 16;

/// Systems that the server knows how to set up.
const OS_TYPES: [(&str, &str); 12] = [
    ("", "found out from the template"),
    ("debian", "Debian"),
    ("devuan", "Devuan"),
    ("ubuntu", "Ubuntu"),
    ("centos", "CentOS and relatives"),
    ("fedora", "Fedora"),
    ("opensuse", "openSUSE"),
    ("archlinux", "Arch Linux"),
    ("alpine", "Alpine"),
    ("gentoo", "Gentoo"),
    ("nixos", "NixOS"),
    ("unmanaged", "unmanaged: nothing is set up in it"),
];

const ARCHITECTURES: [(&str, &str); 7] = [
    ("", "that of the template"),
    ("amd64", "amd64"),
    ("i386", "i386"),
    ("arm64", "arm64"),
    ("armhf", "armhf"),
    ("riscv64", "riscv64"),
    ("riscv32", "riscv32"),
];

/// Lines of keys that were typed; the facts `trouble.FILE` are about those in files.
fn check_key(text: &str, _: &Values) -> Result<(), String> {
    match ssh_key::parse(text)?.trouble {
        Some(trouble) => Err(trouble),
        None => Ok(()),
    }
}

fn warn_keys(text: &str, values: &Values) -> Option<String> {
    let troubles = text.split(',').filter_map(|file| match values.get(&format!("trouble.{file}")) {
        "" => None,
        trouble => Some(format!("{file}: {trouble}")),
    });
    let all: Vec<String> = troubles.collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn check_variable(text: &str, _: &Values) -> Result<(), String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && name.chars().all(word) && !value.chars().any(char::is_control) => {
            Ok(())
        }
        _ => Err("must be NAME=VALUE".into()),
    }
}

fn check_plain(text: &str, _: &Values) -> Result<(), String> {
    if text.chars().any(char::is_control) { Err("must be one line".into()) } else { Ok(()) }
}

fn general(nodes: Vec<Choice>, pools: Vec<Choice>, node: &str) -> Form {
    let form = Form::new()
        .select("node", "Node", Choices::Ready(nodes))
        .initial(node)
        .required()
        .number("vmid", "CT ID", 100..=999_999_999)
        .required()
        .help("Unique in the whole cluster; the next free one is proposed.")
        .check(new::check_id)
        .text("hostname", "Host name")
        .placeholder("web-01")
        .check(check::name)
        .warn(new::warn_name)
        .toggle("unprivileged", "Unprivileged")
        .initial("1")
        .help("Root in the container is nobody on the node. Off: only for what doesn't work otherwise.");
    let mut form = (feature::FEATURES.fields)(form);
    form.set_initial("features.nesting", "1");
    let form = form
        .select("pool", "Pool", Choices::Ready(pools))
        .text("tags", "Tags")
        .placeholder("none")
        .help("Separated by ; or blanks.")
        .check(check::tags)
        .toggle("onboot", "Start at boot")
        .toggle("start", "Start after creation")
        .toggle("ha", "High availability")
        .help("Makes the container a resource of the HA manager as soon as it exists.")
        .advanced();
    (startup::STARTUP.fields)(form)
}

fn access() -> Form {
    Form::new()
        .secret("password", "Root password")
        .placeholder("none: with a key only")
        .at_least(5)
        .secret("password2", "Once more")
        .repeats("password")
        .multi("ssh.keys", "SSH keys", Choices::Loading)
        .placeholder("none")
        .help("Your own public keys, which may log in as root. Enter opens the list, Space marks.")
        .warn(warn_keys)
        .text("ssh.other", "Another key")
        .placeholder("ssh-ed25519 AAAA... name")
        .help("A line of somebody else's .pub file, to be pasted here.")
        .check(check_key)
        .toggle("ssh.new", "New key pair")
        .help("Space asks which kind, and makes it in your own key folder.")
}

fn template() -> Form {
    let form = Form::new()
        .select("ostemplate", "Template", Choices::Loading)
        .free()
        .required()
        .hint(fetch::progress)
        .help("Templates on the node's storages. Type to search.")
        .check(check::part);
    fetch::fields(form)
        .select("ostype", "System", choices(&OS_TYPES))
        .advanced()
        .select("arch", "Architecture", choices(&ARCHITECTURES))
        .advanced()
        .number("bwlimit", "Limit unpacking to", 0..=i64::from(u32::MAX))
        .unit("KiB/s")
        .placeholder("as configured for the storage")
        .advanced()
        .toggle("ignore-unpack-errors", "Ignore mistakes")
        .help("Goes on when a file of the template can't be unpacked.")
        .advanced()
}

fn disks() -> Form {
    Form::new().group("rootfs", "Root disk", 1..=1, |_| (mount::ROOTFS.fields)(Form::new())).group(
        "mp",
        "Mount point",
        0..=MOST_MOUNTS,
        |_| (mount::MOUNT.fields)(Form::new()),
    )
}

fn nic(number: usize) -> Form {
    let mut form = (ct_nic::CT_NIC.fields)(Form::new());
    form.set_initial("name", &format!("eth{number}"));
    form
}

fn options() -> Form {
    let form = Form::new()
        .text("description", "Notes")
        .placeholder("none")
        .toggle("protection", "Protection")
        .help("It and its volumes can't be removed.")
        .select("timezone", "Time zone", choices(&[("", "of the template"), ("host", "of the node")]))
        .free()
        .help("Others can be typed, for example Europe/Vienna.")
        .check(check_plain)
        .text("hookscript", "Hook script")
        .placeholder("none")
        .help("A volume with snippets, for example local:snippets/hook.pl. Only root@pam.")
        .check(check::part)
        .warn(check::root_only)
        .advanced()
        .text("entrypoint", "First program")
        .placeholder("/sbin/init")
        .help("What runs as init, with its arguments; images for applications have their own.")
        .check(check_plain)
        .advanced()
        .toggle("debug", "Verbose log")
        .help("More to read when the container starts.")
        .advanced();
    ct_console::fields(form)
        .group("env", "Variable", 0..=MOST_DEVICES, |_| {
            Form::new()
                .text("text", "Variable")
                .placeholder("NAME=VALUE")
                .required()
                .help("In the environment of the first program.")
                .check(check_variable)
        })
        .advanced()
        .group("dev", "Device of the node", 0..=MOST_DEVICES, |_| (passthrough::PASSTHROUGH.fields)(Form::new()))
        .advanced()
}

/// The steps of the wizard.
pub fn wizard(nodes: Vec<Choice>, pools: Vec<Choice>, node: &str) -> Wizard {
    let mut wizard = Wizard::new()
        .step("General", general(nodes, pools, node))
        .step("Access", access())
        .step("Template", template())
        .step("Disks", disks())
        .step("Resources", ct_resource::memory(ct_resource::cpu(Form::new())))
        .step("Network", Form::new().group("net", "Network device", 0..=MOST_NICS, nic).items(1))
        .step("DNS", dns::fields(Form::new()))
        .step("Options", options())
        .last("Confirm");
    follow(&mut wizard);
    wizard
}

/// Lets what the user has left alone follow what the node has. Call it after every change.
pub fn follow(wizard: &mut Wizard) {
    wizard.share();
    let values = wizard.known();
    let best = values.get("storage.best");
    for (group, sub, value) in
        [("rootfs", "storage", best), ("mp", "storage", best), ("net", "bridge", values.get("bridge.first"))]
    {
        if !value.is_empty() {
            wizard.set_default_of_items(group, sub, value);
        }
    }
    wizard.set_default("fetch.storage", values.get("fetch.best"));
    wizard.share();
}
