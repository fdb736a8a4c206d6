//! What a guest that is to be made is called: an id that is free, a name that no other guest has. For wizards with a
//! field `vmid`.

use crate::{
    api::{ApiError, cluster, ids::VmId},
    shell::Cx,
    store::Store,
    ui::{Values, Wizard},
};

/// An answer about ids.
pub enum Came {
    /// The next free one.
    Next(Result<VmId, ApiError>),
    /// Whether one is free.
    Checked(VmId, Result<VmId, ApiError>),
}

/// Asks for a free id; `wrap` makes the host's message of an answer, which belongs to [`came`] then.
pub fn propose<M, N>(cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    cx.send(cluster::next_id(None), move |answer| wrap(Came::Next(answer)));
}

/// Another id was typed: whether it is free is looked up here, and then asked.
pub fn changed<M, N>(wizard: &mut Wizard, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    let Some(vmid) = wizard.values().get("vmid").parse().ok().and_then(VmId::new) else { return };
    match cx.store().guest(vmid) {
        Some(other) => taken(wizard, vmid, &format!("is taken by {} {}", other.kind.label(), other.name)),
        None => cx.send(cluster::next_id(Some(vmid)), move |answer| wrap(Came::Checked(vmid, answer))),
    }
}

/// An answer came.
pub fn came(came: Came, wizard: &mut Wizard) {
    let typed = wizard.values().get("vmid").to_owned();
    match came {
        Came::Next(Ok(vmid)) => {
            if typed.is_empty() {
                wizard.set_initial("vmid", &vmid.to_string());
            }
        }
        Came::Next(Err(error)) => wizard.set_trouble(Some(format!("No free id was proposed: {error}"))),
        Came::Checked(vmid, Err(error)) if error.status() == Some(400) && typed == vmid.to_string() => {
            taken(wizard, vmid, "is already taken");
        }
        Came::Checked(..) => {}
    }
}

fn taken(wizard: &mut Wizard, vmid: VmId, why: &str) {
    wizard.set_fact("vmid.taken", vmid.to_string());
    wizard.set_fact("vmid.why", why);
    wizard.share();
}

/// Checks the field of the id.
///
/// # Errors
/// Who has it, or what ids are like.
pub fn check_id(text: &str, values: &Values) -> Result<(), String> {
    if values.get("vmid.taken") == text {
        return Err(values.get("vmid.why").to_owned());
    }
    match text.parse().ok().and_then(VmId::new) {
        Some(_) => Ok(()),
        None => Err("must be from 100 to 999999999".into()),
    }
}

/// Another name was typed: if a guest has it, the next one that is free is proposed.
pub fn named(wizard: &mut Wizard, store: &Store, name: &str) {
    let guests = &store.resources.guests;
    let Some(other) = guests.iter().find(|guest| !name.is_empty() && guest.name == name) else { return };
    let free = next_name(name, |name| guests.iter().any(|guest| guest.name == name));
    wizard.set_fact("name.taken", name);
    let why = format!("{} {} has this name, too; {free} is free", other.kind.label(), other.vmid);
    wizard.set_fact("name.why", why);
}

/// Two guests may have one name, but seldom should.
pub fn warn_name(text: &str, values: &Values) -> Option<String> {
    (values.get("name.taken") == text).then(|| values.get("name.why").to_owned())
}

/// `web-01` leads to `web-02`, `db` to `db-2`.
fn next_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (stem, digits, from) = match name[stem.len()..].parse::<u32>() {
        Ok(number) => (stem.to_owned(), name.len() - stem.len(), number.saturating_add(1)),
        Err(_) => (format!("{name}-"), 0, 2),
    };
    let numbered = (from..).map(|n| format!("{stem}{n:0digits$}"));
    numbered.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_names_are_proposed() {
        let taken = |name: &str| ["web-02", "db", "db-2", "x9"].contains(&name);
        assert_eq!(next_name("web-01", taken), "web-03");
        assert_eq!(next_name("db", taken), "db-3");
        assert_eq!(next_name("x9", taken), "x10");
        // Nothing that can be counted on from.
        assert_eq!(next_name("host-99999999999999999999", taken), "host-99999999999999999999-2");
    }
}
