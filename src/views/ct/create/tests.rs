//! The calls of typical containers.
#![allow(clippy::unwrap_used)]
use super::{form, request};
use crate::ui::{Choice, Wizard};

/// The wizard of a cluster with thin and file storage.
fn wizard() -> Wizard {
    let mut wizard = form::wizard(vec![Choice::new("pve1")], vec![Choice::new("prod")], "pve1");
    for (fact, value) in [
        ("storages", "local-lvm nas"),
        ("storage.best", "local-lvm"),
        ("kind.local-lvm", "lvmthin"),
        ("kind.nas", "nfs"),
        ("free.nas", "107374182400"),
        ("bridges", "vmbr0 vmbr1"),
        ("bridge.first", "vmbr0"),
        ("node.cpus", "8"),
        ("user", "root@pam"),
        ("used.10.0.0.7", "CT 105 (dns)"),
    ] {
        wizard.set_fact(fact, value);
    }
    form::follow(&mut wizard);
    wizard
}

/// Fills fields in, in their order.
fn typed(pairs: &[(&str, &str)]) -> Wizard {
    let mut wizard = wizard();
    for (key, value) in pairs {
        assert!(wizard.fill(key, value), "{key}");
        form::follow(&mut wizard);
    }
    wizard
}

fn call(pairs: &[(&str, &str)], access: request::Access) -> String {
    let mut wizard = typed(pairs);
    assert_eq!(wizard.finish(), crate::ui::WizardEvent::Finish, "{:?}", wizard.errors());
    request::request(&wizard.known(), access).unwrap().to_string()
}

const BASE: &[(&str, &str)] = &[("vmid", "150"), ("hostname", "web"), ("ostemplate", "nas:vztmpl/debian-13.tar.zst")];

#[test]
fn the_usual_one() {
    let keys = ["ssh-ed25519 AAAA me".to_owned()];
    assert_eq!(
        call(BASE, request::Access { password: Some("secret"), keys: &keys }),
        "POST /nodes/pve1/lxc vmid=150 ostemplate=nas:vztmpl/debian-13.tar.zst hostname=web unprivileged=1 \
         features=nesting=1 rootfs=local-lvm:8 memory=512 swap=512 net0=name=eth0,bridge=vmbr0,ip=dhcp,firewall=1 \
         password=******** ssh-public-keys=ssh-ed25519 AAAA me"
    );
}

#[test]
fn everything_at_once() {
    let more: &[(&str, &str)] = &[
        ("unprivileged", "0"),
        ("features.nesting", "0"),
        ("features.mount", "nfs;cifs"),
        ("features.fuse", "1"),
        ("pool", "prod"),
        ("tags", "web, prod"),
        ("onboot", "1"),
        ("start", "1"),
        ("ha", "1"),
        ("startup.order", "3"),
        ("rootfs0.storage", "nas"),
        ("rootfs0.size", "4.5"),
        ("rootfs0.mountoptions", "noatime,discard"),
        ("rootfs0.acl", "1"),
        ("mp0.size", "20"),
        ("mp0.mp", "/data"),
        ("mp0.quota", "1"),
        ("mp0.replicate", "0"),
        ("mp1.source", "bind"),
        ("mp1.bind", "/mnt/share"),
        ("mp1.mp", "/share"),
        ("mp1.ro", "1"),
        ("cores", "2"),
        ("cpulimit", "1.5"),
        ("memory", "1024"),
        ("swap", "0"),
        ("net0.ipv4", "static"),
        ("net0.ip", "10.0.0.5/24"),
        ("net0.gw", "10.0.0.1"),
        ("net0.ipv6", "auto"),
        ("net0.tag", "42"),
        ("net1.bridge", "vmbr1"),
        ("net1.ipv4", ""),
        ("net1.firewall", "0"),
        ("net1.mtu", "9000"),
        ("nameserver", "10.0.0.1,10.0.0.2"),
        ("searchdomain", "example.org"),
        ("console", "0"),
        ("cmode", "shell"),
        ("timezone", "host"),
        ("protection", "1"),
        ("env0.text", "A=1"),
        ("env1.text", "B=two words"),
        ("dev0.path", "/dev/kvm"),
        ("dev0.mode", "0660"),
    ];
    let all: Vec<(&str, &str)> = BASE.iter().chain(more).copied().collect();
    assert_eq!(
        call(&all, request::Access::default()).replace('\0', "|"),
        "POST /nodes/pve1/lxc vmid=150 ostemplate=nas:vztmpl/debian-13.tar.zst hostname=web unprivileged=0 \
         features=fuse=1,mount=nfs;cifs pool=prod tags=web;prod \
         rootfs=nas:4.5,mountoptions=noatime;discard,acl=1 mp0=local-lvm:20,mp=/data,backup=1,quota=1,replicate=0 \
         mp1=/mnt/share,mp=/share,ro=1 cores=2 cpulimit=1.5 memory=1024 swap=0 \
         net0=name=eth0,bridge=vmbr0,ip=10.0.0.5/24,ip6=auto,firewall=1,tag=42,gw=10.0.0.1 \
         net1=name=eth1,bridge=vmbr1,mtu=9000 searchdomain=example.org nameserver=10.0.0.1 10.0.0.2 \
         console=0 cmode=shell timezone=host env=A=1|B=two words dev0=/dev/kvm,mode=0660 startup=order=3 onboot=1 \
         protection=1 ha-managed=1 start=1"
    );
}

#[test]
fn mistakes_stand_at_their_fields() {
    let pairs: &[(&str, &str)] = &[
        ("hostname", "my_ct"),
        ("net0.ipv4", "static"),
        ("net0.ip", "10.0.0.5/24"),
        ("net0.gw", "10.0.1.1"),
        ("mp0.mp", "data"),
        ("mp0.storage", "gone"),
        ("ssh.other", "hello"),
        ("nameserver", "dns"),
        ("oci.reference", "debian"),
    ];
    let mut wizard = typed(pairs);
    for step in 0..wizard.len() {
        wizard.form_mut(step).unwrap().validate();
    }
    let errors: Vec<String> = wizard.errors().into_keys().collect();
    // The reference has no field now: nothing is fetched.
    let wanted = ["hostname", "mp0.mp", "mp0.storage", "nameserver", "net0.gw", "ostemplate", "ssh.other", "vmid"];
    assert_eq!(errors, wanted);
}

#[test]
fn parameters_have_fields() {
    let wizard =
        typed(&[("mp0.source", "bind"), ("mp1.size", "4"), ("net1.tag", "4"), ("env0.text", "A=1"), ("dev0.path", "")]);
    let values = wizard.known();
    for parameter in [
        "vmid",
        "hostname",
        "ostemplate",
        "rootfs",
        "mp0",
        "mp1",
        "net0",
        "net1",
        "dev0",
        "env",
        "features",
        "password",
        "ssh-public-keys",
        "startup",
        "ha-managed",
        "pool",
        "tags",
        "memory",
        "swap",
        "cores",
        "nameserver",
        "timezone",
    ] {
        let field = request::field_of(parameter, &values);
        assert!(wizard.step_of(&field).is_some(), "{parameter}: {field}");
    }
    for text in [
        "unable to create CT 150 - CT 150 already exists on node 'pve1'",
        "storage 'x' does not support container directories",
        "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)",
    ] {
        assert!(wizard.step_of(request::field_of_text(text).unwrap()).is_some(), "{text}");
    }
}
