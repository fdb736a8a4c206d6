//! Upload of a file of this machine: everything that the server would refuse is found out before a byte is sent.

use super::{
    local::{self, Local},
    sums, target,
};
use crate::{
    api::{
        ApiError,
        attachment::{Attachment, Meter},
        ids::{ContentKind, NodeName, StorageId},
        image::{self, Checksum},
        storage::{self, Volume},
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// A file or folder was looked at.
    Looked(String, Result<Local, String>, Vec<Choice>),
    /// What the storage has already.
    Content(StorageId, ContentKind, Result<Vec<Volume>, ApiError>),
    /// How full the storage really is.
    Status(StorageId, Result<storage::Status, ApiError>),
    /// What a list of sums says.
    Sum(sums::Found),
}

type MsgOf = dialog::Msg<Msg>;

/// Sends a file.
pub struct Upload {
    file: Option<Local>,
    asked: String,
    listed: Option<(NodeName, StorageId, ContentKind)>,
}

impl Upload {
    /// A dialog for this kind of file, to this storage if one is meant.
    pub fn open(store: &Store, kind: ContentKind, storage: Option<&str>) -> Dialog<Self> {
        let choices = target::choices(store, Some(kind));
        let first = storage.map(Into::into).or_else(|| choices.first().map(|c| c.value.clone()));
        let form = Form::new()
            .text("path", "File")
            .required()
            .placeholder("/home/me/debian.iso")
            .check(|path, v| {
                let error = v.get("file.error");
                if !error.is_empty() && v.get("file.path") == path { Err(error.into()) } else { Ok(()) }
            })
            .warn(|_, v| Some(v.get("file.size").to_owned()).filter(|s| !s.is_empty()))
            .help("A path on this machine; a folder shows below what is in it. The file is only read.")
            .select("pick", "Found there", Choices::Loading)
            .select("content", "Kind", target::kinds())
            .initial(kind.as_str())
            .required()
            .select("storage", "Storage", choices)
            .initial(first.as_deref().unwrap_or_default())
            .required()
            .check(check_room)
            .text("filename", "Name there")
            .required()
            .check(|name, v| {
                let kind = ContentKind::from_api(v.get("content"));
                kind.and_then(|kind| image::wrong_name(kind, name)).map_or(Ok(()), Err)
            })
            .warn(|name, v| {
                let clean = image::clean_name(name);
                let taken = v.get("names").split('\n').any(|n| n == clean);
                taken.then(|| "is there already and will be replaced".into())
            })
            .text("checksum", "Checksum")
            .placeholder("none: nothing is checked")
            .check(sums::check)
            .warn(|_, v| Some(v.get("sum.from").to_owned()).filter(|s| !s.is_empty()))
            .help(target::SUM_HELP);
        Dialog::new(Self { file: None, asked: String::new(), listed: None }, Wizard::single(form))
    }

    fn look(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        let typed = wizard.values().get("path").to_owned();
        if typed == self.asked && !typed.is_empty() {
            return;
        }
        self.asked.clone_from(&typed);
        self.file = None;
        for fact in ["file.size", "file.bytes", "file.error", "sum.from"] {
            wizard.set_fact(fact, "");
        }
        cx.job(move |_| {
            Box::pin(async move {
                let asked = typed.clone();
                let looked = tokio::task::spawn_blocking(move || {
                    let path = local::path(if typed.is_empty() { "." } else { &typed });
                    let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
                    let folder = folder.filter(|f| !f.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
                    (local::look(&path), local::offers(folder))
                });
                match looked.await {
                    Ok((file, offers)) => Msg::Looked(asked, file, offers),
                    Err(error) => Msg::Looked(asked, Err(error.to_string()), vec![]),
                }
            })
        });
    }

    fn list(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        let values = wizard.values();
        let (Some(place), Some(kind)) =
            (target::place(cx.store(), values.get("storage")), ContentKind::from_api(values.get("content")))
        else {
            return;
        };
        let (node, storage) = target::node(&place);
        let wanted = (node.clone(), storage.clone(), kind);
        if self.listed.as_ref() == Some(&wanted) {
            return;
        }
        self.listed = Some(wanted);
        wizard.set_fact("names", "");
        wizard.set_fact("free", place.free().to_string());
        let (s, t) = (storage.clone(), storage.clone());
        cx.send(storage::status(&node, &storage), move |answer| Msg::Status(s, answer));
        cx.send(storage::content(&node, &storage, Some(kind), None), move |answer| Msg::Content(t, kind, answer));
    }
}

/// The file must fit; the node that takes it in needs the space a second time for a moment.
fn check_room(_: &str, values: &Values) -> Result<(), String> {
    let number = |key: &str| values.get(key).parse::<u64>().ok();
    match (number("file.bytes"), number("free")) {
        (Some(size), Some(free)) if size > free => {
            Err(format!("has {} free, the file needs {}", text::bytes(free), text::bytes(size)))
        }
        _ => Ok(()),
    }
}

impl Ask for Upload {
    type Msg = Msg;
    const NAME: &'static str = "Upload";
    const DETACHED: bool = true;

    fn title(&self) -> String {
        "Upload to a storage".into()
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        self.look(wizard, cx);
        self.list(wizard, cx);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, MsgOf>) {
        match msg {
            Msg::Looked(asked, looked, offers) if asked == self.asked => {
                wizard.set_choices("pick", Choices::Ready(offers));
                wizard.set_fact("file.path", &asked);
                match looked {
                    _ if asked.is_empty() => {}
                    Ok(file) => {
                        wizard.set_fact("file.size", text::bytes(file.size));
                        wizard.set_fact("file.bytes", file.size.to_string());
                        let name = file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                        if let Some(kind) = image::kind_of(&name) {
                            wizard.set_default("content", kind.as_str());
                        }
                        wizard.set_default("filename", &image::clean_name(&name));
                        if let Some((sum, list)) = &file.sum {
                            wizard.set_default("checksum", &sum.sum);
                            wizard.set_fact("sum.from", format!("{} from {list}", sum.algorithm));
                        }
                        self.file = Some(file);
                    }
                    Err(error) => wizard.set_fact("file.error", error),
                }
            }
            Msg::Content(storage, kind, Ok(list)) => {
                if self.listed.as_ref().is_some_and(|(_, s, k)| *s == storage && *k == kind) {
                    let names: Vec<&str> = list.iter().map(|v| v.volid.file_name()).collect();
                    wizard.set_fact("names", names.join("\n"));
                }
            }
            Msg::Status(storage, Ok(status)) => {
                if self.listed.as_ref().is_some_and(|(_, s, _)| *s == storage) {
                    wizard.set_fact("free", status.avail.to_string());
                }
            }
            Msg::Sum(found) => sums::found(wizard, found),
            // Without these answers the server itself says what is wrong.
            Msg::Looked(..) | Msg::Content(..) | Msg::Status(..) => {}
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        match key {
            "path" => self.look(wizard, cx),
            "checksum" => {
                let local =
                    self.file.as_ref().and_then(|f| f.path.file_name()).map(|n| n.to_string_lossy().into_owned());
                let names = local.into_iter().chain([wizard.values().get("filename").to_owned()]).collect();
                sums::look_up::<Self>(wizard, names, cx, Msg::Sum);
            }
            "pick" => {
                let picked = wizard.values().get("pick").to_owned();
                wizard.set("path", &picked);
                wizard.set("pick", "");
                self.look(wizard, cx);
            }
            "content" => {
                let kind = ContentKind::from_api(wizard.values().get("content"));
                let choices = target::choices(cx.store(), kind);
                let chosen = wizard.values().get("storage").to_owned();
                if !choices.iter().any(|c| c.value == chosen) {
                    wizard.set("storage", choices.first().map_or("", |c| &c.value));
                }
                wizard.set_choices("storage", Choices::Ready(choices));
            }
            _ => {}
        }
        self.list(wizard, cx);
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let (node, storage) = target::node(&target::place(store, values.get("storage"))?);
        let kind = ContentKind::from_api(values.get("content"))?;
        let local = self.file.as_ref()?;
        let name = image::clean_name(values.get("filename"));
        let sum = Checksum::parse(values.get("checksum"));
        let file = Attachment {
            path: local.path.clone(),
            name: name.clone(),
            size: local.size,
            meter: Meter::default(),
            offer: None,
        };
        let label = format!("Upload {name} to {storage}");
        let call = image::upload(&node, &storage, kind, sum.as_ref(), file);
        let mut proposal = Proposal::new(format!("{label}?"), vec![Write::new(label, call)]);
        let size = text::bytes(local.size);
        proposal = proposal.note(format!("{} ({}) is sent to {node}.", local.path.display(), size.trim()));
        if sum.is_none() {
            proposal = proposal.note("Without a checksum nobody notices when the file arrives damaged.");
        }
        if values.get("names").split('\n').any(|n| n == name) {
            proposal = proposal
                .note(format!("{name} is there already: the server replaces it without a question."))
                .degree(Degree::Careful);
        }
        Some(proposal)
    }
}
