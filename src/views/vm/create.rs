//! The create-VM wizard.

pub mod form;

use std::collections::BTreeMap;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

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
    ui::{Choice, Choices, Look, Role, Wizard, WizardEvent, text},
};

/// What the wizard hears back.
pub enum Msg {
    /// The next free id.
    NextId(Result<VmId, ApiError>),
    /// Whether an id is free.
    IdChecked(VmId, Result<VmId, ApiError>),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
    /// The ISO images on a storage.
    Images(NodeName, StorageId, Result<Vec<Volume>, ApiError>),
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
    images: BTreeMap<StorageId, Vec<Choice>>,
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
        Self { wizard, node, images: BTreeMap::new(), sending: false, error: None, scroll: 0 }
    }

    fn load_node(&mut self, cx: &mut Cx<'_, Msg>) {
        self.images.clear();
        for key in ["iso", "disk.storage", "efi.storage", "net.bridge"] {
            self.wizard.set_choices(key, Choices::Loading);
        }
        let node = self.node.clone();
        cx.send(storage::of_node(&node, None, true), {
            let node = node.clone();
            move |answer| Msg::Storages(node, answer)
        });
        cx.send(network::list(&self.node, Some("any_bridge")), move |answer| Msg::Networks(node, answer));
    }

    fn storages(&mut self, storages: Vec<storage::Status>, cx: &mut Cx<'_, Msg>) {
        let choice = |s: &storage::Status| {
            let shared = if s.shared { ", shared" } else { "" };
            Choice::new(s.storage.as_str()).detail(format!("{}, {} free{shared}", s.kind, text::bytes(s.avail).trim()))
        };
        let active = || storages.iter().filter(|s| s.active);
        let disks: Vec<Choice> = active().filter(|s| s.keeps(ContentKind::Images)).map(choice).collect();
        // Block storage before files before the network, then the one with the most room.
        let rank = |s: &&storage::Status| match s.kind.as_str() {
            "lvmthin" | "zfspool" | "rbd" | "lvm" | "btrfs" => 2,
            "dir" => 1,
            _ => 0,
        };
        let roomy = active().filter(|s| s.keeps(ContentKind::Images)).max_by_key(|s| (rank(s), s.avail));
        let wanted = roomy.map(|s| s.storage.to_string()).unwrap_or_default();
        let none = disks.is_empty();
        for key in ["disk.storage", "efi.storage"] {
            let list = if none {
                Choices::Failed(format!("no active storage on {} keeps disk images", self.node))
            } else {
                Choices::Ready(disks.clone())
            };
            self.wizard.set_choices(key, list);
            if !none {
                self.wizard.set_initial(key, &wanted);
            }
        }
        let isos: Vec<StorageId> = active().filter(|s| s.keeps(ContentKind::Iso)).map(|s| s.storage.clone()).collect();
        if isos.is_empty() {
            self.wizard.set_choices("iso", Choices::Ready(vec![Choice::labelled("", "none")]));
        }
        for storage in isos {
            let node = self.node.clone();
            let request = storage::content(&node, &storage, Some(ContentKind::Iso), None);
            cx.send(request, move |answer| Msg::Images(node, storage, answer));
        }
    }

    fn show_images(&mut self) {
        let mut list = vec![Choice::labelled("", "none (empty drive)")];
        list.extend(self.images.values().flatten().cloned());
        self.wizard.set_choices("iso", Choices::Ready(list));
    }

    fn networks(&mut self, interfaces: &[Interface]) {
        let bridges = interfaces.iter().filter(|i| i.is_bridge());
        let mut list: Vec<Choice> = bridges
            .map(|b| {
                let vlans = if b.bridge_vlan_aware { "VLAN aware" } else { "" };
                let words = [b.cidr.as_deref().unwrap_or(""), vlans, b.comments.as_deref().unwrap_or("").trim()];
                let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
                Choice::new(b.iface.as_str()).detail(words.join(", "))
            })
            .collect();
        let first = list.first().map(|c| c.value.clone()).unwrap_or_else(|| "none".into());
        list.push(Choice::labelled("none", "no network"));
        self.wizard.set_choices("net.bridge", Choices::Ready(list));
        self.wizard.set_initial("net.bridge", &first);
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
                        Some(taken) => self.taken(&format!("is taken by {} {}", taken.kind.label(), taken.name)),
                        None => cx.send(cluster::next_id(Some(vmid)), move |answer| Msg::IdChecked(vmid, answer)),
                    }
                }
            }
            _ => {}
        }
    }

    fn taken(&mut self, why: &str) {
        let at = self.wizard.at();
        self.wizard.set_errors(BTreeMap::from([("vmid".to_owned(), why.to_owned())]));
        self.wizard.go(at);
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
        let values = self.wizard.values();
        let Some(request) = form::request(&values) else { return };
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
        let mut errors = BTreeMap::new();
        if let ApiError::Refused(refusal) = error {
            for (parameter, why) in &refusal.errors {
                errors.insert(form::field_of(parameter).to_owned(), why.clone());
            }
            if errors.is_empty()
                && let Some(field) = form::field_of_text(&refusal.message)
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
        if let Some(request) = form::request(&self.wizard.values()) {
            cx.emit(Effect::Copy(preview::pvesh(&request.wire)));
            cx.toast(Level::Info, "Copied as a pvesh line");
        }
    }
}

