//! Name, tags and notes of a guest.

use crate::{
    api::{
        ApiError,
        cluster::Guest,
        guest::{self, Change, Config, Which},
        ids::{GuestKind, GuestRef},
        tag,
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Values, Wizard},
    views::guest::tag as guest_tag,
};

/// What the dialog hears back.
pub enum Msg {
    /// The configuration as it is.
    Config(Result<Config, ApiError>),
}

/// Changes what a guest is called and what is written about it.
pub struct Describe {
    guest: GuestRef,
    name: String,
    digest: Option<String>,
    /// The tags as they are.
    tags: String,
}

impl Describe {
    /// A dialog for this guest.
    pub fn open(store: &Store, guest: &Guest) -> Dialog<Self> {
        let key = name_key(guest.kind);
        let form = Form::new()
            .text(key, if guest.kind == GuestKind::Vm { "Name" } else { "Host name" })
            .check(check_name)
            .multi("tags", "Tags", guest_tag::known(store))
            .free()
            .ordered()
            .check(guest_tag::check)
            .placeholder("none")
            .help("Space or Enter lists those of the cluster; typing makes a new one.")
            .text("description", "Notes")
            .with_lines()
            .help("Markdown; \\n stands for a new line.")
            .toggle("protection", "Protected from removal");
        let ask = Self { guest: guest.reference(), name: guest.name.to_string(), digest: None, tags: String::new() };
        Dialog::new(ask, Wizard::single(form))
    }
}

fn name_key(kind: GuestKind) -> &'static str {
    if kind == GuestKind::Vm { "name" } else { "hostname" }
}

fn check_name(name: &str, _: &Values) -> Result<(), String> {
    let part = |p: &str| !p.is_empty() && !p.starts_with('-') && !p.ends_with('-') && p.len() <= 63;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if plain && name.split('.').all(part) {
        Ok(())
    } else {
        Err("letters, digits and hyphens only, with dots between parts".into())
    }
}

impl Ask for Describe {
    type Msg = Msg;
    const NAME: &'static str = "Name, tags and notes";

    fn title(&self) -> String {
        format!("{} ({})", self.guest, self.name)
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        cx.send(guest::config(&self.guest, &Which::Pending), Msg::Config);
    }

    fn update(&mut self, Msg::Config(answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        match answer {
            Ok(config) => {
                self.digest = Some(config.digest.clone()).filter(|d| !d.is_empty());
                let key = name_key(self.guest.kind);
                let tags = config.get("tags").unwrap_or_default();
                self.tags = tags.to_owned();
                let notes = config.get("description").unwrap_or_default().trim_end().replace('\n', "\\n");
                wizard.set_initial(key, config.get(key).unwrap_or_default());
                wizard.set_initial("tags", tags);
                wizard.set_initial("description", &notes);
                wizard.set_initial("protection", config.get("protection").unwrap_or("0"));
            }
            Err(error) => wizard.set_trouble(Some(error.explained())),
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let changed = wizard.changed();
        let mut change = Change { digest: self.digest.clone(), ..Change::default() };
        for (key, value) in changed.iter() {
            let value = match key {
                "tags" => tag::split(value).collect::<Vec<_>>().join(";"),
                "description" => value.replace("\\n", "\n"),
                _ => value.to_owned(),
            };
            if value.is_empty() {
                change.delete.push(key.to_owned());
            } else {
                change.set.push(guest::param(key, value));
            }
        }
        if change.set.is_empty() && change.delete.is_empty() {
            return None;
        }
        let label = format!("Change {} ({})", self.guest, self.name);
        let write = Write::new(label.clone(), guest::set_config(&self.guest, &change)).on_guest(self.guest.vmid);
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
        if changed.contains("tags") {
            let (before, after): (Vec<&str>, Vec<&str>) =
                (tag::split(&self.tags).collect(), tag::split(changed.get("tags")).collect());
            proposal.notes = guest_tag::refusals(&before, &after, store);
        }
        Some(proposal)
    }
}
