//! Disks that exist: growing them, moving them to another storage, giving them to another guest.

use super::{
    Editing,
    change::Subject,
    setting::{NEW, bus, number, volume},
    sheet::Sheet,
    supply::{self, Heard, Question, Supply},
};
use crate::{
    api::{
        ApiError, disk,
        guest::{self as api, Config, Which},
        ids::{GuestKind, VmId},
        property::Properties,
    },
    shell::{
        Cx, Proposal, Write,
        dialog::{Ask, Dialog, Msg},
    },
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard},
    views::device::{check, choices, disk as device, slot},
};

/// A disk of a guest.
struct Disk {
    subject: Subject,
    key: String,
    text: String,
    digest: Option<String>,
}

impl Disk {
    fn of(editing: &Editing, key: &str) -> Self {
        let text = editing.sheet.wanted(key).unwrap_or_default().to_owned();
        Self { subject: editing.subject.clone(), key: key.to_owned(), text, digest: editing.sheet.digest() }
    }

    fn size(&self) -> String {
        Properties::parse(&self.text).get("size").unwrap_or("an unknown size").to_owned()
    }

    fn storage(&self) -> &str {
        volume(&self.text).and_then(|volume| volume.split_once(':')).map_or("", |(storage, _)| storage)
    }

    fn propose<T>(&self, title: String, request: crate::api::Request<T>) -> Proposal {
        let label = format!("{title} of {}", self.subject.label());
        Proposal::new(format!("{label}?"), vec![Write::new(label, request).on_guest(self.subject.guest.vmid)])
    }
}

/// Grows a disk.
pub struct Resize(Disk);

impl Resize {
    /// The dialog for a disk.
    pub fn dialog(editing: &Editing, key: &str) -> Dialog<Self> {
        let form = Form::new()
            .text("size", "Grow by")
            .initial("1")
            .unit("GiB")
            .required()
            .help("What is added to its size. A disk can't be made smaller again.")
            .check(check::size);
        Dialog::new(Self(Disk::of(editing, key)), Wizard::single(form))
    }
}

impl Ask for Resize {
    type Msg = ();
    const NAME: &'static str = "Resize disk";

    fn title(&self) -> String {
        format!("Grow {} ({}): {}", self.0.key, self.0.size(), self.0.subject.label())
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let disk = &self.0;
        let values = wizard.values();
        let size = values.get("size");
        let request = disk::resize(&disk.subject.guest, &disk.key, &format!("+{size}G"), disk.digest.as_deref());
        let after = match disk.subject.guest.kind {
            GuestKind::Vm => "Partitions and file systems inside the VM have to be grown there.",
            GuestKind::Ct => "The file system grows with it.",
        };
        let proposal = disk.propose(format!("Grow {} by {size} GiB", disk.key), request);
        Some(proposal.note(format!("{}: {} -> {} + {size} GiB", disk.key, disk.size(), disk.size())).note(after))
    }
}

/// Moves a disk to another storage.
pub struct Move {
    disk: Disk,
    supply: Supply,
}

fn takes_format(values: &Values) -> bool {
    values.get("kind") == "vm" && device::keeps_files(values, values.get("storage"))
}

fn other_storage(text: &str, values: &Values) -> Result<(), String> {
    if text == values.get("old") && values.get("format").is_empty() {
        return Err("is where it is already; another format would be a reason".into());
    }
    Ok(())
}

impl Move {
    /// The dialog for a disk.
    pub fn dialog(editing: &Editing, key: &str) -> Dialog<Self> {
        let form = Form::new()
            .select("storage", "To storage", Choices::Loading)
            .required()
            .check(check::storage)
            .check(other_storage)
            .select(
                "format",
                "Format",
                choices(&[("", "as it is (default)"), ("qcow2", "qcow2"), ("raw", "raw"), ("vmdk", "vmdk")]),
            )
            .help("Only storages that keep disks as files have a choice.")
            .when(takes_format)
            .toggle("delete", "Delete the old volume")
            .initial("1")
            .help("Off: it stays as an unused disk.")
            .number("bwlimit", "Limit", 0..=i64::from(u32::MAX))
            .unit("MiB/s")
            .placeholder("that of the storage")
            .advanced();
        let disk = Disk::of(editing, key);
        let mut wizard = Wizard::single(form);
        wizard.set_fact("old", disk.storage());
        wizard.set_fact("kind", if disk.subject.guest.kind == GuestKind::Vm { "vm" } else { "ct" });
        wizard.set_fact("node", disk.subject.guest.node.as_str());
        wizard.share();
        Dialog::new(Self { disk, supply: Supply::default() }, wizard)
    }
}

impl Ask for Move {
    type Msg = Heard;
    const NAME: &'static str = "Move disk";

    fn title(&self) -> String {
        format!("Move {} from {}: {}", self.disk.key, self.disk.storage(), self.disk.subject.label())
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Heard>>) {
        for question in supply::questions(wizard, &self.disk.subject) {
            if let Question::Storages(request) = question {
                cx.send(request, Heard::Storages);
            }
        }
    }

    fn update(&mut self, heard: Heard, wizard: &mut Wizard, _: &mut Cx<'_, Msg<Heard>>) {
        self.supply.heard(heard, wizard, &self.disk.subject);
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let (disk, values) = (&self.disk, wizard.values());
        let storage = values.get("storage");
        if storage.is_empty() {
            return None;
        }
        let how = disk::Move {
            storage: storage.into(),
            format: Some(values.get("format").to_owned()).filter(|format| !format.is_empty()),
            delete: values.is_on("delete"),
            bwlimit: values.get("bwlimit").parse::<u64>().ok().map(|mib| mib * 1024),
            digest: disk.digest.clone(),
        };
        let request = disk::move_to(&disk.subject.guest, &disk.key, &how);
        let mut proposal = disk.propose(format!("Move {} to {storage}", disk.key), request);
        proposal.notes.push(format!("{}: {} -> {storage}", disk.key, disk.storage()));
        proposal.notes.push(match how.delete {
            true => "The old volume is deleted once the new one is there.".into(),
            false => "The old volume stays as an unused disk.".into(),
        });
        if disk.subject.guest.kind == GuestKind::Ct && disk.subject.running {
            proposal.notes.push("The container runs: the server refuses to move a volume in use.".into());
        }
        Some(proposal)
    }
}

