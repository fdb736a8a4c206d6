//! The files in a backup, and getting some of them out: only Backup Servers offer it.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

use super::row::Row;
use crate::{
    api::{
        ApiError,
        backup::{self, Entry},
        ids::{NodeName, VolId},
    },
    shell::{Command, Cx, Level, Scene, SessionId, View, World},
    store::Store,
    ui::{Align, Cell, Column, Ctx, List, Role, Table, TableEvent, Width, text},
};

/// What the view hears back.
pub enum Msg {
    /// What lies in a folder.
    Listed(String, Result<Vec<Entry>, ApiError>),
    /// A file was fetched: where it was put, and its size.
    Saved(Result<(PathBuf, usize), String>),
}

/// The files in a backup.
pub struct Files {
    row: Row,
    /// The folders above: path as the API wants it, name, and the row to come back to.
    path: Vec<(String, String)>,
    entries: Vec<Entry>,
    generation: u64,
    table: Table<Entry, String>,
    error: Option<ApiError>,
    loading: bool,
    saving: bool,
    zone: TimeZone,
}

fn columns() -> Vec<Column<Entry>> {
    vec![
        Column {
            id: "name",
            title: "Name",
            width: Width::Flex { min: 16, max: 70 },
            priority: 0,
            align: Align::Left,
            cell: |e: &Entry, _: &Ctx| {
                if e.leaf { e.text.as_str().into() } else { Cell::role(format!("{}/", e.text), Role::Accent) }
            },
            sort: Some(|a, b| (a.leaf, &a.text).cmp(&(b.leaf, &b.text))),
        },
        Column {
            id: "size",
            title: "Size",
            width: Width::Fixed(9),
            priority: 1,
            align: Align::Right,
            cell: |e, _| e.size.map_or_else(Cell::default, |n| text::bytes(n).trim().to_owned().into()),
            sort: Some(|a, b| a.size.cmp(&b.size)),
        },
        Column {
            id: "time",
            title: "Changed",
            width: Width::Fixed(16),
            priority: 1,
            align: Align::Left,
            cell: |e, c| {
                let at = e.mtime.map(|at| text::time(at, c.zone).chars().take(16).collect::<String>());
                at.unwrap_or_default().into()
            },
            sort: Some(|a, b| a.mtime.cmp(&b.mtime)),
        },
        Column {
            id: "type",
            title: "Type",
            width: Width::Fixed(8),
            priority: 2,
            align: Align::Left,
            cell: |e, _| {
                let word = match e.kind.as_str() {
                    "v" => "archive",
                    "d" => "folder",
                    "f" => "file",
                    "l" | "h" => "link",
                    "b" | "c" => "device",
                    "p" => "pipe",
                    "s" => "socket",
                    _ => "",
                };
                Cell::role(word, Role::Muted)
            },
            sort: None,
        },
    ]
}

impl Files {
    /// The files in this backup.
    pub fn new(row: &Row) -> Self {
        let table = Table::new(columns(), |e: &Entry| e.filepath.clone(), |e, out| out.push_str(&e.text))
            .with_sort("name", false)
            .without_footer();
        Self {
            row: row.clone(),
            path: vec![],
            entries: vec![],
            generation: 0,
            table,
            error: None,
            loading: false,
            saving: false,
            zone: TimeZone::system(),
        }
    }

    fn here(&self) -> String {
        self.path.last().map_or_else(|| "/".into(), |(path, _)| path.clone())
    }

    fn load(&mut self, cx: &mut Cx<'_, Msg>) {
        let path = self.here();
        (self.loading, self.error) = (true, None);
        let request = backup::files(&self.row.node, &self.row.volid, &path);
        cx.send(request, move |answer| Msg::Listed(path, answer));
    }

    fn show(&mut self, entries: Vec<Entry>) {
        self.entries = entries;
        self.generation += 1;
        self.table.sync(&self.entries, self.generation);
    }

    fn selected(&self) -> Option<&Entry> {
        self.table.selected(&self.entries)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(entry) = self.selected() else { return };
        if entry.leaf {
            cx.toast(Level::Info, "A file: d fetches it");
            return;
        }
        self.path.push((entry.filepath.clone(), entry.text.clone()));
        self.table.set_filter("");
        self.show(vec![]);
        self.load(cx);
    }

    fn up(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.path.pop().is_some() {
            self.show(vec![]);
            self.load(cx);
        }
    }

    fn fetch(&mut self, cx: &mut Cx<'_, Msg>) {
        self.save(false, cx);
    }

    fn fetch_tar(&mut self, cx: &mut Cx<'_, Msg>) {
        self.save(true, cx);
    }

