//! The steps of the restore wizard.

use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        ids::GuestKind,
    },
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard},
    views::device::supply::free_memory,
    views::{backup::row::Row, device::check, guest::new},
};

/// Most mount points that can be put onto other storages one by one.
const MOUNTS: usize = 8;

/// The fields of the storages of a container's volumes.
pub fn mounts() -> impl Iterator<Item = String> {
    std::iter::once("on.rootfs".to_owned()).chain((0..MOUNTS).map(|n| format!("on.mp{n}")))
}

fn is_new(values: &Values) -> bool {
    values.get("target") != "over"
}

/// True when the guest is replaced.
pub fn is_over(values: &Values) -> bool {
    values.get("target") == "over"
}

fn check_typed(text: &str, values: &Values) -> Result<(), String> {
    let id = values.get("old.vmid");
    if text == id { Ok(()) } else { Err(format!("type {id} to say that this guest may be replaced")) }
}

fn over_words(values: &Values) -> Option<String> {
    let what = values.get("old.what");
    (is_over(values) && !what.is_empty()).then(|| "its disks are deleted first".into())
}

fn runs(values: &Values) -> bool {
    is_over(values) && values.is_on("old.runs")
}

/// What HA does is asked of its manager: that the guest has gone down nobody tells.
fn check_power(_: &str, values: &Values) -> Result<(), String> {
    if values.is_on("old.ha") {
        Err("HA looks after it: let HA ignore or stop it, then restore".into())
    } else {
        Ok(())
    }
}

fn was(key: &'static str) -> fn(&Values) -> Option<String> {
    fn say(values: &Values, key: &str) -> Option<String> {
        let was = values.get(key);
        (!was.is_empty()).then(|| format!("was {was}"))
    }
    match key {
        "name" => |v| say(v, "was.name"),
        "memory" => |v| say(v, "was.memory"),
        "cores" => |v| say(v, "was.cores"),
        "sockets" => |v| say(v, "was.sockets"),
        _ => |v| say(v, "was.swap"),
    }
}

fn remaps(values: &Values) -> bool {
    values.is_on("remap")
}

/// Field, condition and hint of a mount point's storage: conditions are plain functions, so each has its own.
macro_rules! mount {
    ($form:expr, $($key:literal),*) => {{
        let mut form = $form;
        $(
            form = form
                .select(concat!("on.", $key), concat!("Storage of ", $key), Choices::Loading)
                .when(|v| remaps(v) && !v.get(concat!("has.", $key)).is_empty())
                .hint(|v| Some(v.get(concat!("has.", $key)).to_owned()));
        )*
        form
    }};
}

fn target(row: &Row, old: Option<&Guest>, store: &Store) -> Form {
    let mut targets = vec![Choice::labelled("new", "a new guest")];
    if let Some(old) = old {
        targets.push(Choice::labelled("over", format!("over {}", old.label())));
    }
    let reach = |node: &str| {
        row.shared && store.resources.storages.iter().any(|s| s.storage == row.storage() && s.node == node)
            || row.node.as_str() == node
    };
    let nodes = store.resources.nodes.iter().filter(|n| n.is_online() && reach(n.node.as_str()));
    let nodes: Vec<Choice> =
        nodes.map(|n| Choice::new(n.node.as_str()).detail(free_memory(n).unwrap_or_default())).collect();
    let home = old.map(|g| g.node.as_str()).filter(|home| nodes.iter().any(|n| n.value == *home));
    let first = home.unwrap_or(row.node.as_str()).to_owned();
    let mut pools = vec![Choice::labelled("", "none")];
    pools.extend(store.resources.pools.iter().map(|p| Choice::new(p.as_str())));
    let form = Form::new()
        .select("target", "Restore", targets)
        .initial("new")
        .required()
        .hint(over_words)
        .help("To a new guest with an id of its own, or in place of the one that the backup was made of.")
        .number("vmid", "New ID", 100..=999_999_999)
        .required()
        .check(new::check_id)
        .when(is_new)
        .select("node", "Node", nodes)
        .initial(&first)
        .required()
        .when(is_new)
        .help("The nodes that see the storage of the backup.")
        .text("typed", "Type its ID")
        .required()
        .check(check_typed)
        .when(is_over)
        .help("Restoring over a guest can't be undone.")
        .select(
            "power",
            "It is running",
            [("shutdown", "shut it down first"), ("stop", "pull its plug first")].map(Choice::from).to_vec(),
        )
        .required()
        .check(check_power)
        .when(runs)
        .help("A running guest can't be replaced. If it does not stop, it stays as it is and nothing is restored.");
    form.select("storage", "Storage", Choices::Loading)
        .help("Where the disks go: where they were when the backup was made, or all of them onto this one.")
        .select("pool", "Pool", pools)
        .when(is_new)
}

