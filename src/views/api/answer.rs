//! The answer to a call, as a tree to fold, search and copy from.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use crate::{
    api::{ApiError, Request, ids::Upid, schema::Answer},
    shell::{Command, Cx, Effect, Level, Scene, View, needs},
    store::Store,
    ui::{Pane, Role, Tree, text},
};

/// What this view hears back.
pub enum Msg {
    /// The answer to a read.
    Answered(Result<Answer, ApiError>),
}

/// The view of an answer.
pub struct AnswerView {
    title: String,
    /// The read that can be repeated; changes can't.
    request: Option<Request<Answer>>,
    asking: bool,
    answer: Option<Answer>,
    tree: Tree,
    error: Option<ApiError>,
}

impl AnswerView {
    /// Sends a read and shows its answer.
    pub fn asking(request: Request<Answer>) -> Self {
        let title = request.to_string();
        Self { request: Some(request), ..Self::empty(title) }
    }

    /// Shows an answer that is here already.
    pub fn of(title: String, answer: Answer) -> Self {
        Self { tree: Tree::new(answer.data.clone()), answer: Some(answer), ..Self::empty(title) }
    }

    fn empty(title: String) -> Self {
        let tree = Tree::new(serde_json::Value::Null);
        Self { title, request: None, asking: false, answer: None, tree, error: None }
    }

    fn copy_value(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.emit(Effect::Copy(self.tree.selected_text()));
        cx.toast(Level::Info, format!("Copied {}", self.tree.selected_path().trim_start_matches('/')));
    }

    fn copy_all(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.emit(Effect::Copy(format!("{:#}", self.tree.root())));
        cx.toast(Level::Info, "The whole answer copied as JSON");
    }

    /// The task that the line under the cursor names, or the answer itself.
    fn task(&self) -> Option<Upid> {
        let selected = self.tree.selected_text();
        let answer = self.answer.as_ref().and_then(Answer::upid);
        [Some(selected.as_str()), answer].into_iter().flatten().find_map(|t| Upid::parse(t).ok())
    }

    fn open_task(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(upid) = self.task() {
            cx.emit(Effect::OpenTask(upid));
        }
    }
}

impl View for AnswerView {
    type Msg = Msg;
    const NAME: &'static str = "API answer";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "answer.copy",
            keys: "y",
            title: "Copy value",
            footer: true,
            ready: |v, _| needs(v.answer.is_some(), "no answer has come yet"),
            run: Self::copy_value,
        },
        Command {
            id: "answer.copyall",
            keys: "Y",
            title: "Copy all",
            footer: true,
            ready: |v, _| needs(v.answer.is_some(), "no answer has come yet"),
            run: Self::copy_all,
        },
        Command {
            id: "answer.again",
            keys: "R",
            title: "Ask again",
            footer: true,
            ready: |v, _| needs(v.request.is_some() && !v.asking, "there is nothing to ask again"),
            run: Self::ask,
        },
        Command {
            id: "answer.task",
            keys: "t",
            title: "Log of the task",
            footer: true,
            ready: |v, _| needs(v.task().is_some(), "the answer is no task"),
            run: Self::open_task,
        },
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(request) = self.request.clone().filter(|_| !self.asking) {
            self.asking = true;
            cx.send(request, Msg::Answered);
        }
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        let Msg::Answered(answer) = msg;
        self.asking = false;
        match answer {
            Ok(answer) => {
                self.error = None;
                if self.answer.as_ref() != Some(&answer) {
                    self.tree = Tree::new(answer.data.clone());
                    self.answer = Some(answer);
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.tree)
    }

    fn crumb(&self, _: &Store) -> String {
        "API > answer".into()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let room = usize::from(area.width).max(12) - 2;
        let mut lines: Vec<Line> = vec![];
        let mut add = |content: &str, role: Role| {
            let wrapped = text::wrap(&text::clean(content), room).into_iter().take(4);
            lines.extend(wrapped.map(|l| Line::styled(format!(" {l}"), look.style(role))));
        };
        add(&self.title, Role::Accent);
        if let Some(error) = &self.error {
            add(&error.explained(), Role::ErrorText);
        } else if self.asking && self.answer.is_none() {
            add("waiting for the answer", Role::Muted);
        }
        if let Some(answer) = &self.answer {
            let shown = answer.data.as_array().map_or(0, Vec::len) as u64;
            if let Some(total) = answer.total.filter(|total| *total > shown) {
                add(&format!("{shown} of {total} entries: start and limit choose others"), Role::Warning);
            }
            if let Some(changes) = &answer.changes {
                add(&format!("pending changes: {} lines", changes.lines().count()), Role::Warning);
            }
        }
        let height = u16::try_from(lines.len()).unwrap_or(1).min(area.height.saturating_sub(3));
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(2)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        if self.answer.is_some() {
            self.tree.draw(frame, body, look);
        }
    }
}
