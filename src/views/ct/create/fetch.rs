//! Templates that aren't on a storage yet: from the catalogue of templates, or images from an OCI registry. The node fetches
//! them in a task, and the wizard goes on meanwhile.

use super::{Context, Msg};
use crate::{
    api::{
        Request,
        ids::{NodeName, StorageId, Upid, VolId},
        image::{self, Appliance},
        storage::{self, Volume},
    },
    shell::{Proposal, dialog::Msg as Heard},
    ui::{Choice, Choices, Form, Values, Wizard, text},
    views::device::{check, choices},
};

/// A template that is on its way.
pub struct Fetch {
    /// The task.
    pub upid: Upid,
    node: NodeName,
    storage: StorageId,
    /// The templates that were on the storage before.
    before: Vec<VolId>,
    /// An answer about the task is awaited.
    asked: bool,
}

fn from_catalogue(values: &Values) -> bool {
    values.get("fetch") == "catalogue"
}

fn from_registry(values: &Values) -> bool {
    values.get("fetch") == "oci"
}

fn fetches(values: &Values) -> bool {
    from_catalogue(values) || from_registry(values)
}

/// `[host[:port]/]path:tag`, as the server takes it.
fn check_reference(text: &str, _: &Values) -> Result<(), String> {
    let (path, tag) = text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((text, ""));
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let (host, rest) = match path.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("", path),
    };
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let part = |part: &str| part.chars().all(good) && edge(part.chars().next()) && edge(part.chars().last());
    let host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if tag.is_empty() {
        return Err(format!("needs a tag, for example {}:latest", if path.is_empty() { "debian" } else { path }));
    }
    let tag_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good_tag = tag.len() <= 128 && tag.chars().all(tag_char) && tag.starts_with(begins);
    if host.chars().all(host_char) && rest.split('/').all(part) && good_tag {
        return Ok(());
    }
    Err("must be an image with its tag, for example docker.io/library/debian:13".into())
}

fn check_name(text: &str, _: &Values) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.chars().all(good) { Ok(()) } else { Err("must be letters, digits and . _ -".into()) }
}

/// How far it is.
pub fn progress(values: &Values) -> Option<String> {
    let state = values.get("fetch.state");
    (!state.is_empty()).then(|| state.to_owned())
}

/// Adds the fields.
pub fn fields(form: Form) -> Form {
    form.select(
        "fetch",
        "Get another",
        choices(&[("", "no"), ("catalogue", "from the catalogue"), ("oci", "OCI image from a registry")]),
    )
    .select("appliance", "In the catalogue", Choices::Loading)
    .placeholder("choose one")
    .help("Templates that the node can download. Type to search.")
    .when(from_catalogue)
    .text("oci.reference", "Image")
    .placeholder("docker.io/library/debian:13")
    .check(check_reference)
    .when(from_registry)
    .text("oci.filename", "File name")
    .placeholder("after the image")
    .check(check_name)
    .when(from_registry)
    .select("fetch.storage", "Onto storage", Choices::Loading)
    .check(check::part)
    .when(fetches)
    .toggle("fetch.go", "Fetch it now")
    .help("Space shows the call. The node fetches it in a task; the other pages can be filled in meanwhile.")
    .when(fetches)
}

/// The catalogue came.
pub fn catalogue(wizard: &mut Wizard, mut list: Vec<Appliance>) {
    list.sort_by(|a, b| (a.section != "system", &a.template).cmp(&(b.section != "system", &b.template)));
    let choice = |a: &Appliance| {
        let title = if a.headline.is_empty() { a.package.as_str() } else { &a.headline };
        Choice::new(a.template.as_str()).detail(format!("{title}, {}", a.section))
    };
    wizard.set_choices("appliance", Choices::Ready(list.iter().map(choice).collect()));
}

/// The storages of the node that keep templates.
pub fn storages(wizard: &mut Wizard, storages: &[&storage::Status]) {
    let choice = |s: &&storage::Status| {
        Choice::new(s.storage.as_str()).detail(format!("{}, {} free", s.kind, text::bytes(s.avail)))
    };
    wizard.set_choices("fetch.storage", Choices::Ready(storages.iter().map(choice).collect()));
    let best = storages.iter().max_by_key(|s| (s.shared, s.avail)).map_or("", |s| s.storage.as_str());
    wizard.set_fact("fetch.best", best);
}