fn draw_last(
    frame: &mut Frame,
    area: Rect,
    wizard_values: &crate::ui::Values,
    look: &Look,
    sending: bool,
    scroll: u16,
) {
    let width = usize::from(area.width).max(20);
    let mut lines = vec![Line::styled("This will be sent:", look.style(Role::Title)), Line::raw("")];
    let Some(request) = form::request(wizard_values) else {
        lines.push(Line::styled("Node or VM ID is missing.", look.style(Role::ErrorText)));
        frame.render_widget(Paragraph::new(lines), area);
        return;
    };
    let wire = &request.wire;
    lines.push(Line::styled(format!("{} {}", wire.method, wire.path), look.style(Role::Accent)));
    for p in &wire.params {
        let shown = format!("{}={}", p.name, text::clean(p.shown()));
        for (i, part) in text::wrap(&shown, width - 4).into_iter().enumerate() {
            let indent = if i == 0 { "  " } else { "    " };
            lines.push(Line::from(vec![Span::raw(indent), Span::styled(part, look.style(Role::Text))]));
        }
    }
    lines.push(Line::raw(""));
    for part in text::wrap(&preview::pvesh(wire), width) {
        lines.push(Line::styled(part, look.style(Role::Muted)));
    }
    lines.push(Line::raw(""));
    let words = if sending {
        "Sending".to_owned() + look.glyphs.ellipsis
    } else {
        "Enter: create   PgUp: back   Ctrl-y: copy".into()
    };
    lines.push(Line::styled(words, look.style(Role::Key)));
    let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(area.height);
    frame.render_widget(Paragraph::new(lines).scroll((scroll.min(most), 0)), area);
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
                    self.taken("is already taken");
                }
            }
            Msg::IdChecked(..) => {}
            // Answers about a node that is no longer chosen don't count.
            Msg::Storages(node, _) | Msg::Images(node, ..) | Msg::Networks(node, _) if node != self.node => {}
            Msg::Storages(_, Ok(list)) => self.storages(list, cx),
            Msg::Storages(_, Err(error)) => {
                for key in ["iso", "disk.storage", "efi.storage"] {
                    self.wizard.set_choices(key, Choices::Failed(error.to_string()));
                }
            }
            Msg::Images(_, storage, answer) => {
                let choice = |v: Volume| {
                    let size = v.size.map(|n| text::bytes(n).trim().to_owned()).unwrap_or_default();
                    Choice::labelled(v.volid.as_str(), v.volid.as_str()).detail(size)
                };
                let mut list: Vec<Choice> = answer.unwrap_or_default().into_iter().map(choice).collect();
                list.sort_by(|a, b| a.value.cmp(&b.value));
                self.images.insert(storage, list);
                self.show_images();
            }
            Msg::Networks(_, Ok(page)) => self.networks(&page.data),
            Msg::Networks(_, Err(error)) => self.wizard.set_choices("net.bridge", Choices::Failed(error.to_string())),
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
        let (values, sending, scroll) = (self.wizard.values(), self.sending, self.scroll);
        self.wizard.draw(frame, inner, look, scene.now.millis(), |frame, area| {
            draw_last(frame, area, &values, look, sending, scroll);
        });
    }
}
