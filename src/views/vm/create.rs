//! The create-VM wizard.

pub mod confirm;
pub mod form;
pub mod request;
pub mod supply;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use crate::{
    api::{
        ApiError, Paged, cluster,
        ids::{ContentKind, NodeName, StorageId, Upid, VmId},
        network::{self, Interface},
        preview,
        storage::{self, Volume},
    },
    shell::{Command, Cx, Effect, Hosted, Level, Pick, Picker, Proposal, Scene, View},
    store::Store,
    ui::{Choice, Choices, Role, Wizard, WizardEvent, text},
};
use supply::Images;

/// What the wizard hears back.
pub enum Msg {
    /// The next free id.
    NextId(Result<VmId, ApiError>),
    /// Whether an id is free.
    IdChecked(VmId, Result<VmId, ApiError>),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
    /// The images on a storage: ISO images, or disk images to import.
    Images(NodeName, StorageId, ContentKind, Result<Vec<Volume>, ApiError>),
    /// The networks of a node.
    Networks(NodeName, Result<Paged<Interface>, ApiError>),
    /// The server's answer to the creation.
    Created(Result<Upid, ApiError>),
    /// Throw away what was typed.
    Leave,
}

/// The wizard.
pub struct CreateVm {
    wizard: Wizard,
    /// The node whose storages and bridges are shown.
    node: NodeName,
    images: Images,
    sending: bool,
    /// What no field answers for.
    error: Option<String>,
    scroll: u16,
}

impl CreateVm {
    /// A wizard for a VM on this node, or on the one with the most free memory.
    pub fn new(store: &Store, node: Option<NodeName>) -> Self {
        let online = || store.resources.nodes.iter().filter(|n| n.is_online());
        let free = |n: &&crate::api::cluster::Node| n.maxmem.saturating_sub(n.mem);
        let node = node.filter(|name| online().any(|n| n.node == *name));
        let node = node.or_else(|| online().max_by_key(free).map(|n| n.node.clone())).unwrap_or_default();
        let nodes = online().map(|n| {
            let free = text::bytes(n.maxmem.saturating_sub(n.mem));
            Choice::new(n.node.as_str()).detail(format!(
                "{} free, CPU {}",
                free.trim(),
                text::percent(f64::from(n.cpu)).trim()
            ))
        });
        let mut pools = vec![Choice::labelled("", "none")];
        pools.extend(store.resources.pools.iter().map(|p| Choice::new(p.as_str())));
        let wizard = form::wizard(nodes.collect(), pools, node.as_str());
        Self { wizard, node, images: Images::default(), sending: false, error: None, scroll: 0 }
    }

    fn load_node(&mut self, cx: &mut Cx<'_, Msg>) {
        self.images = Images::default();
        supply::node(&mut self.wizard, cx.store(), &self.node);
        let node = self.node.clone();
        cx.send(storage::of_node(&node, None, true), {
            let node = node.clone();
            move |answer| Msg::Storages(node, answer)
        });
        cx.send(network::list(&self.node, Some("any_bridge")), move |answer| Msg::Networks(node, answer));
    }

    fn storages(&mut self, storages: &[storage::Status], cx: &mut Cx<'_, Msg>) {
        supply::storages(&mut self.wizard, storages, &self.node);
        for kind in [ContentKind::Iso, ContentKind::Import] {
            let wanted: Vec<_> = storages.iter().filter(|s| s.active && s.keeps(kind)).collect();
            self.images.expect(kind, wanted.len());
            for storage in wanted {
                let (node, storage) = (self.node.clone(), storage.storage.clone());
                let request = storage::content(&node, &storage, Some(kind), None);
                cx.send(request, move |answer| Msg::Images(node, storage, kind, answer));
            }
        }
        self.images.show(&mut self.wizard);
    }

