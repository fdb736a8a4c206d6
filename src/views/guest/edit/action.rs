//! What can be done in the editor: keys, the menu of a row, the menu of new devices.

use super::{
    Editor, Msg,
    change::{self, Mine},
    dump::Dump,
    row::{self, Row},
    setting::{Drive, Key, NEW, Setting, drive, number},
    sheet::Sheet,
    text, volume as disk,
};
use crate::{
    api::{cloudinit, ids::GuestKind},
    shell::{Command, Cx, Effect, Level, Pick, Picker, Proposal, Ready, Write, needs},
    store::Store,
    views::device::cd::CD,
};

const fn command(
    id: &'static str,
    keys: &'static str,
    title: &'static str,
    footer: bool,
    run: fn(&mut Editor, &mut Cx<'_, Msg>),
) -> Command<Editor> {
    Command {
        id,
        keys,
        title,
        footer,
        ready: |editor, _| needs(editor.sheet.is_some(), "the settings have not come yet"),
        run,
    }
}

/// The keys.
pub const COMMANDS: &[Command<Editor>] = &[
    command("edit.change", "e", "Edit", true, edit),
    command("edit.add", "a", "Add", true, add),
    command("edit.menu", "m x", "Actions", true, menu),
    Command {
        ready: |e, s| possible(e, s, "edit.remove"),
        ..command("edit.remove", "delete", "Remove or detach", false, |e, cx| run(e, cx, remove))
    },
    Command {
        ready: |e, s| possible(e, s, "edit.revert"),
        ..command("edit.revert", "u", "Revert what waits", true, |e, cx| run(e, cx, revert))
    },
    command("edit.revert-all", "U", "Revert all that waits", false, revert_all),
    Command {
        ready: |e, s| possible(e, s, "edit.resize"),
        ..command("edit.resize", "+", "Grow disk", false, |e, cx| run(e, cx, resize))
    },
    Command {
        ready: |e, s| possible(e, s, "edit.move"),
        ..command("edit.move", "V", "Move to another storage", false, |e, cx| run(e, cx, move_disk))
    },
    Command {
        ready: |e, s| possible(e, s, "edit.give"),
        ..command("edit.give", "", "Give to another guest", false, |e, cx| run(e, cx, give))
    },
    Command {
        ready: |e, s| possible(e, s, "edit.eject"),
        ..command("edit.eject", "", "Eject medium", false, |e, cx| run(e, cx, eject))
    },
    Command {
        ready: |e, s| possible(e, s, "edit.delete-volume"),
        ..command("edit.delete-volume", "", "Detach and delete the volume", false, |e, cx| {
            run(e, cx, |e, row, cx| remove_row(e, row, true, cx))
        })
    },
    command("edit.text", "E", "Edit as text", true, edit_text),
    command("edit.next", "tab ] l right", "Next page", true, |e, cx| e.go(1, cx)),
    command("edit.previous", "shift-tab [ h left", "Page before", false, |e, cx| e.go(-1, cx)),
    Command {
        ready: |e, _| needs(e.has_cloud_init(), "there is no cloud-init drive"),
        ..command("edit.dump", "D", "Show cloud-init data", false, dump)
    },
    Command {
        ready: |e, _| needs(e.has_cloud_init(), "there is no cloud-init drive"),
        ..command("edit.regenerate", "R", "Regenerate cloud-init drive", false, regenerate)
    },
    command("edit.copy", "y", "Copy the setting", false, copy),
];

/// One thing that can be done with a row.
struct Action {
    id: &'static str,
    letter: char,
    title: fn(GuestKind, &Row, &Sheet) -> &'static str,
    /// Why it can't be done.
    refuse: fn(GuestKind, &Row, &Sheet) -> Option<String>,
}

fn text_of<'s>(row: &Row, sheet: &'s Sheet) -> &'s str {
    sheet.wanted(&row.key).unwrap_or_default()
}