/// The call that fetches what is chosen, and its name; or the field that is wrong, and why.
fn request(values: &Values) -> Result<(String, Request<Upid>), (&'static str, String)> {
    let missing = |field| (field, "is required".to_owned());
    let (node, storage) = (NodeName::from(values.get("node")), StorageId::from(values.get("fetch.storage")));
    if storage.as_str().is_empty() {
        return Err(missing("fetch.storage"));
    }
    if from_catalogue(values) {
        let template = values.get("appliance");
        if template.is_empty() {
            return Err(missing("appliance"));
        }
        return Ok((format!("Download {template}"), image::download_appliance(&node, &storage, template)));
    }
    let (reference, name) = (values.get("oci.reference"), values.get("oci.filename"));
    if reference.is_empty() {
        return Err(missing("oci.reference"));
    }
    check_reference(reference, values).map_err(|why| ("oci.reference", why))?;
    let name = Some(name).filter(|name| !name.is_empty());
    Ok((format!("Pull {reference}"), image::oci_pull(&node, &storage, reference, name)))
}

/// Shows the call that fetches what is chosen; `there` are the templates of all storages.
pub fn propose(wizard: &mut Wizard, there: &[Volume], cx: &mut Context) {
    let values = wizard.known();
    match request(&values) {
        Err((field, why)) => drop(wizard.set_errors([(field.to_owned(), why)].into())),
        Ok((label, request)) => {
            let (node, storage) = (NodeName::from(values.get("node")), StorageId::from(values.get("fetch.storage")));
            let before: Vec<VolId> = there.iter().map(|v| v.volid.clone()).collect();
            let same = format!("{storage}:vztmpl/{}", values.get("appliance"));
            if from_catalogue(&values) && before.iter().any(|volume| volume.as_str() == same) {
                chosen(wizard, &same);
                return;
            }
            let write = cx.hear(label.clone(), request, move |answer| {
                Heard::Own(Msg::Fetching(Box::new(answer.map(|upid| Fetch {
                    upid,
                    node,
                    storage,
                    before,
                    asked: false,
                }))))
            });
            let note = "The wizard goes on meanwhile, and takes it when it is there.";
            cx.propose(Proposal::new(label, vec![write]).note(note));
        }
    }
}

/// Takes a template and folds away how it was got.
pub fn chosen(wizard: &mut Wizard, volume: &str) {
    wizard.set_fact("fetch.state", "");
    wizard.set("ostemplate", volume);
    wizard.set("fetch", "");
}

impl Fetch {
    /// The store has news: how far is it?
    pub fn look(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        let followed = cx.store().followed.iter().find(|task| task.upid == self.upid);
        let state = match followed.map(|task| task.percent) {
            Some(Some(percent)) => format!("on its way: {percent:.0} %"),
            _ => "on its way".to_owned(),
        };
        wizard.set_fact("fetch.state", state);
        if followed.is_none() && !self.asked {
            self.asked = true;
            cx.send(crate::api::task::status(&self.upid), |answer| Msg::Fetched(Box::new(answer)));
        }
    }

    /// The answer about the task left it running.
    pub fn goes_on(&mut self) {
        self.asked = false;
    }

    /// Asks for what is on the storage now.
    pub fn list(&self, cx: &mut Context) {
        let kind = Some(crate::api::ids::ContentKind::Vztmpl);
        let (node, storage) = (self.node.clone(), self.storage.clone());
        cx.send(storage::content(&node, &storage, kind, None), move |answer| Msg::Arrived(node, storage, answer));
    }

    /// The one that wasn't there before.
    pub fn found<'v>(&self, now: &'v [Volume]) -> Option<&'v Volume> {
        now.iter().find(|volume| !self.before.contains(&volume.volid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_tags() {
        let none = Values::default();
        for good in
            ["debian:13", "docker.io/library/debian:latest", "localhost:5000/a/b_c-d:v1.2", "library/nginx:1.27-alpine"]
        {
            assert_eq!(check_reference(good, &none), Ok(()), "{good}");
        }
        for bad in
            ["debian", "docker.io/library/debian", "Debian:13", "a//b:1", "a:b c", "-a:1", "a:-1", "https://x/y:1"]
        {
            assert!(check_reference(bad, &none).is_err(), "{bad}");
        }
        assert!(check_reference("debian", &none).is_err_and(|why| why.contains("debian:latest")));
    }
}
