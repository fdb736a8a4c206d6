//! What cloud-init of a VM gets: the generated user, network and meta data.

use ratatui::{Frame, layout::Rect};

use crate::{
    api::{
        ApiError,
        cloudinit::{self, Part},
        ids::GuestRef,
    },
    shell::{Command, Cx, Scene, View, always},
    store::Store,
    ui::{Pane, Viewer},
    views::log::{self, Log},
};

/// The three texts, one at a time.
pub struct Dump {
    vm: GuestRef,
    part: usize,
    texts: [Option<Result<String, ApiError>>; 3],
    viewer: Viewer,
}

/// A text came.
pub struct Came(usize, Result<String, ApiError>);

impl Dump {
    /// The data of a VM.
    pub fn new(vm: GuestRef) -> Self {
        Self { vm, part: 0, texts: [None, None, None], viewer: Viewer::new().with_empty("loading") }
    }

    fn show(&mut self, part: usize, cx: &mut Cx<'_, Came>) {
        self.part = part;
        match &self.texts[part] {
            None => {
                self.viewer = Viewer::new().with_empty("loading");
                cx.send(cloudinit::dump(&self.vm, Part::ALL[part]), move |answer| Came(part, answer));
            }
            Some(Ok(text)) => self.viewer = Viewer::of(text),
            Some(Err(error)) => self.viewer = Viewer::of(&error.explained()).wrapped(),
        }
    }
}

impl Log for Dump {
    fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.viewer
    }

    fn file(&self) -> String {
        format!("cloudinit-{}-{}.yaml", self.vm.vmid, Part::ALL[self.part].as_str())
    }
}

impl View for Dump {
    type Msg = Came;
    const NAME: &'static str = "Cloud-init data";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "dump.next",
            keys: "tab ]",
            title: "User, network, meta",
            footer: true,
            ready: always,
            run: |v, cx| v.show((v.part + 1) % 3, cx),
        },
        Command {
            id: "dump.previous",
            keys: "shift-tab [",
            title: "Back one part",
            footer: false,
            ready: always,
            run: |v, cx| v.show((v.part + 2) % 3, cx),
        },
        log::save(),
        log::copy(),
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Came>) {
        self.show(0, cx);
    }

    fn update(&mut self, Came(part, answer): Came, cx: &mut Cx<'_, Came>) {
        self.texts[part] = Some(answer);
        if part == self.part {
            self.show(part, cx);
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("{} {} > Cloud-init: {} data", self.vm.kind.label(), self.vm.vmid, Part::ALL[self.part].as_str())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.viewer.draw(frame, area, scene.look);
    }
}
