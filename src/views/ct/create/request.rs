//! The call that the create-container wizard makes, and where the server's complaints about it belong.

use crate::{
    api::{
        Param, Request,
        guest::param,
        ids::{NodeName, Upid, VmId},
        lxc,
    },
    ui::Values,
    views::device::{
        ct_console,
        ct_nic::CT_NIC,
        ct_resource, dns,
        feature::FEATURES,
        items,
        mount::{MOUNT, ROOTFS},
        passthrough::PASSTHROUGH,
        startup::STARTUP,
    },
};

/// Who may log in as root.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access<'a> {
    /// The password; never in [`Values`].
    pub password: Option<&'a str>,
    /// Lines of public keys.
    pub keys: &'a [String],
}

/// An item's values, and behind them what its conditions look at.
fn around(mut item: Values, values: &Values) -> Values {
    // Not the fields of other items: they have numbers in their keys.
    item.extend(values.clone());
    item
}

fn params(values: &Values, access: Access) -> Vec<Param> {
    let mut params: Vec<Param> = vec![];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            params.push(param(name, value));
        }
    };
    add("ostemplate", values.get("ostemplate"));
    add("hostname", values.get("hostname"));
    add("unprivileged", values.get("unprivileged"));
    add("features", &FEATURES.to_text(values, None));
    add("pool", values.get("pool"));
    let tags: Vec<&str> = values.get("tags").split([';', ',', ' ']).filter(|tag| !tag.is_empty()).collect();
    add("tags", &tags.join(";"));
    for key in ["ostype", "arch"] {
        add(key, values.get(key));
    }
    for item in items(values, "rootfs").into_iter().take(1) {
        add("rootfs", &ROOTFS.to_text(&around(item, values), None));
    }
    for (n, item) in items(values, "mp").into_iter().enumerate() {
        add(&format!("mp{n}"), &MOUNT.to_text(&around(item, values), None));
    }
    for key in ct_resource::CPU.into_iter().chain(ct_resource::MEMORY) {
        add(key, values.get(key));
    }
    for (n, item) in items(values, "net").into_iter().enumerate() {
        add(&format!("net{n}"), &CT_NIC.to_text(&item, None));
    }
    for (key, value) in dns::settings(values) {
        add(key, &value);
    }
    for (key, value) in ct_console::settings(values) {
        add(key, &value);
    }
    for key in ["timezone", "hookscript", "entrypoint", "description", "bwlimit"] {
        add(key, values.get(key));
    }
    let variables: Vec<String> = items(values, "env").iter().map(|item| item.get("text").to_owned()).collect();
    add("env", &variables.join("\0"));
    for (n, item) in items(values, "dev").into_iter().enumerate() {
        add(&format!("dev{n}"), &PASSTHROUGH.to_text(&item, None));
    }
    add("startup", &STARTUP.to_text(values, None));
    add("password", access.password.unwrap_or_default());
    add("ssh-public-keys", &access.keys.join("\n"));
    for (key, name) in [
        ("onboot", "onboot"),
        ("protection", "protection"),
        ("debug", "debug"),
        ("ignore-unpack-errors", "ignore-unpack-errors"),
        ("ha", "ha-managed"),
        ("start", "start"),
    ] {
        if values.is_on(key) {
            add(name, "1");
        }
    }
    params
}

/// The call that creates the container. `None` while node, id or template are missing. The values are those of the wizard
/// with its facts ([`crate::ui::Wizard::known`]).
pub fn request(values: &Values, access: Access) -> Option<Request<Upid>> {
    let node = NodeName::from(values.get("node"));
    let vmid = VmId::new(values.get("vmid").parse().ok()?)?;
    let complete = !node.is_empty() && !values.get("ostemplate").is_empty();
    complete.then(|| lxc::create(&node, vmid, &params(values, access)))
}

/// The field that answers for a parameter of the call.
pub fn field_of(parameter: &str, values: &Values) -> String {
    let bare = parameter.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare != parameter {
        match bare {
            "mp" if values.get(&format!("{parameter}.source")) == "bind" => return format!("{parameter}.bind"),
            "mp" => return format!("{parameter}.storage"),
            "net" => return format!("{parameter}.bridge"),
            "dev" => return format!("{parameter}.path"),
            _ => {}
        }
    }
    match parameter {
        "rootfs" | "storage" => "rootfs0.storage",
        "features" => "features.nesting",
        "ssh-public-keys" => "ssh.keys",
        "startup" => "startup.order",
        "ha-managed" => "ha",
        "env" => "env0.text",
        other => other,
    }
    .into()
}

/// Where an error belongs that names no parameter: the server refuses ids in use, absent storages and what only root@pam may
/// do that way.
pub fn field_of_text(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let has = |words: &str| text.contains(words);
    if has("already exists") {
        Some("vmid")
    } else if has("feature flags") {
        Some("features.nesting")
    } else if has("template") || has("vztmpl") {
        Some("ostemplate")
    } else if has("storage") || has("datastore") {
        Some("rootfs0.storage")
    } else if has("pool") {
        Some("pool")
    } else if has("bridge") || has("sdn") {
        Some("net0.bridge")
    } else {
        None
    }
}
