//! The guided tour of `proxmux demo --tutorial`: one task at a time above the last line. A step is over when the console
//! is where it leads to, however the user got there.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::App;
use crate::{
    api::{cluster::GuestStatus, ids::VmId, task::TaskState},
    shell::{Ask, Layer, View},
    ui::{Role, text},
    views::{
        ct::create::CreateCt, guest::detail::Detail, snapshot::Snapshots, task::log::TaskLog, vm::create::CreateVm,
    },
};

/// What to do, and how to see that it was done since the Unix second.
struct Step {
    text: &'static str,
    done: fn(&App, i64) -> bool,
}

/// The VM that the tour is about: one of the simulated homelab that nobody misses.
const KALI: u32 = 111;

fn top(app: &App) -> Option<&dyn Layer> {
    app.roots.get(app.current)?.stack.last().map(|layer| &**layer)
}

fn top_is(app: &App, name: &str) -> bool {
    top(app).is_some_and(|top| top.name() == name)
}

fn crumb_has(app: &App, words: &str) -> bool {
    top(app).is_some_and(|top| top.crumb(app.store()).contains(words))
}

fn status_has(app: &App, words: &str) -> bool {
    top(app).is_some_and(|top| top.status(app.store()).contains(words))
}

/// A wizard is open, also below what it asks.
fn in_wizard(app: &App) -> bool {
    let stack = app.roots.get(app.current).map(|root| &root.stack);
    stack.is_some_and(|s| s.iter().any(|layer| [CreateVm::NAME, CreateCt::NAME].contains(&layer.name())))
}

fn runs(app: &App) -> bool {
    let kali = VmId::new(KALI).and_then(|id| app.store().guest(id));
    kali.is_some_and(|guest| guest.status == GuestStatus::Running)
}

/// A task of this kind has ended well.
fn did(app: &App, kind: &str, since: i64) -> bool {
    let good = |state: &TaskState| matches!(state, TaskState::Ok | TaskState::Warnings(_));
    app.store().tasks.iter().any(|task| {
        task.kind == kind && good(&task.status) && i64::try_from(task.starttime).is_ok_and(|at| at >= since)
    })
}

const STEPS: &[Step] = &[
    Step {
        text: "Press 2: the virtual machines. Digits choose the views of the line above.",
        done: |app, _| app.tab == '2',
    },
    Step {
        text: "Space marks a row, * all of them: mark two or more. What you do next concerns all marked ones.",
        done: |app, _| status_has(app, " marked") && !status_has(app, " 1 marked"),
    },
    Step { text: "Esc takes the marks away.", done: |app, _| app.tab == '2' && !status_has(app, " marked") },
    Step {
        text: "Press / and type kali, then Enter: lists are filtered while you type. tag:prod or is:running work, too.",
        done: |app, _| status_has(app, "/kali"),
    },
    Step {
        text: "Press s to start kali. Before anything is sent you see the exact call; y sends it. (m lists all actions.)",
        done: |app, _| runs(app),
    },
    Step {
        text: "The last line told how it went. Press L: the log of the task that you have started.",
        done: |app, _| top_is(app, TaskLog::NAME),
    },
    Step {
        text: "Esc goes back. Then press Enter on kali: a guest in detail. Tab switches between its pages.",
        done: |app, _| top_is(app, Detail::NAME) && crumb_has(app, "kali"),
    },
    Step { text: "Press n: the snapshots of kali.", done: |app, _| top_is(app, Snapshots::NAME) },
    Step {
        text: "Press n again, type a name such as first, and press Ctrl-s: the call once more. y takes the snapshot.",
        done: |app, since| did(app, "qmsnapshot", since),
    },
    Step {
        text: "Press : and type gitea, then Enter: the palette finds every command and every guest by name.",
        done: |app, _| top_is(app, Detail::NAME) && crumb_has(app, "gitea"),
    },
    Step {
        text: "Go back to the list (Esc, as often as it takes), then press c: the wizard that creates a VM.",
        done: |app, _| in_wizard(app),
    },
    Step {
        text: "Tab goes through the fields, PgDn to the next page, F6 has presets; the last page shows the calls. Create it, \
               or leave with Esc.",
        done: |app, _| !in_wizard(app),
    },
    Step {
        text: "Press ?: all keys of the view in front. Typing searches them.",
        done: |app, _| crumb_has(app, "Keys:"),
    },
    Step {
        text: "That was the tour. Esc closes this list; look around as long as you like. q leaves the demo, and all that you \
               did here is gone.",
        done: |_, _| false,
    },
];

/// How far the user is.
pub(super) struct Tutorial {
    at: usize,
    /// When this step began, in Unix seconds.
    since: i64,
}

impl App {
    /// Begins the tour.
    pub fn begin_tutorial(&mut self) {
        self.tutorial = Some(Tutorial { at: 0, since: self.shared.now.unix });
        self.dirty = true;
    }

    /// Whether there is a tour.
    pub(super) fn is_on_tour(&self) -> bool {
        self.tutorial.is_some()
    }

    fn next_step(&mut self) {
        let Some(at) = self.tutorial.as_ref().map(|tutorial| tutorial.at + 1) else { return };
        self.tutorial = (at < STEPS.len()).then_some(Tutorial { at, since: self.shared.now.unix });
        self.dirty = true;
    }

    /// Goes on while the present step is done.
    pub(super) fn learn(&mut self) {
        // Nothing counts before there is something to see.
        if self.store().updated.is_none() {
            return;
        }
        while let Some(Tutorial { at, since }) = self.tutorial
            && STEPS.get(at).is_some_and(|step| (step.done)(self, since))
        {
            self.next_step();
        }
    }

    /// Skips a step, or leaves the tour. True when the command was one of these.
    pub(super) fn run_tutorial(&mut self, id: &str) -> bool {
        match id {
            "tutorial.skip" => self.next_step(),
            "tutorial.leave" => {
                self.tutorial = None;
                self.dirty = true;
            }
            _ => return false,
        }
        true
    }

    /// The present step in lines, the first one being a rule; none without a tour.
    pub(super) fn lesson(&self, width: u16) -> Vec<String> {
        let Some(tutorial) = self.tutorial.as_ref().filter(|_| self.store().updated.is_some()) else { return vec![] };
        let Some(step) = STEPS.get(tutorial.at) else { return vec![] };
        let room = usize::from(width.saturating_sub(2)).max(20);
        let keys = &self.shared.keys;
        let (skip, leave) = (keys.label("tutorial.skip"), keys.label("tutorial.leave"));
        let right = if tutorial.at + 1 == STEPS.len() {
            format!("{leave} closes this")
        } else {
            format!("{skip} skips, {leave} ends the tour")
        };
        let left = format!("Tour {}/{}", tutorial.at + 1, STEPS.len());
        let line = if self.shared.look.glyphs.set == crate::ui::GlyphSet::Ascii { "-" } else { "─" };
        let gap = room.saturating_sub(text::width(&left) + text::width(&right) + 2);
        let mut lines = vec![format!("{left} {} {right}", line.repeat(gap))];
        lines.extend(text::wrap(step.text, room));
        lines
    }

    /// Draws it.
    pub(super) fn draw_lesson(&self, lines: Vec<String>, frame: &mut Frame, area: Rect) {
        for (n, (y, words)) in (area.y..area.bottom()).zip(lines).enumerate() {
            let role = if n == 0 { Role::Accent } else { Role::Title };
            let line = Line::from(Span::raw(format!(" {words}"))).style(self.shared.look.style(role));
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
    }
}