    fn save(&mut self, tar: bool, cx: &mut Cx<'_, Msg>) {
        let Some(entry) = self.selected().cloned() else { return };
        if self.saving {
            cx.toast(Level::Info, "One file after the other: wait for the one that is being fetched");
            return;
        }
        self.saving = true;
        let (session, node, volid) = (cx.session(), self.row.node.clone(), self.row.volid.clone());
        cx.toast(Level::Info, format!("Fetching {}", text::clean(&entry.text)));
        cx.job(move |world| Box::pin(async move { Msg::Saved(save(world, session, node, volid, entry, tar).await) }));
    }
}

/// Only the last part of a name, so that no backup can write elsewhere.
fn file_name(entry: &Entry, tar: bool) -> String {
    let name = entry.text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = if matches!(name.as_str(), "" | "." | "..") { "files".to_owned() } else { name };
    match (entry.leaf, tar) {
        (true, _) => name,
        (false, true) => format!("{name}.tar.zst"),
        (false, false) => format!("{name}.zip"),
    }
}

async fn save(
    world: World,
    session: SessionId,
    node: NodeName,
    volid: VolId,
    entry: Entry,
    tar: bool,
) -> Result<(PathBuf, usize), String> {
    let client = world.client(session).map_err(|e| e.to_string())?;
    let request = backup::file(&node, &volid, &entry.filepath, tar && !entry.leaf);
    let bytes = client.ask(request).await.map_err(|e| format!("{e}. {}", e.advice()))?;
    let name = file_name(&entry, tar);
    let write = tokio::task::spawn_blocking(move || put(&name, &bytes).map(|path| (path, bytes.len())));
    write.await.map_err(|e| e.to_string())?
}

/// Writes a new file into the folder in which the program was started; files that are there stay.
fn put(name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
    use std::io::Write as _;
    let folder = std::env::current_dir().map_err(|e| format!("the current folder can't be told: {e}"))?;
    for n in 0..1000 {
        let path = folder.join(if n == 0 { name.to_owned() } else { format!("{n}-{name}") });
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(bytes).map_err(|e| format!("can't write {}: {e}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("can't write {}: {error}", path.display())),
        }
    }
    Err(format!("there are too many files called {name} already"))
}

impl View for Files {
    type Msg = Msg;
    const NAME: &'static str = "Files in a backup";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "file.fetch",
            keys: "d",
            title: "Fetch (folders as zip)",
            footer: true,
            ready: |v, _| v.selected().is_some(),
            run: Self::fetch,
        },
        Command {
            id: "file.tar",
            keys: "t",
            title: "Fetch as tar.zst",
            footer: true,
            ready: |v, _| v.selected().is_some_and(|e| !e.leaf),
            run: Self::fetch_tar,
        },
        Command {
            id: "file.up",
            keys: "backspace h left",
            title: "Folder above",
            footer: true,
            ready: |v, _| !v.path.is_empty(),
            run: Self::up,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(cx);
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Listed(path, _) if path != self.here() => {}
            Msg::Listed(_, answer) => {
                self.loading = false;
                match answer {
                    Ok(entries) => self.show(entries),
                    Err(error) => self.error = Some(error),
                }
            }
            Msg::Saved(result) => {
                self.saving = false;
                match result {
                    Ok((path, size)) => {
                        let size = text::bytes_short(size as u64);
                        cx.toast(Level::Ok, format!("Saved {} ({size})", path.display()));
                    }
                    Err(why) => cx.toast(Level::Error, why),
                }
            }
        }
    }

    fn list(&mut self) -> Option<&mut dyn List> {
        Some(&mut self.table)
    }

    fn listed(&mut self, event: TableEvent, cx: &mut Cx<'_, Msg>) -> bool {
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open => self.enter(cx),
            _ => {}
        }
        true
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Backups > {} > Files", self.row.guest())
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
        let names: Vec<&str> = self.path.iter().map(|(_, name)| name.as_str()).collect();
        let words = format!(" {} /{}", text::local_time(self.row.unix()), names.join("/"));
        let (words, role) = match &self.error {
            Some(error) => (format!(" {} {error}. {}", look.glyphs.warning, error.advice()), Role::Warning),
            None if self.loading => (format!("{words}  {}", look.glyphs.spin(scene.now.millis())), Role::Muted),
            None => (words, Role::Muted),
        };
        let words = text::cut(&text::clean(&words), usize::from(area.width), look.glyphs.ellipsis).into_owned();
        frame.render_widget(Line::styled(words, look.style(role)), head);
        self.table.set_empty(if self.loading { "asking the Backup Server" } else { "nothing in here" });
        self.table.sync(&self.entries, self.generation);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.entries, &ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        let entry = |text: &str, leaf| Entry { text: text.into(), leaf, ..Entry::default() };
        assert_eq!(file_name(&entry("../../etc/passwd", true), false), "passwd");
        assert_eq!(file_name(&entry("..", true), false), "files");
        assert_eq!(file_name(&entry("etc", false), false), "etc.zip");
        assert_eq!(file_name(&entry("etc", false), true), "etc.tar.zst");
    }
}
