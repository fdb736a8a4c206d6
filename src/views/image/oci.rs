//! Pulling an OCI image as a container template.

use super::target;
use crate::{
    api::{ApiError, ids::ContentKind, image},
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard},
};

/// What the dialog hears back.
pub enum Msg {
    /// The tags of a repository.
    Tags(String, Result<Vec<String>, ApiError>),
}

/// Lets a node pull an image from a registry.
pub struct OciPull {
    asked: String,
}

impl OciPull {
    /// A dialog for any image.
    pub fn open(store: &Store) -> Dialog<Self> {
        let places = target::choices(store, Some(ContentKind::Vztmpl));
        let best = places.first().map_or(String::new(), |c| c.value.clone());
        let form = Form::new()
            .text("reference", "Repository")
            .required()
            .placeholder("docker.io/library/debian")
            .check(check_repository)
            .help("Host, path and name, without a tag.")
            .toggle("list", "Ask for its tags")
            .help("The node asks the registry which tags there are.")
            .select("tag", "Tag", Choices::Ready(vec![Choice::new("latest")]))
            .free()
            .initial("latest")
            .required()
            .check(|tag, _| {
                let good = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
                let first = tag.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
                if first && tag.len() <= 128 && tag.bytes().all(good) { Ok(()) } else { Err("is no tag".into()) }
            })
            .select("storage", "Storage", places)
            .initial(&best)
            .required()
            .text("filename", "File name")
            .placeholder("made of repository and tag");
        Dialog::new(Self { asked: String::new() }, Wizard::single(form))
    }
}

fn check_repository(text: &str, _: &Values) -> Result<(), String> {
    let path = text.rsplit('/').next().unwrap_or_default();
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-/:".contains(&b);
    match () {
        () if path.contains(':') => Err("give the tag in its own field".into()),
        () if !text.bytes().all(good) || path.is_empty() || path.bytes().any(|b| b.is_ascii_uppercase()) => {
            Err("is no repository: small letters, digits, . _ - and /".into())
        }
        () => Ok(()),
    }
}

impl Ask for OciPull {
    type Msg = Msg;
    const NAME: &'static str = "Pull an OCI image";

    fn title(&self) -> String {
        "Pull an OCI image as a container template".into()
    }

    fn update(&mut self, Msg::Tags(repository, answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        if repository != self.asked {
            return;
        }
        match answer {
            Ok(mut tags) => {
                tags.sort_by(|a, b| (a != "latest", a).cmp(&(b != "latest", b)));
                wizard.set_choices("tag", Choices::Ready(tags.into_iter().map(Choice::new).collect()));
            }
            Err(error) => wizard.set_choices("tag", Choices::Failed(error.to_string())),
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let values = wizard.values();
        if key == "reference" && values.is_on("list") {
            // Another repository has other tags.
            wizard.set("list", "0");
        }
        let repository = values.get("reference").trim().to_owned();
        if key == "list" && values.is_on("list") && !repository.is_empty() {
            let Some(place) = target::place(cx.store(), values.get("storage")) else { return };
            self.asked.clone_from(&repository);
            wizard.set_choices("tag", Choices::Loading);
            let request = image::oci_tags(&target::node(&place).0, &repository);
            cx.send(request, move |answer| Msg::Tags(repository, answer));
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (node, storage) = target::node(&target::place(store, values.get("storage"))?);
        let reference = format!("{}:{}", values.get("reference").trim(), values.get("tag"));
        let filename = Some(values.get("filename")).filter(|f| !f.is_empty());
        let label = format!("Pull {reference} to {storage}");
        let call = image::oci_pull(&node, &storage, &reference, filename);
        Some(Proposal::new(format!("{label}?"), vec![Write::new(label, call)]))
    }
}
