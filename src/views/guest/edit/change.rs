//! From a change of settings to the call, with what will be different and when; and removal of everything that can be
//! removed.

use super::{
    row::{self, Row},
    setting::{Drive, Key, bus, number, volume},
    sheet::Sheet,
};
use crate::{
    api::{
        guest::{self as api, Change},
        ids::{GuestKind, GuestRef},
        vm,
    },
    shell::{Degree, Proposal, Write},
};

/// The guest whose settings are edited, as it was when they were loaded.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it is.
    pub guest: GuestRef,
    /// What people call it.
    pub name: String,
    /// It runs, so that some changes wait.
    pub running: bool,
    /// Who is logged in.
    pub user: String,
}

impl Subject {
    /// `VM 100 (web)`
    pub fn label(&self) -> String {
        let (kind, vmid) = (self.guest.kind.label(), self.guest.vmid);
        if self.name.is_empty() { format!("{kind} {vmid}") } else { format!("{kind} {vmid} ({})", self.name) }
    }
}

/// Something that the user wants, so that it can be done again on top of somebody else's change.
#[derive(Clone, Debug)]
pub enum Mine {
    /// Settings with their new texts; empty ones are removed.
    Texts(Vec<(String, String)>),
    /// Fields of a form that were changed.
    Form {
        /// The setting, or [`super::setting::NEW`].
        key: String,
        /// The kind of row.
        setting: &'static super::setting::Setting,
        /// The unused volume that is attached.
        volume: Option<String>,
        /// Field and value.
        fields: Vec<(String, String)>,
    },
    /// Drop what waits for these.
    Revert(Vec<String>),
    /// Remove these; with their volumes if `true`.
    Remove(Vec<String>, bool),
}

/// The call that makes a change. Allocating and freeing volumes may take long, so VMs do it in a task.
pub fn write(label: String, guest: &GuestRef, change: &Change) -> Write {
    let makes = |value: &str| {
        let file = value.split(',').next().unwrap_or_default();
        let size = file.rsplit(':').next().unwrap_or_default();
        let new = file.contains(':') && !size.is_empty() && size.chars().all(|c| c.is_ascii_digit() || c == '.');
        new || value.contains("import-from=") || file.ends_with(":cloudinit")
    };
    let is_volume = |key: &str| bus(key).is_some() || key == "efidisk0" || key == "tpmstate0";
    let allocates = change.set.iter().any(|p| is_volume(&p.name) && makes(&p.value));
    let frees = change.force || change.delete.iter().any(|key| number(key, "unused").is_some());
    if guest.kind == GuestKind::Vm && (allocates || frees) {
        Write::new(label, vm::set_config(guest, change)).on_guest(guest.vmid)
    } else {
        Write::new(label, api::set_config(guest, change)).on_guest(guest.vmid)
    }
}

/// A change as something to confirm: every old and new value, and when it holds.
pub fn propose(subject: &Subject, sheet: &Sheet, title: &str, change: &Change) -> Option<Proposal> {
    if change.set.is_empty() && change.delete.is_empty() && change.revert.is_empty() {
        return None;
    }
    let kind = subject.guest.kind;
    let label = format!("{title} of {}", subject.label());
    let write = write(label.clone(), &subject.guest, change);
    let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
    proposal.notes = sheet.describe(change);
    let touched = change.set.iter().map(|p| (p.name.as_str(), p.value.as_str()));
    let touched: Vec<(&str, &str)> =
        touched.chain(change.delete.iter().map(|key| (key.as_str(), sheet.wanted(key).unwrap_or_default()))).collect();
    let settings = || touched.iter().filter_map(|(key, text)| Some((*key, row::find(kind, key, text)?)));
    if subject.running && !touched.is_empty() {
        let waits: Vec<&str> = settings().filter(|(key, s)| !s.is_live(key, sheet)).map(|(key, _)| key).collect();
        proposal.notes.push(match waits.len() {
            0 => "The running guest takes it over at once.".into(),
            n if n == touched.len() => {
                "It waits for the next start; a reboot from inside the guest is not enough.".into()
            }
            _ => format!("These wait for the next start: {}.", waits.join(", ")),
        });
    }
    if subject.user != "root@pam" && settings().any(|(_, setting)| setting.root) {
        proposal.notes.push(format!("Only root@pam may change this: the server may refuse {}.", subject.user));
    }
    Some(proposal)
}

