//! The settings of containers, in the order in which the pages show them.

use super::{
    form,
    setting::{Key, Live, Setting, Tab, setting},
};
use crate::views::device::{
    ct_nic::CT_NIC,
    ct_resource,
    feature::FEATURES,
    mount::{MOUNT, ROOTFS},
    passthrough::PASSTHROUGH,
    startup::STARTUP,
};

const fn resource(key: &'static str, title: &'static str) -> Setting {
    Setting { always: true, live: Live::Now, ..setting(Tab::Hardware, Key::One(key), title) }
}

const fn option(key: &'static str, title: &'static str) -> Setting {
    Setting { always: true, ..setting(Tab::Options, Key::One(key), title) }
}

const fn dns(key: &'static str, title: &'static str) -> Setting {
    Setting { always: true, live: Live::Now, default: "the node's", ..setting(Tab::Dns, Key::One(key), title) }
}

fn mib(get: &dyn Fn(&str) -> Option<String>, key: &str) -> String {
    format!("{} MiB", get(key).unwrap_or_else(|| "512".into()))
}

/// All rows.
pub static SETTINGS: &[Setting] = &[
    Setting {
        default: "512 MiB, 512 MiB swap",
        fields: Some(|form, _| ct_resource::memory(form)),
        plain: &ct_resource::MEMORY,
        show: Some(|get| format!("{}, {} swap", mib(get, "memory"), mib(get, "swap"))),
        ..resource("memory", "Memory and swap")
    },
    Setting {
        default: "all of the node",
        fields: Some(|form, _| ct_resource::cpu(form)),
        plain: &ct_resource::CPU,
        show: Some(|get| {
            let mut text = get("cores").unwrap_or_default();
            for (key, word) in [("cpulimit", "limit"), ("cpuunits", "units")] {
                if let Some(value) = get(key) {
                    text += &format!(", {word} {value}");
                }
            }
            text.trim_start_matches(", ").to_owned()
        }),
        ..resource("cores", "Cores")
    },
    Setting { live: Live::Restart, device: Some(&ROOTFS), ..resource("rootfs", "Root disk") },
    Setting {
        add: true,
        live: Live::Now,
        device: Some(&MOUNT),
        ..setting(Tab::Hardware, Key::Numbered("mp", 256), "Mount point")
    },
    Setting {
        add: true,
        root: true,
        device: Some(&PASSTHROUGH),
        ..setting(Tab::Hardware, Key::Numbered("dev", 256), "Device")
    },
    Setting { live: Live::Now, fixed: true, ..setting(Tab::Hardware, Key::Numbered("unused", 256), "Unused volume") },
    Setting {
        add: true,
        live: Live::Now,
        device: Some(&CT_NIC),
        ..setting(Tab::Network, Key::Numbered("net", 32), "Network")
    },
    Setting {
        default: "CT and its id",
        fields: Some(form::hostname),
        plain: &["hostname"],
        ..dns("hostname", "Hostname")
    },
    Setting { fields: Some(form::searchdomain), plain: &["searchdomain"], ..dns("searchdomain", "DNS domain") },
    Setting { fields: Some(form::nameserver), plain: &["nameserver"], ..dns("nameserver", "DNS servers") },
    Setting { live: Live::Now, default: "none", fields: Some(form::tags), plain: &["tags"], ..option("tags", "Tags") },
    Setting { live: Live::Now, default: "none", ..option("description", "Notes") },
    Setting {
        live: Live::Now,
        default: "no",
        fields: Some(form::onboot),
        plain: &["onboot"],
        ..option("onboot", "Start at boot")
    },
    Setting {
        live: Live::Now,
        default: "any order",
        device: Some(&STARTUP),
        ..option("startup", "Start/shutdown order")
    },
    Setting { fixed: true, ..option("ostype", "OS type") },
    Setting { fixed: true, default: "amd64", ..option("arch", "Architecture") },
    Setting { default: "yes", fields: Some(form::console), plain: &["console"], ..option("console", "/dev/console") },
    Setting { default: "2", fields: Some(form::tty), plain: &["tty"], ..option("tty", "Terminals") },
    Setting { default: "terminal", fields: Some(form::cmode), plain: &["cmode"], ..option("cmode", "Console mode") },
    Setting {
        live: Live::Now,
        default: "no",
        fields: Some(form::protection),
        plain: &["protection"],
        ..option("protection", "Protection")
    },
    Setting { fixed: true, default: "no", ..option("unprivileged", "Unprivileged") },
    Setting { default: "none", device: Some(&FEATURES), ..option("features", "Features") },
    Setting {
        live: Live::Now,
        root: true,
        default: "none",
        fields: Some(form::hookscript),
        plain: &["hookscript"],
        ..option("hookscript", "Hook script")
    },
    Setting {
        root: true,
        default: "/sbin/init",
        fields: Some(form::entrypoint),
        plain: &["entrypoint"],
        ..option("entrypoint", "Entry point")
    },
    Setting {
        root: true,
        default: "none",
        fields: Some(form::environment),
        read: Some(form::read_environment),
        write: Some(form::write_environment),
        ..option("env", "Environment")
    },
    Setting {
        live: Live::Now,
        default: "its own",
        fields: Some(form::timezone),
        plain: &["timezone"],
        ..option("timezone", "Time zone")
    },
    Setting { default: "no", fields: Some(form::debug), plain: &["debug"], ..option("debug", "Debug log") },
    Setting { fixed: true, ..setting(Tab::Options, Key::One("template"), "Template") },
    Setting { fixed: true, ..setting(Tab::Options, Key::One("lock"), "Lock") },
];