fn no_disk(_: GuestKind, row: &Row, sheet: &Sheet) -> Option<String> {
    (!disk::is_disk(&row.key, text_of(row, sheet))).then(|| "it is no disk with a volume".into())
}

fn not_grown(kind: GuestKind, row: &Row, sheet: &Sheet) -> Option<String> {
    // The firmware needs them as large as they are, and nothing shrinks.
    let fixed = matches!(row.key.as_str(), "efidisk0" | "tpmstate0");
    if fixed { Some("its size is fixed".into()) } else { no_disk(kind, row, sheet) }
}

fn not_given(kind: GuestKind, row: &Row, sheet: &Sheet) -> Option<String> {
    if row.key == "rootfs" {
        return Some("a container can't be without".into());
    }
    let unused = number(&row.key, "unused").is_some();
    if unused { None } else { no_disk(kind, row, sheet) }
}

const ACTIONS: &[Action] = &[
    Action {
        id: "edit.change",
        letter: 'e',
        title: |_, row, _| if number(&row.key, "unused").is_some() { "Attach" } else { "Edit" },
        refuse: |_, row, _| cannot_edit(row),
    },
    Action {
        id: "edit.eject",
        letter: 'j',
        title: |_, _, _| "Eject medium",
        refuse: |_, row, sheet| {
            let text = text_of(row, sheet);
            let cd = row.setting.is_some_and(|s| s.key == Key::Drive(Drive::Cd)) && drive(text) == Drive::Cd;
            (!cd || text.starts_with("none")).then(|| "there is no medium in it".into())
        },
    },
    Action {
        id: "edit.revert",
        letter: 'u',
        title: |_, _, _| "Revert what waits",
        refuse: |_, row, _| row.pending.is_none().then(|| "nothing waits for the next start".into()),
    },
    Action { id: "edit.resize", letter: '+', title: |_, _, _| "Grow", refuse: not_grown },
    Action { id: "edit.move", letter: 'v', title: |_, _, _| "Move to another storage", refuse: no_disk },
    Action { id: "edit.give", letter: 'g', title: |_, _, _| "Give to another guest", refuse: not_given },
    Action {
        id: "edit.remove",
        letter: 'd',
        title: |kind, row, sheet| change::removal(kind, row, sheet).map_or("Remove", |removal| removal.verb),
        refuse: |kind, row, sheet| change::removal(kind, row, sheet).err().map(Into::into),
    },
    Action {
        id: "edit.delete-volume",
        letter: 'D',
        title: |_, _, _| "Detach and delete the volume",
        refuse: |kind, row, sheet| {
            if kind == GuestKind::Ct {
                return Some("detach it first, then delete the unused volume".into());
            }
            no_disk(kind, row, sheet)
        },
    },
    Action { id: "edit.copy", letter: 'y', title: |_, _, _| "Copy the setting", refuse: |_, _, _| None },
];

fn cannot_edit(row: &Row) -> Option<String> {
    match row.setting {
        None => Some("it belongs to another tool".into()),
        Some(_) if number(&row.key, "unused").is_some() => None,
        Some(setting) if setting.key == Key::Drive(Drive::CloudInit) => {
            Some("what is in it is on the Cloud-Init page".into())
        }
        Some(setting) if setting.fixed => Some("the server or another dialog changes it".into()),
        Some(_) => None,
    }
}

fn possible(editor: &Editor, _: &Store, id: &str) -> Ready {
    let (Some(row), Some(sheet)) = (editor.row(), &editor.sheet) else { return Err("no setting is selected".into()) };
    let action = ACTIONS.iter().find(|action| action.id == id);
    action.and_then(|action| (action.refuse)(editor.guest.kind, row, sheet)).map_or(Ok(()), |why| Err(why.into()))
}

fn run(editor: &mut Editor, cx: &mut Cx<'_, Msg>, what: fn(&mut Editor, &Row, &mut Cx<'_, Msg>)) {
    if let Some(row) = editor.row().cloned() {
        what(editor, &row, cx);
    }
}

