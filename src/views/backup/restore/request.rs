//! The call that restores a backup.

use super::{Restore, is_over};
use crate::{
    api::{
        Param, Request,
        guest::param,
        ids::{GuestKind, Upid, VmId},
        lxc,
        property::Properties,
        vm,
    },
    ui::Values,
};

/// Volumes of a container's configuration that can be put onto another storage: the setting, its size in GiB, the rest.
pub(super) fn volumes(archived: &[(String, String)]) -> Vec<(String, String, Properties)> {
    let all = archived.iter().filter(|(key, _)| key == "rootfs" || key.starts_with("mp"));
    all.filter_map(|(key, text)| {
        let parts = Properties::parse(text);
        // What lies on the node itself is no volume of a storage.
        let volume = parts.default_key("volume")?;
        if volume.starts_with('/') {
            return None;
        }
        let size = gib(parts.get("size")?)?;
        Some((key.clone(), size, parts))
    })
    .collect()
}

/// `8G`, `512M`, `1T` in GiB as the API wants it.
fn gib(size: &str) -> Option<String> {
    let (number, factor) = match size.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(number) => {
            let power = "KMGT".find(&size[number.len()..])? as i32;
            (number, 1024f64.powi(power - 2))
        }
        None => (size, 1.0 / (1024.0 * 1024.0 * 1024.0)),
    };
    let value = number.parse::<f64>().ok()? * factor;
    let text = format!("{value:.3}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

impl Restore {
    pub(super) fn request(&self, values: &Values) -> Option<Request<Upid>> {
        let over = is_over(values);
        let vmid = match (&self.old, over) {
            (Some(old), true) => old.vmid,
            _ => VmId::new(values.get("vmid").parse().ok()?)?,
        };
        let node = self.node(values);
        if node.is_empty() {
            return None;
        }
        let mut params: Vec<Param> = vec![];
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                params.push(param(name, value));
            }
        };
        let on = |key: &str| if values.is_on(key) { "1" } else { "" };
        let volume = self.row.volid.as_str();
        match self.kind {
            GuestKind::Vm => add("archive", volume),
            GuestKind::Ct => {
                add("ostemplate", volume);
                add("restore", "1");
            }
        }
        add("force", if over { "1" } else { "" });
        add("storage", values.get("storage"));
        add("pool", values.get("pool"));
        add("unique", on("unique"));
        add("bwlimit", values.get("bwlimit"));
        add("start", on("start"));
        add("ha-managed", on("ha"));
        match self.kind {
            GuestKind::Vm => {
                add("live-restore", on("live-restore"));
                for key in ["name", "memory", "cores", "sockets"] {
                    add(key, values.get(key));
                }
            }
            GuestKind::Ct => {
                add("unprivileged", values.get("unprivileged"));
                add("ignore-unpack-errors", on("ignore-unpack-errors"));
                for (key, value) in self.remapped(values) {
                    add(&key, &value);
                }
                add("hostname", values.get("name"));
                for key in ["memory", "swap", "cores"] {
                    add(key, values.get(key));
                }
            }
        }
        Some(match self.kind {
            GuestKind::Vm => vm::create(&node, vmid, &params),
            GuestKind::Ct => lxc::create(&node, vmid, &params),
        })
    }

    /// A container's volumes on other storages. The server wants all of them named when one is.
    fn remapped(&self, values: &Values) -> Vec<(String, String)> {
        let volumes = volumes(self.archived.as_deref().unwrap_or_default());
        let chosen = |key: &str| Some(values.get(&format!("on.{key}"))).filter(|storage| !storage.is_empty());
        if !values.is_on("remap") || !volumes.iter().any(|(key, ..)| chosen(key).is_some()) {
            return vec![];
        }
        let made = volumes.into_iter().map(|(key, size, parts)| {
            let old = parts.default_key("volume").unwrap_or_default().split(':').next().unwrap_or_default();
            let given = Some(values.get("storage")).filter(|s| !s.is_empty()).unwrap_or(old);
            let storage = chosen(&key).unwrap_or(given);
            let rest = parts.iter().filter_map(|(name, value)| {
                let name = name.filter(|n| !["volume", "size"].contains(n))?;
                Some(format!(",{name}={value}"))
            });
            let text = format!("{storage}:{size}{}", rest.collect::<String>());
            (key, text)
        });
        made.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::backup;

    #[test]
    fn sizes_in_gib() {
        let all: BTreeMap<_, _> =
            ["8G", "512M", "1T", "2147483648"].into_iter().map(|s| (s, gib(s).unwrap())).collect();
        assert_eq!(all["8G"], "8");
        assert_eq!(all["512M"], "0.5");
        assert_eq!(all["1T"], "1024");
        assert_eq!(all["2147483648"], "2");
        assert_eq!(gib("x"), None);
    }

    #[test]
    fn mount_points_that_can_move() {
        let settings = backup::settings(
            "rootfs: local:200/vm-200-disk-0.raw,size=4G\nmp0: local:200/d.raw,mp=/data,backup=1,size=1G\nmp1: /srv,mp=/srv\n",
        );
        let keys: Vec<_> = volumes(&settings).into_iter().map(|(key, size, _)| format!("{key} {size}")).collect();
        assert_eq!(keys, ["rootfs 4", "mp0 1"]);
    }
}
