//! The files in a backup, and getting some of them out: only Backup Servers offer it.

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

use super::row::Row;
use crate::{
    api::{
        ApiError, Wire,
        attachment::{Attachment, Meter},
        backup::{self, Entry},
        ids::{NodeName, VolId},
    },
    shell::{Command, Cx, Effect, Level, Scene, View, needs},
    store::Store,
    ui::{Cell, Column, Ctx, Pane, Role, Table, Width, text},
    views::task::transfer,
};

/// What the view hears back.
pub enum Msg {
    /// What lies in a folder.
    Listed(String, Result<Vec<Entry>, ApiError>),
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
    zone: TimeZone,
}

fn columns() -> Vec<Column<Entry>> {
    let column = Column::<Entry>::sorted;
    vec![
        column(
            "name",
            "Name",
            Width::Flex { min: 16, max: 70 },
            0,
            |e: &Entry, _: &Ctx| {
                if e.leaf { e.text.as_str().into() } else { Cell::role(format!("{}/", e.text), Role::Accent) }
            },
            |a, b| (a.leaf, &a.text).cmp(&(b.leaf, &b.text)),
        ),
        column(
            "size",
            "Size",
            Width::Fixed(9),
            1,
            |e, _| e.size.map_or_else(Cell::default, |n| text::bytes(n).into()),
            |a, b| a.size.cmp(&b.size),
        )
        .right(),
        column(
            "time",
            "Changed",
            Width::Fixed(16),
            1,
            |e, c| {
                let at = e.mtime.map(|at| text::time(at, c.zone).chars().take(16).collect::<String>());
                at.unwrap_or_default().into()
            },
            |a, b| a.mtime.cmp(&b.mtime),
        ),
        Column::left("type", "Type", Width::Fixed(8), 2, |e, _| {
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
        }),
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
        let Some(entry) = self.selected() else { return };
        let label = format!("Fetch {} from the backup of {}", text::clean(&entry.text), self.row.guest());
        match download(&self.row.node, &self.row.volid, entry, tar) {
            Ok(wire) => cx.emit(Effect::Download { session: cx.session(), label, wire }),
            Err(why) => cx.toast(Level::Error, why),
        }
    }

    /// Stops everything that is being fetched from backups.
    fn stop(&mut self, cx: &mut Cx<'_, Msg>) {
        for transfer in cx.store().transfers.iter().filter(|t| t.is_running()) {
            if let Some(file) = transfer.wire.saved_file() {
                file.meter.cancel();
            }
        }
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

/// The call that fetches a file (a folder as an archive) into the folder in which the program was started.
pub fn download(node: &NodeName, volume: &VolId, entry: &Entry, tar: bool) -> Result<Wire, String> {
    let path = std::env::current_dir().map_err(|e| format!("the current folder can't be told: {e}"))?;
    let name = file_name(entry, tar);
    let size = entry.size.filter(|_| entry.leaf).unwrap_or(0);
    let mut wire = backup::file(node, volume, &entry.filepath, tar && !entry.leaf).wire;
    wire.file = Some(Attachment { path, name, size, meter: Meter::default(), offer: None });
    Ok(wire)
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
            ready: |v, _| needs(v.selected().is_some(), "nothing is selected"),
            run: Self::fetch,
        },
        Command {
            id: "file.tar",
            keys: "t",
            title: "Fetch as tar.zst",
            footer: true,
            ready: |v, _| needs(v.selected().is_some_and(|e| !e.leaf), "no folder is selected"),
            run: Self::fetch_tar,
        },
        Command {
            id: "file.stop",
            keys: "x",
            title: "Stop fetching",
            footer: true,
            ready: |_, s| {
                needs(
                    s.transfers.iter().any(|t| t.is_running() && t.wire.saved_file().is_some()),
                    "nothing is being fetched",
                )
            },
            run: Self::stop,
        },
        Command {
            id: "file.up",
            keys: "backspace h left",
            title: "Folder above",
            footer: true,
            ready: |v, _| needs(!v.path.is_empty(), "this is the uppermost folder"),
            run: Self::up,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(cx);
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Listed(path, _) if path != self.here() => {}
            Msg::Listed(_, answer) => {
                self.loading = false;
                match answer {
                    Ok(entries) => self.show(entries),
                    Err(error) => self.error = Some(error),
                }
            }
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.table)
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

    fn crumb(&self, _: &Store) -> String {
        format!("Backups > {} > Files", self.row.guest())
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let strip = transfer::strip_height(scene.store);
        let [head, body, below] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(strip)]).areas(area);
        transfer::draw_strip(frame, below, scene);
        let names: Vec<&str> = self.path.iter().map(|(_, name)| name.as_str()).collect();
        let words = format!(" {} /{}", text::local_time(self.row.unix()), names.join("/"));
        let (words, role) = match &self.error {
            Some(error) => (format!(" {} {}", look.glyphs.warning, error.explained()), Role::Warning),
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