/// Opens the form of the selected row.
pub fn edit(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    if cx.refuses_changes() {
        return;
    }
    let (Some(row), Some(sheet)) = (editor.row().cloned(), editor.sheet.clone()) else { return };
    if let Some(why) = cannot_edit(&row) {
        cx.toast(Level::Info, format!("{}: {why}", row.title));
        return;
    }
    let Some(setting) = row.setting else { return };
    if setting.is_long() {
        let text = sheet.wanted(&row.key).unwrap_or_default().to_owned();
        let name = format!("{}-{}.md", editor.guest.vmid, row.key);
        cx.edit_text(name, text, move |edited| Msg::EditedOne(sheet, row.key, edited));
        return;
    }
    let mine = match number(&row.key, "unused") {
        Some(_) => {
            let (want, kind) = match editor.guest.kind {
                GuestKind::Vm => (Key::Drive(Drive::Disk), GuestKind::Vm),
                GuestKind::Ct => (Key::Numbered("mp", 256), GuestKind::Ct),
            };
            let Some(setting) = row::settings(kind).iter().find(|setting| setting.key == want) else { return };
            let volume = sheet.wanted(&row.key).map(str::to_owned);
            Mine::Form { key: NEW.into(), setting, volume, fields: vec![] }
        }
        None => Mine::Form { key: row.key.clone(), setting, volume: None, fields: vec![] },
    };
    editor.again(mine, cx);
}

/// The menu of devices that can be added.
pub fn add(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    if cx.refuses_changes() {
        return;
    }
    let Some(sheet) = &editor.sheet else { return };
    let layer = cx.id;
    let picks = row::settings(editor.guest.kind).iter().filter(|setting| setting.add).map(|setting| {
        let mine = Mine::Form { key: place_of(setting), setting, volume: None, fields: vec![] };
        let mut pick = Pick::new(setting.title, move || Effect::Reply { to: layer, reply: Box::new(Msg::Again(mine)) });
        pick.detail = match setting.key {
            Key::One(key) => key.to_owned(),
            Key::Numbered(prefix, room) => sheet.free(prefix, room).unwrap_or_default(),
            Key::Drive(_) => String::new(),
        };
        pick.disabled = match setting.key {
            Key::One(key) if sheet.keys().any(|there| there == key) => Some("there is one already".into()),
            Key::Numbered(prefix, room) if sheet.free(prefix, room).is_none() => {
                Some("there is no room for more".into())
            }
            _ => None,
        };
        if pick.disabled.is_none() && setting.root && cx.store().user != "root@pam" {
            pick.detail += " (root@pam only)";
        }
        pick
    });
    let picks = picks.collect();
    cx.open(Picker::search("Add", picks));
}

fn place_of(setting: &Setting) -> String {
    match setting.key {
        Key::One(key) => key.to_owned(),
        _ => NEW.to_owned(),
    }
}

/// What can be done with the selected row.
pub fn menu(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    let (Some(row), Some(sheet)) = (editor.row(), &editor.sheet) else { return };
    let layer = cx.id;
    let mut picks: Vec<Pick> = ACTIONS
        .iter()
        .map(|action| {
            let effect = move || Effect::Run { layer: Some(layer), command: action.id.into() };
            let mut pick = Pick::new((action.title)(editor.guest.kind, row, sheet), effect).letter(action.letter);
            pick.detail = cx.scene.keys.label(action.id);
            pick.disabled = (action.refuse)(editor.guest.kind, row, sheet);
            pick
        })
        .collect();
    if editor.has_cloud_init() {
        for (letter, id, title) in
            [('c', "edit.dump", "Show cloud-init data"), ('r', "edit.regenerate", "Regenerate cloud-init drive")]
        {
            let effect = move || Effect::Run { layer: Some(layer), command: id.into() };
            picks.push(Pick::new(title, effect).letter(letter).detail(cx.scene.keys.label(id)));
        }
    }
    let title = row.title.clone();
    cx.open(Picker::menu(title, picks));
}