    fn changed(&mut self, key: &str, cx: &mut Cx<'_, Msg>) {
        self.error = None;
        let values = self.wizard.values();
        match key {
            "node" if values.get("node") != self.node.as_str() => {
                self.node = NodeName::from(values.get("node"));
                self.load_node(cx);
            }
            "vmid" => {
                if let Some(vmid) = values.get("vmid").parse().ok().and_then(VmId::new) {
                    match cx.store().guest(vmid) {
                        Some(taken) => self.taken(vmid, &format!("is taken by {} {}", taken.kind.label(), taken.name)),
                        None => cx.send(cluster::next_id(Some(vmid)), move |answer| Msg::IdChecked(vmid, answer)),
                    }
                }
            }
            "name" => {
                let name = values.get("name");
                let other = cx.store().resources.guests.iter().find(|guest| !name.is_empty() && guest.name == name);
                if let Some(other) = other {
                    self.wizard.set_fact("name.taken", name);
                    self.wizard
                        .set_fact("name.why", format!("{} {} has this name, too", other.kind.label(), other.vmid));
                }
            }
            _ => {}
        }
        form::follow(&mut self.wizard);
    }

    fn taken(&mut self, vmid: VmId, why: &str) {
        self.wizard.set_fact("vmid.taken", vmid.to_string());
        self.wizard.set_fact("vmid.why", why);
        self.wizard.share();
    }

    fn finish(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.sending {
            return;
        }
        // Nothing is sent before the last page has shown the call.
        if !self.wizard.is_on_last() {
            self.wizard.go(self.wizard.len());
            return;
        }
        let values = self.wizard.known();
        let Some(request) = request::request(&values) else { return };
        let name = values.get("name");
        let label = format!(
            "Create VM {}{}",
            values.get("vmid"),
            if name.is_empty() { String::new() } else { format!(" ({name})") }
        );
        self.sending = true;
        self.error = None;
        let write = cx.hear(label.clone(), request, Msg::Created);
        cx.send_confirmed(Proposal::new(label, vec![write]));
    }

    fn refused(&mut self, error: &ApiError) {
        let (mut errors, values) = (BTreeMap::new(), self.wizard.known());
        if let ApiError::Refused(refusal) = error {
            for (parameter, why) in &refusal.errors {
                errors.insert(request::field_of(parameter, &values), why.clone());
            }
            if errors.is_empty()
                && let Some(field) = request::field_of_text(&refusal.message)
            {
                errors.insert(field.to_owned(), refusal.message.clone());
            }
        }
        let left = self.wizard.set_errors(errors);
        let rest: Vec<String> = left.iter().map(|(key, why)| format!("{key}: {why}")).collect();
        self.error = Some(if rest.is_empty() { format!("{error}. {}", error.advice()) } else { rest.join("; ") });
    }

    fn cancel(&mut self, dirty: bool, cx: &mut Cx<'_, Msg>) {
        if !dirty {
            cx.close();
            return;
        }
        let leave = cx.reply_effect(Msg::Leave);
        let keep = Pick::closing("No, go on").letter('n');
        let throw = Pick::new("Yes, throw it away", move || leave).letter('y');
        cx.emit(Hosted::open(Picker::menu("Leave the wizard? What was typed is lost.", vec![keep, throw])));
    }

    fn handle(&mut self, event: WizardEvent, cx: &mut Cx<'_, Msg>) -> bool {
        match event {
            WizardEvent::Ignored => return false,
            WizardEvent::Stay => {}
            WizardEvent::StepEntered(_) => self.scroll = 0,
            WizardEvent::Cancelled { dirty } => self.cancel(dirty, cx),
            WizardEvent::Finish => self.finish(cx),
            WizardEvent::FieldChanged(key) => self.changed(&key, cx),
        }
        true
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(request) = request::request(&self.wizard.known()) {
            cx.emit(Effect::Copy(preview::pvesh(&request.wire)));
            cx.toast(Level::Info, "Copied as a pvesh line");
        }
    }
}