/// What removing a row means.
pub struct Removal {
    /// What it is called: "Detach", "Remove" ...
    pub verb: &'static str,
    /// The settings that go.
    pub keys: Vec<String>,
    /// What happens to the volume, or else should be known.
    pub note: Option<String>,
    /// Data is lost for ever.
    pub destroys: bool,
}

/// How a row is removed.
///
/// # Errors
/// Why it can't be.
pub fn removal(kind: GuestKind, row: &Row, sheet: &Sheet) -> Result<Removal, &'static str> {
    let Some(setting) = row.setting else { return Err("it belongs to another tool, and the API can't change it") };
    let key = row.key.as_str();
    let text = sheet.wanted(key).unwrap_or_default();
    let set: Vec<String> = setting.keys(key).into_iter().filter(|key| sheet.wanted(key).is_some()).collect();
    if kind == GuestKind::Ct && matches!(key, "rootfs" | "ostype" | "arch" | "unprivileged" | "memory") {
        return Err("a container can't be without");
    }
    if set.is_empty() {
        return Err("it is not set");
    }
    let stays =
        || volume(text).map(|volume| format!("{volume} stays as an unused disk; remove that to delete its data."));
    let removal = |verb, note| Removal { verb, keys: set.clone(), note, destroys: false };
    Ok(match setting.key {
        Key::Drive(Drive::CloudInit) => {
            removal("Remove", Some("The generated volume is deleted; the cloud-init settings stay.".into()))
        }
        Key::Drive(Drive::Cd) => removal("Remove", None),
        Key::Drive(Drive::Disk) => removal("Detach", stays()),
        Key::Numbered("unused", _) => Removal {
            destroys: true,
            ..removal("Delete", Some(format!("{text} is deleted with everything on it. There is no way back.")))
        },
        Key::Numbered("mp", _) => match stays() {
            Some(note) => removal("Detach", Some(note)),
            None => removal("Remove", Some("The directory of the node stays as it is.".into())),
        },
        Key::One("efidisk0") => removal("Detach", stays()),
        Key::One("tpmstate0") => {
            let note = stays().unwrap_or_default();
            removal(
                "Detach",
                Some(format!("{note} What was sealed with it, such as BitLocker keys, can't be opened without.")),
            )
        }
        _ if setting.fixed => return Err("it can't be changed here"),
        Key::One(_) if setting.always => removal("Go back to the default", None),
        _ => removal("Remove", None),
    })
}

/// The proposal to remove a row; `force` deletes a detached disk's volume at once.
pub fn propose_removal(
    subject: &Subject,
    sheet: &Sheet,
    row: &Row,
    removal: &Removal,
    force: bool,
) -> Option<Proposal> {
    let title = format!("{} {}", if force { "Delete" } else { removal.verb }, row.title);
    let change = sheet.remove(removal.keys.clone(), force);
    let mut proposal = propose(subject, sheet, &title, &change)?;
    match force {
        true => {
            let volume = sheet.wanted(&row.key).and_then(volume).unwrap_or_default();
            proposal.notes.push(format!("{volume} is deleted with everything on it. There is no way back."));
        }
        false => proposal.notes.extend(removal.note.clone()),
    }
    let degree =
        if force || removal.destroys { Degree::Typed(subject.guest.vmid.to_string()) } else { Degree::Careful };
    let boots = sheet.wanted("boot").is_some_and(|boot| boot.split(['=', ';']).any(|device| device == row.key));
    if boots {
        proposal.notes.push(format!("{} is in the boot order: see Options.", row.key));
    }
    Some(proposal.degree(degree))
}