fn remove(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    remove_row(editor, row, false, cx);
}

fn remove_row(editor: &mut Editor, row: &Row, force: bool, cx: &mut Cx<'_, Msg>) {
    let Some(sheet) = editor.sheet.clone() else { return };
    match change::removal(editor.guest.kind, row, &sheet) {
        Ok(removal) => {
            let proposal = change::propose_removal(&editor.subject(cx.store()), &sheet, row, &removal, force);
            editor.propose(Mine::Remove(removal.keys, force), proposal, cx);
        }
        Err(why) => cx.toast(Level::Info, format!("{}: {why}", row.title)),
    }
}

fn revert(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    let Some(sheet) = &editor.sheet else { return };
    let keys = row.setting.map_or_else(|| vec![row.key.clone()], |setting| setting.keys(&row.key));
    let keys = keys.into_iter().filter(|key| sheet.waits(key)).collect();
    editor.again(Mine::Revert(keys), cx);
}

fn revert_all(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    let waiting = editor.sheet.as_ref().map(|sheet| sheet.waiting()).unwrap_or_default();
    editor.again(Mine::Revert(waiting), cx);
}

fn eject(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    let Some(sheet) = editor.sheet.clone() else { return };
    let old = text_of(row, &sheet);
    let mut values = CD.from_text(old);
    values.set("cd.source", "none");
    let texts = vec![(row.key.clone(), CD.to_text(&values, Some(old)))];
    let change = sheet.change(texts.clone());
    let proposal = change::propose(&editor.subject(cx.store()), &sheet, "Eject the medium", &change);
    editor.propose(Mine::Texts(texts), proposal, cx);
}

fn resize(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    if let Some(editing) = editor.editing(cx.id, cx.store()).filter(|_| !cx.refuses_changes()) {
        cx.open(disk::Resize::dialog(&editing, &row.key));
    }
}

fn move_disk(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    if let Some(editing) = editor.editing(cx.id, cx.store()).filter(|_| !cx.refuses_changes()) {
        cx.open(disk::Move::dialog(&editing, &row.key));
    }
}

fn give(editor: &mut Editor, row: &Row, cx: &mut Cx<'_, Msg>) {
    if let Some(editing) = editor.editing(cx.id, cx.store()).filter(|_| !cx.refuses_changes()) {
        cx.open(disk::Give::dialog(&editing, &row.key, cx.store()));
    }
}

fn edit_text(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    if cx.refuses_changes() {
        return;
    }
    let Some(sheet) = editor.sheet.clone() else { return };
    let (kind, subject) = (editor.guest.kind, editor.subject(cx.store()));
    let name = format!("{}-{}.conf", kind.label().to_lowercase(), editor.guest.vmid);
    cx.edit_text(name, text::write(kind, &subject.label(), &sheet), move |edited| Msg::Edited(sheet, edited));
}

fn dump(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    cx.open(Dump::new(editor.guest.clone()));
}

fn regenerate(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    let subject = editor.subject(cx.store());
    let label = format!("Regenerate the cloud-init drive of {}", subject.label());
    let write = Write::new(label.clone(), cloudinit::regenerate(&editor.guest)).on_guest(editor.guest.vmid);
    let proposal = Proposal::new(format!("{label}?"), vec![write])
        .note("The drive gets the settings as they are on the Cloud-Init page, pending ones too. The guest reads it at its next start.");
    editor.propose(Mine::Texts(vec![]), Some(proposal), cx);
}

fn copy(editor: &mut Editor, cx: &mut Cx<'_, Msg>) {
    let (Some(row), Some(sheet)) = (editor.row(), &editor.sheet) else { return };
    let text = sheet.wanted(&row.key).or_else(|| sheet.in_effect(&row.key)).unwrap_or(&row.value);
    cx.emit(Effect::Copy(format!("{}: {text}", row.key)));
    cx.toast(Level::Info, "Setting copied");
}
