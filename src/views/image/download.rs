//! Download by the node: what the web server says about the file is asked first.

use super::{sums, target};
use crate::{
    api::{
        ApiError,
        ids::{ContentKind, NodeName, StorageId},
        image::{self, Checksum, Metadata},
        storage::{self, Volume},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// What the web server says about an address.
    Metadata(String, Result<Metadata, ApiError>),
    /// What the storage has already.
    Content(StorageId, ContentKind, Result<Vec<Volume>, ApiError>),
    /// What a list of sums says.
    Sum(sums::Found),
}

/// Lets a node fetch a file.
pub struct Download {
    /// The address that was asked about.
    asked: String,
    listed: Option<(NodeName, StorageId, ContentKind)>,
    first: Option<String>,
}

type MsgOf = dialog::Msg<Msg>;

impl Download {
    /// A dialog for this kind of file, to this storage if one is meant.
    pub fn open(store: &Store, kind: ContentKind, storage: Option<&str>) -> Dialog<Self> {
        let form = Form::new()
            .text("url", "Address")
            .required()
            .placeholder("https://…")
            .check(|url, _| {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                rest.filter(|rest| !rest.is_empty()).map(drop).ok_or_else(|| "begin with http:// or https://".into())
            })
            .help("The node fetches the file itself; it must be able to reach the address.")
            .toggle("ask", "Ask about it first")
            .initial("1")
            .help("The node asks the web server for name and size. It needs rights that not every user has.")
            .select("content", "Kind", target::kinds())
            .initial(kind.as_str())
            .required()
            .select("storage", "Storage", target::choices(store, Some(kind)))
            .required()
            .text("filename", "File name")
            .required()
            .check(check_name)
            .warn(|_, values| known(values))
            .text("checksum", "Checksum")
            .placeholder("none: nothing is checked")
            .check(sums::check)
            .warn(|_, v| Some(v.get("sum.from").to_owned()).filter(|s| !s.is_empty()))
            .help(target::SUM_HELP)
            .select(
                "compression",
                "Unpack",
                [("", "no"), ("gz", "gzip"), ("lzo", "lzop"), ("zst", "zstd"), ("bz2", "bzip2")],
            )
            .when(|v| v.get("content") == "iso")
            .help("The file is unpacked on arrival; give it the name that it has then.")
            .toggle("verify", "Check the web server's certificate")
            .initial("1")
            .when(|v| !v.get("url").starts_with("http://"));
        let mut wizard = Wizard::single(form);
        if let Some(storage) = storage {
            wizard.set_initial("storage", storage);
        }
        Dialog::new(Self { asked: String::new(), listed: None, first: storage.map(Into::into) }, wizard)
    }

    /// Asks about an address once it looks like a whole one.
    fn look_up(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        let values = wizard.values();
        let url = values.get("url").trim().to_owned();
        let name = image::name_in_url(&url);
        let packed = [".gz", ".zst", ".lzo", ".bz2"].iter().any(|end| name.ends_with(end));
        let whole = url.starts_with("http") && (image::kind_of(&name).is_some() || packed);
        if whole && values.get("filename") != name {
            call_it(wizard, &name);
        }
        if !whole || url == self.asked || !values.is_on("ask") {
            return;
        }
        let Some(place) = target::place(cx.store(), values.get("storage")) else { return };
        self.asked.clone_from(&url);
        for fact in ["meta", "meta.error"] {
            wizard.set_fact(fact, "");
        }
        let verify = values.get("verify") != "0";
        cx.send(image::metadata(&target::node(&place).0, &url, verify), move |answer| Msg::Metadata(url, answer));
    }

    /// Reads what the storage has, to find out whether the name is taken.
    fn list(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        let values = wizard.values();
        let (Some(place), Some(kind)) =
            (target::place(cx.store(), values.get("storage")), ContentKind::from_api(values.get("content")))
        else {
            return;
        };
        let (node, storage) = target::node(&place);
        wizard.set_fact("free", place.free().to_string());
        let wanted = (node.clone(), storage.clone(), kind);
        if self.listed.as_ref() == Some(&wanted) {
            return;
        }
        self.listed = Some(wanted);
        wizard.set_fact("names", "");
        let request = storage::content(&node, &storage, Some(kind), None);
        cx.send(request, move |answer| Msg::Content(storage, kind, answer));
    }
}

/// Proposes what the file is called and which kind it is; an image that is packed goes by the name that it has unpacked.
fn call_it(wizard: &mut Wizard, name: &str) {
    let (name, compression) = image::packed(name).unwrap_or((name, ""));
    if let Some(kind) = image::kind_of(name) {
        wizard.set_default("content", kind.as_str());
        wizard.set_default("compression", compression);
    }
    wizard.set_default("filename", name);
}

/// What is known about the file: its size, or why nothing is known.
fn known(values: &Values) -> Option<String> {
    let (meta, error) = (values.get("meta"), values.get("meta.error"));
    [meta, error].into_iter().find(|text| !text.is_empty()).map(Into::into)
}

/// The server's rules for names, and that it never replaces a file.
fn check_name(name: &str, values: &Values) -> Result<(), String> {
    let Some(kind) = ContentKind::from_api(values.get("content")) else { return Ok(()) };
    if let Some(why) = image::wrong_name(kind, name) {
        return Err(why);
    }
    let clean = image::clean_name(name);
    let taken = values.get("names").split('\n').any(|n| n == clean);
    if taken && values.get("checksum").is_empty() {
        return Err("is there already, and the server replaces nothing: take another name, or remove it first".into());
    }
    Ok(())
}

impl Ask for Download {
    type Msg = Msg;
    const NAME: &'static str = "Download";

    fn title(&self) -> String {
        "Download to a storage".into()
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        if self.first.is_none() {
            let choices = target::choices(cx.store(), ContentKind::from_api(wizard.values().get("content")));
            if let Some(best) = choices.first() {
                wizard.set_default("storage", &best.value);
            }
        }
        self.list(wizard, cx);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        match msg {
            Msg::Metadata(url, answer) if url == self.asked => match answer {
                Ok(meta) => {
                    if let Some(name) = meta.filename.filter(|n| !n.is_empty()) {
                        call_it(wizard, &name);
                    }
                    let size = meta.size.map(|size| {
                        let room: u64 = wizard.known().get("free").parse().unwrap_or(u64::MAX);
                        let tight = if size > room { ", MORE THAN IS FREE" } else { "" };
                        format!("{}{tight}", text::bytes(size))
                    });
                    let kind = meta.mimetype.map(|kind| kind.to_string());
                    wizard.set_fact("meta", [size, kind].into_iter().flatten().collect::<Vec<_>>().join(", "));
                    self.list(wizard, cx);
                }
                Err(error) if error.status() == Some(403) => {
                    wizard.set_fact("meta.error", "size unknown: you may not ask the node");
                }
                Err(error) => wizard.set_fact("meta.error", error.to_string()),
            },
            Msg::Content(storage, kind, Ok(list)) => {
                let current = self.listed.as_ref().is_some_and(|(_, s, k)| *s == storage && *k == kind);
                if current {
                    let names: Vec<&str> = list.iter().map(|v| v.volid.file_name()).collect();
                    wizard.set_fact("names", names.join("\n"));
                }
            }
            Msg::Sum(found) => sums::found(wizard, found),
            // Without the list the server itself says whether the name is taken.
            Msg::Metadata(..) | Msg::Content(..) => {}
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        if key == "content" {
            let kind = ContentKind::from_api(wizard.values().get("content"));
            let choices: Vec<Choice> = target::choices(cx.store(), kind);
            let chosen = wizard.values().get("storage").to_owned();
            if !choices.iter().any(|c| c.value == chosen) {
                wizard.set("storage", choices.first().map_or("", |c| &c.value));
            }
            wizard.set_choices("storage", Choices::Ready(choices));
        }
        if key == "checksum" {
            let values = wizard.values();
            let url = values.get("url").split(['?', '#']).next().unwrap_or_default();
            let there = url.rsplit('/').next().unwrap_or_default().to_owned();
            let names = vec![there, values.get("filename").to_owned()];
            sums::look_up::<Self>(wizard, names, cx, Msg::Sum);
        }
        if matches!(key, "url" | "ask" | "storage") {
            self.look_up(wizard, cx);
        }
        self.list(wizard, cx);
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let place = target::place(store, values.get("storage"))?;
        let (node, storage) = target::node(&place);
        let what = image::Download {
            url: values.get("url").trim().into(),
            content: ContentKind::from_api(values.get("content"))?,
            filename: image::clean_name(values.get("filename")),
            checksum: Checksum::parse(values.get("checksum")),
            compression: Some(values.get("compression").to_owned()).filter(|c| !c.is_empty()),
            verify: values.get("verify") != "0",
        };
        let label = format!("Download {} to {storage}", what.filename);
        let mut proposal =
            Proposal::new(format!("{label}?"), vec![Write::new(label, image::download(&node, &storage, &what))]);
        if what.checksum.is_none() {
            proposal = proposal.note("Without a checksum nobody notices when the file arrives damaged.");
        }
        if let Some(known) = known(&values) {
            proposal = proposal.note(format!("The web server: {known}"));
        }
        Some(proposal)
    }
}