fn options(row: &Row, kind: GuestKind) -> Form {
    let form = Form::new()
        .toggle("unique", "Unique")
        .help("New MAC addresses (and a new UUID), so that the copy and the original can run side by side.")
        .toggle("start", "Start afterwards")
        .number("bwlimit", "Bandwidth limit", 0..=100_000_000)
        .unit("KiB/s")
        .help("Empty: the limit of the storage, if it has one. 0: none.")
        .toggle("ha", "High availability")
        .help("Makes it a resource of the HA manager.")
        .when(is_new);
    match kind {
        GuestKind::Vm => {
            let pbs = row.storage_type == "pbs";
            let form = form.toggle("live-restore", "Live restore");
            if pbs {
                form.help("Starts at once and reads its disks from the Backup Server meanwhile. When it fails, what was written until then is lost.")
            } else {
                form.check(|text, _| if text == "1" { Err("only from a Proxmox Backup Server".into()) } else { Ok(()) })
                    .help("Only from a Proxmox Backup Server; this storage is none.")
                    .advanced()
            }
        }
        GuestKind::Ct => {
            let form = form
                .select(
                    "unprivileged",
                    "Privilege level",
                    [("", "from the backup"), ("1", "unprivileged"), ("0", "privileged")].map(Choice::from).to_vec(),
                )
                .help("The owners of all files are shifted when it changes.")
                .toggle("remap", "Other storages")
                .help("Puts the root disk and mount points onto storages one by one.");
            let form = mount!(form, "rootfs", "mp0", "mp1", "mp2", "mp3", "mp4", "mp5", "mp6", "mp7");
            form.toggle("ignore-unpack-errors", "Ignore errors")
                .help("Goes on when some files can't be unpacked.")
                .advanced()
        }
    }
}

fn overrides(kind: GuestKind) -> Form {
    let form = Form::new()
        .note("What is left empty comes from the backup.")
        .text("name", if kind == GuestKind::Vm { "Name" } else { "Hostname" })
        .check(check::name)
        .hint(was("name"))
        .number("memory", "Memory", 16..=4_194_304)
        .unit("MiB")
        .hint(was("memory"))
        .number("cores", "Cores", 1..=8192)
        .hint(was("cores"));
    match kind {
        GuestKind::Vm => form.number("sockets", "Sockets", 1..=128).hint(was("sockets")),
        GuestKind::Ct => form.number("swap", "Swap", 0..=4_194_304).unit("MiB").hint(was("swap")),
    }
}

/// The wizard for a backup.
pub fn wizard(row: &Row, kind: GuestKind, old: Option<&Guest>, store: &Store) -> Wizard {
    Wizard::new()
        .step("Target", target(row, old, store))
        .step("Options", options(row, kind))
        .step("Overrides", overrides(kind))
        .last("Confirm")
}

/// Lets the forms know how the guest is that may be replaced.
pub fn follow(wizard: &mut Wizard, _: &Store, old: Option<&Guest>) {
    if let Some(old) = old {
        wizard.set_fact("old.vmid", old.vmid.to_string());
        wizard.set_fact("old.what", old.label());
        let managed = old.hastate.as_ref().is_some_and(|state| state != "ignored");
        wizard.set_fact("old.ha", if managed { "1" } else { "0" });
        wizard.set_fact("old.runs", if old.status == GuestStatus::Stopped { "0" } else { "1" });
    }
    wizard.share();
}
