//! Removing volumes: who uses them is found out and named first.

use super::shelf::Item;
use crate::{
    api::{
        ids::{ContentKind, VmId},
        volume,
    },
    shell::{Degree, Proposal, Write},
    store::Store,
};

/// Why a volume can't be removed here, if it can't.
pub fn refuse(item: &Item, store: &Store) -> Option<String> {
    if item.volume.protected {
        return Some(format!("{} is protected: take the protection away first (p)", item.volume.volid.file_name()));
    }
    let disk = matches!(item.volume.kind(), ContentKind::Images | ContentKind::Rootdir);
    let owner = item.volume.owner().and_then(|vmid| store.guest(vmid)).filter(|_| disk)?;
    Some(format!(
        "{} belongs to {} {} ({}): remove it in the guest's hardware",
        item.volume.volid.file_name(),
        owner.kind.label(),
        owner.vmid,
        owner.name
    ))
}

/// The guests in words: `VM 100 (web), CT 200 (db)`.
pub fn named(users: &[VmId], store: &Store) -> String {
    let one = |vmid: &VmId| match store.guest(*vmid) {
        Some(g) => format!("{} {} ({})", g.kind.label(), g.vmid, g.name),
        None => vmid.to_string(),
    };
    let mut text = users.iter().take(12).map(one).collect::<Vec<_>>().join(", ");
    if users.len() > 12 {
        text.push_str(&format!(" and {} more", users.len() - 12));
    }
    text
}

/// The proposal to remove volumes whose users are known. `unread` guests could not be asked.
pub fn proposal(items: &[&Item], unread: &[VmId], store: &Store) -> Option<Proposal> {
    let (kept, gone): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|i| refuse(i, store).is_some());
    let (first, rest) = gone.split_first()?;
    let label = |i: &Item| format!("Remove {}", i.volume.volid);
    let title = if rest.is_empty() { label(first) } else { format!("Remove {} volumes", gone.len()) };
    let writes = gone.iter().map(|i| Write::new(label(i), volume::remove(&i.node, &i.volume.volid))).collect();
    let mut proposal = Proposal::new(format!("{title}?"), writes).degree(Degree::Careful);
    for item in &gone {
        if let Some(users) = item.users.as_ref().filter(|u| !u.is_empty()) {
            let what = match item.volume.kind() {
                ContentKind::Iso => "is inserted in the CD drive of",
                _ => "is used by",
            };
            proposal = proposal.note(format!(
                "{} {what} {}. They can't start until that is changed.",
                item.volume.volid.file_name(),
                named(users, store)
            ));
        }
        if item.shared && rest.is_empty() {
            proposal = proposal.note(format!("The storage is shared: it is gone on {} at once.", item.place));
        }
    }
    if !unread.is_empty() {
        proposal = proposal.note(format!("Could not be asked whether they use it: {}.", named(unread, store)));
    }
    for item in kept {
        proposal = proposal.note(format!("Left out: {}", refuse(item, store).unwrap_or_default()));
    }
    Some(proposal.note("There is no way back."))
}