impl View for CreateVm {
    type Msg = Msg;
    const NAME: &'static str = "Create VM";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "create.copy",
        keys: "ctrl-y",
        title: "Copy the call",
        footer: true,
        ready: |_, _| true,
        run: Self::copy,
    }];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(cluster::next_id(None), Msg::NextId);
        self.load_node(cx);
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::NextId(Ok(vmid)) => {
                if self.wizard.values().get("vmid").is_empty() {
                    self.wizard.set_initial("vmid", &vmid.to_string());
                }
            }
            Msg::NextId(Err(error)) => self.error = Some(format!("No free id was proposed: {error}")),
            Msg::IdChecked(vmid, Err(error)) if self.wizard.values().get("vmid") == vmid.to_string() => {
                if let Some(400) = error.status() {
                    self.taken(vmid, "is already taken");
                }
            }
            Msg::IdChecked(..) => {}
            // Answers about a node that is no longer chosen don't count.
            Msg::Storages(node, _) | Msg::Images(node, ..) | Msg::Networks(node, _) if node != self.node => {}
            Msg::Storages(_, Ok(list)) => self.storages(&list, cx),
            Msg::Storages(_, Err(error)) => {
                for key in supply::FROM_STORAGES {
                    self.wizard.set_choices(key, Choices::Failed(error.to_string()));
                }
            }
            Msg::Images(_, storage, kind, answer) => {
                if let Err(error) = &answer {
                    self.error = Some(format!("The images on {storage} can't be listed: {error}"));
                }
                self.images.came(kind, answer.unwrap_or_default());
                self.images.show(&mut self.wizard);
            }
            Msg::Networks(_, Ok(page)) => supply::networks(&mut self.wizard, &page.data),
            Msg::Networks(_, Err(error)) => self.wizard.set_choices("bridge", Choices::Failed(error.to_string())),
            Msg::Created(Ok(_)) => cx.close(),
            Msg::Created(Err(error)) => {
                self.sending = false;
                self.refused(&error);
            }
            Msg::Leave => cx.close(),
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) -> bool {
        use crossterm::event::KeyCode;
        let event = self.wizard.key(key);
        if event == WizardEvent::Ignored && self.wizard.is_on_last() {
            match key.code {
                KeyCode::Down | KeyCode::Char('j') => self.scroll = (self.scroll + 1).min(200),
                KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
                KeyCode::Char('s') => {
                    let start = if self.wizard.values().is_on("start") { "0" } else { "1" };
                    self.wizard.set("start", start);
                }
                _ => return false,
            }
            return true;
        }
        self.handle(event, cx)
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Msg>) {
        let event = self.wizard.mouse(event);
        self.handle(event, cx);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Msg>) {
        let event = self.wizard.paste(text);
        self.handle(event, cx);
    }

    fn crumb(&self, _: &Store) -> String {
        "Create VM".into()
    }

    fn place(&self, area: Rect) -> Rect {
        area
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let block = look.block("Create a virtual machine", true);
        let mut inner = block.inner(area);
        frame.render_widget(block, area);
        if let Some(error) = &self.error {
            let lines = text::wrap(&text::clean(error), usize::from(inner.width).saturating_sub(2).max(10));
            let height = u16::try_from(lines.len()).unwrap_or(1).min(3);
            let place = Rect { height, ..inner };
            let lines: Vec<Line> =
                lines.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::ErrorText))).collect();
            frame.render_widget(Paragraph::new(lines), place);
            inner = Rect { y: inner.y + height, height: inner.height.saturating_sub(height), ..inner };
        }
        let page = self.wizard.is_on_last().then(|| confirm::Page {
            values: self.wizard.known(),
            sending: self.sending,
            scroll: self.scroll,
        });
        self.wizard.draw(frame, inner, look, scene.now.millis(), |frame, area| {
            if let Some(page) = page {
                page.draw(frame, area, look);
            }
        });
    }
}
