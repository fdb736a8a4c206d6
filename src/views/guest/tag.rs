//! Tags of guests: added to and removed from one guest or many at once.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};

use crate::{
    api::{
        ApiError,
        cluster::Guest,
        guest::{self, Change, Config, Which},
        ids::{GuestRef, VmId},
        tag,
    },
    shell::{Ask, Cx, Dialog, Proposal, SessionId, World, Write, dialog},
    store::Store,
    ui::{Choice, Form, Values, Wizard},
};

/// Guests that are read at the same time.
const AT_ONCE: usize = 8;

/// What the dialog hears back: the settings of each guest.
pub struct Msg(Vec<(VmId, Result<Config, ApiError>)>);

/// Adds and removes tags.
pub struct Tags {
    guests: Vec<Guest>,
    configs: HashMap<VmId, Result<Config, ApiError>>,
}

/// All tags of the cluster, and how many guests have each.
pub fn known(store: &Store) -> Vec<Choice> {
    let mut counted: Vec<(&str, usize)> = vec![];
    let registered = store.tags.registered.iter().map(|tag| (tag.as_str(), 0));
    let used = store.resources.guests.iter().flat_map(Guest::tags).map(|tag| (tag, 1));
    for (tag, count) in registered.chain(used) {
        match counted.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, n)) => *n += count,
            None => counted.push((tag, count)),
        }
    }
    counted.sort_unstable_by_key(|(tag, _)| tag.to_lowercase());
    let choice = |(tag, n): (&str, usize)| {
        let registered = store.tags.registered.iter().any(|r| store.tags.style.same(r, tag));
        let guests = if n == 1 { "1 guest".to_owned() } else { format!("{n} guests") };
        Choice::new(tag).detail(if registered { format!("{guests}, registered") } else { guests })
    };
    counted.into_iter().map(choice).collect()
}

/// `a-z`, `0-9`, `_`, then also `-`, `+`, `.`.
pub fn check(tags: &str, _: &Values) -> Result<(), String> {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good = |t: &str| t.bytes().enumerate().all(|(i, b)| first(b) || (i > 0 && b"-+.".contains(&b)));
    match tag::split(tags).find(|t| !good(t)) {
        Some(tag) => Err(format!("\"{tag}\" is no tag: letters, digits, _ and, after the first, - + .")),
        None => Ok(()),
    }
}

/// Why these changes to a guest's tags will be refused, as far as the rules are known. Who may change the cluster may
/// use all.
pub fn refusals(before: &[&str], after: &[&str], store: &Store) -> Vec<String> {
    let permissions = store.permissions.as_ref().filter(|_| store.user != "root@pam");
    if permissions.is_none_or(|p| crate::api::privilege::has(p, "Sys.Modify", "/")) {
        return vec![];
    }
    let exists =
        |tag: &str| store.resources.guests.iter().flat_map(Guest::tags).any(|known| store.tags.style.same(known, tag));
    let changed = after.iter().filter(|t| !before.contains(t)).chain(before.iter().filter(|t| !after.contains(t)));
    let mut all: Vec<String> = changed.filter_map(|tag| store.tags.refuse(tag, exists)).collect();
    all.dedup();
    all
}

impl Tags {
    /// A dialog for these guests.
    pub fn open(store: &Store, guests: &[&Guest]) -> Dialog<Self> {
        let present: BTreeSet<&str> = guests.iter().flat_map(|g| g.tags()).collect();
        let there = known(store).into_iter().filter(|c| present.contains(c.value.as_str())).collect::<Vec<_>>();
        let form = Form::new()
            .multi("add", "Add", known(store))
            .free()
            .check(check)
            .help("Space marks one, typing makes a new one.")
            .multi("remove", "Remove", there)
            .free()
            .check(check)
            .help("Those that at least one of the guests has.");
        let guests = guests.iter().map(|g| (*g).clone()).collect();
        Dialog::new(Self { guests, configs: HashMap::new() }, Wizard::single(form))
    }
}

async fn read(world: World, session: SessionId, guests: Vec<GuestRef>) -> Vec<(VmId, Result<Config, ApiError>)> {
    let client = match world.client(session) {
        Ok(client) => client,
        Err(error) => return guests.iter().map(|g| (g.vmid, Err(error.clone()))).collect(),
    };
    let client = &client;
    let answers = stream::iter(guests)
        .map(|g| async move { (g.vmid, client.ask(guest::config(&g, &Which::Pending)).await) })
        .buffer_unordered(AT_ONCE);
    answers.collect().await
}

impl Ask for Tags {
    type Msg = Msg;
    const NAME: &'static str = "Tags";

    fn title(&self) -> String {
        match self.guests.as_slice() {
            [one] => format!("Tags of {} {} ({})", one.kind.label(), one.vmid, one.name),
            many => format!("Tags of {} guests", many.len()),
        }
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let (session, guests) = (cx.session(), self.guests.iter().map(Guest::reference).collect());
        cx.job(move |world| Box::pin(async move { Msg(read(world, session, guests).await) }));
    }

    fn update(&mut self, Msg(answers): Msg, _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.configs = answers.into_iter().collect();
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (add, remove): (Vec<&str>, Vec<&str>) =
            (tag::split(values.get("add")).collect(), tag::split(values.get("remove")).collect());
        let same = |a: &str, b: &str| store.tags.style.same(a, b);
        let (mut writes, mut notes) = (vec![], vec![]);
        for g in &self.guests {
            let config = match self.configs.get(&g.vmid) {
                Some(Ok(config)) => config,
                Some(Err(error)) => {
                    notes.push(format!("Left out: {} {}: {error}", g.vmid, g.name));
                    continue;
                }
                None => return None,
            };
            let before: Vec<&str> = tag::split(config.get("tags").unwrap_or_default()).collect();
            let mut after: Vec<&str> = before.iter().filter(|t| !remove.iter().any(|r| same(r, t))).copied().collect();
            for tag in &add {
                if !after.iter().any(|t| same(t, tag)) {
                    after.push(tag);
                }
            }
            if after == before {
                continue;
            }
            notes.extend(refusals(&before, &after, store));
            let mut change = Change { digest: Some(config.digest.clone()), ..Change::default() };
            match after.is_empty() {
                true => change.delete.push("tags".into()),
                false => change.set.push(guest::param("tags", after.join(";"))),
            }
            let label = format!("Tags of {} {} ({})", g.kind.label(), g.vmid, g.name);
            let write = Write::new(label, guest::set_config(&g.reference(), &change)).on_guest(g.vmid);
            writes.push(write);
        }
        if writes.is_empty() {
            return None;
        }
        notes.sort_unstable();
        notes.dedup();
        let title = match writes.as_slice() {
            [one] => format!("{}?", one.label.replacen("Tags of", "Change the tags of", 1)),
            many => format!("Change the tags of {} guests?", many.len()),
        };
        let mut proposal = Proposal::new(title, writes);
        proposal.notes = notes;
        Some(proposal)
    }
}