/// Gives a disk to another guest.
pub struct Give {
    disk: Disk,
    /// The settings of the guest that was chosen.
    target: Option<(VmId, Sheet)>,
}

/// What [`Give`] hears.
pub struct Target(VmId, Result<Config, ApiError>);

fn check_number(text: &str, values: &Values) -> Result<(), String> {
    let bus = values.get("bus");
    let room = match bus {
        "unused" | "mp" => 256,
        bus => slot::room(bus),
    };
    let taken = values.get("target.taken").split(' ').any(|key| key == format!("{bus}{text}"));
    match text.parse::<usize>() {
        Ok(n) if n >= room => Err(format!("{bus} goes from 0 to {}", room - 1)),
        Ok(_) if taken => Err(format!("{bus}{text} is taken there")),
        _ => Ok(()),
    }
}

impl Give {
    /// The dialog for a disk.
    pub fn dialog(editing: &Editing, key: &str, store: &Store) -> Dialog<Self> {
        let disk = Disk::of(editing, key);
        let own = &disk.subject.guest;
        let able = |g: &&crate::api::cluster::Guest| {
            g.kind == own.kind && g.node == own.node && g.vmid != own.vmid && !g.template
        };
        let guests = store.resources.guests.iter().filter(able);
        let guests: Vec<Choice> = guests
            .map(|g| Choice::new(g.vmid.to_string()).detail(format!("{} ({})", g.name, g.status.as_str())))
            .collect();
        let buses: &[&str] = match own.kind {
            GuestKind::Vm => &["scsi", "virtio", "sata", "ide", "unused"],
            GuestKind::Ct => &["mp", "unused"],
        };
        let first = if number(key, "unused").is_some() { "unused" } else { bus(key).unwrap_or(buses[0]) };
        let form = Form::new()
            .select("target", "To guest", Choices::Ready(guests))
            .required()
            .help("Guests of the same kind on the same node.")
            .select("bus", "As", Choices::Ready(buses.iter().map(|bus| Choice::new(*bus)).collect()))
            .initial(first)
            .required()
            .number("number", "Number", 0..=255)
            .placeholder("next free")
            .check(check_number);
        Dialog::new(Self { disk, target: None }, Wizard::single(form))
    }

    fn place(&self, values: &Values) -> Option<String> {
        let (bus, number) = (values.get("bus"), values.get("number"));
        if !number.is_empty() {
            return Some(format!("{bus}{number}"));
        }
        let (vmid, sheet) = self.target.as_ref()?;
        let room = if matches!(bus, "unused" | "mp") { 256 } else { slot::room(bus) };
        sheet.free(bus, room).filter(|_| vmid.to_string() == values.get("target"))
    }
}

impl Ask for Give {
    type Msg = Target;
    const NAME: &'static str = "Give disk away";

    fn title(&self) -> String {
        format!("Give {} of {} to another guest", self.disk.key, self.disk.subject.label())
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Target>>) {
        let chosen = wizard.values().get("target").parse().ok().and_then(VmId::new);
        let Some(guest) = chosen.filter(|_| key == "target").and_then(|vmid| cx.store().guest(vmid)) else { return };
        let vmid = guest.vmid;
        cx.send(api::config(&guest.reference(), &Which::Pending), move |answer| Target(vmid, answer));
    }

    fn update(&mut self, Target(vmid, answer): Target, wizard: &mut Wizard, _: &mut Cx<'_, Msg<Target>>) {
        match answer {
            Ok(config) => {
                let taken: Vec<&str> = config.values.keys().map(|key| key.as_str()).collect();
                wizard.set_fact("target.taken", taken.join(" "));
                self.target = Some((vmid, Sheet::of(&config)));
            }
            Err(error) => wizard.set_trouble(Some(format!("The settings of {vmid} can't be read: {error}"))),
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let target = values.get("target").parse().ok().and_then(VmId::new)?;
        let (disk, place) = (&self.disk, self.place(&values)?);
        let request = disk::give(&disk.subject.guest, &disk.key, target, &place, disk.digest.as_deref());
        let name = store.guest(target).map_or_else(String::new, |g| format!(" ({})", g.name));
        let mut proposal = disk.propose(format!("Give {} to {target}{name}", disk.key), request);
        let volume = volume(&disk.text).unwrap_or_default();
        proposal
            .notes
            .push(format!("{volume}: {} of {} -> {place} of {target}{name}", disk.key, disk.subject.guest.vmid));
        proposal.notes.push("The volume is renamed after its new owner; its data stays as it is.".into());
        if disk.subject.running && number(&disk.key, "unused").is_none() {
            proposal.notes.push("This guest runs: the server refuses to take a disk in use.".into());
        }
        Some(proposal)
    }
}

/// A row is a disk with a volume of its own that can be grown, moved and given away.
pub fn is_disk(key: &str, text: &str) -> bool {
    key != NEW
        && volume(text).is_some()
        && !text.contains("media=cdrom")
        && (bus(key).is_some() || matches!(key, "rootfs" | "efidisk0" | "tpmstate0") || number(key, "mp").is_some())
}
