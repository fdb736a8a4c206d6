//! The console itself, and the options that it shares with `demo` and `print`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Handle;

use crate::{
    app::{self, App, event_loop, terminal},
    shell::{Policy, World},
    ui::{Depth, GlyphSet, Keymap, Look},
    views::{self, login},
};

/// How the console looks and behaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Console")]
pub struct ConsoleArgs {
    /// View to begin with: dashboard, vms, lxc or tasks
    #[arg(global = true, long, value_name = "VIEW", default_value = "dashboard")]
    pub view: String,
    /// Seconds between two refreshes
    #[arg(global = true, long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub refresh: u64,
    /// Refuse every change before it is sent
    #[arg(global = true, long)]
    pub read_only: bool,
    /// Show and log every change instead of sending it
    #[arg(global = true, long)]
    pub dry_run: bool,
    /// Draw with ASCII characters only
    #[arg(global = true, long)]
    pub ascii: bool,
    /// Colours: auto, truecolor, 256, 16 or mono (NO_COLOR is respected)
    #[arg(global = true, long, value_name = "DEPTH", default_value = "auto", value_parser = ["auto", "truecolor", "256", "16", "mono"])]
    pub color: String,
    /// Leave the mouse to the terminal
    #[arg(global = true, long)]
    pub no_mouse: bool,
}

impl ConsoleArgs {
    /// Colours and glyphs for this terminal.
    pub fn look(&self) -> Look {
        let mut look = Look::detect(|name| std::env::var(name).ok());
        let depth = match self.color.as_str() {
            "truecolor" => Depth::True,
            "256" => Depth::Indexed,
            "16" => Depth::Ansi,
            "mono" => Depth::Mono,
            _ => look.theme.depth(),
        };
        let set = if self.ascii { GlyphSet::Ascii } else { look.glyphs.set };
        look = Look::new(depth, set);
        look
    }

    /// The key of the tab to begin with.
    ///
    /// # Errors
    /// When there is no such view.
    pub fn tab(&self) -> Result<char> {
        let wanted = self.view.to_lowercase();
        let found = views::TABS.iter().find(|t| t.title.to_lowercase() == wanted || t.key.to_string() == wanted);
        found.map(|t| t.key).with_context(|| {
            let names: Vec<_> = views::TABS.iter().map(|t| t.title.to_lowercase()).collect();
            format!("there is no view \"{}\": choose one of {}", self.view, names.join(", "))
        })
    }

    /// What the app needs to know.
    ///
    /// # Errors
    /// When the view is unknown.
    pub fn options(&self) -> Result<app::Options> {
        Ok(app::Options {
            look: self.look(),
            keys: keymap()?,
            interval: Duration::from_secs(self.refresh),
            tab: self.tab()?,
            mouse: !self.no_mouse,
        })
    }
}

/// The default keys of all commands.
///
/// # Errors
/// When a default key can't be read, which a test rules out.
pub fn keymap() -> Result<Keymap> {
    let mut keys = Keymap::new();
    let globals = app::GLOBALS.iter().map(|g| (g.id, g.keys));
    let views = views::command_tables();
    let own = views.iter().flat_map(|(_, commands)| commands).map(|c| (c.id, c.keys));
    for (id, default) in globals.chain(own) {
        keys.bind(id, &default.split(' ').filter(|k| !k.is_empty()).collect::<Vec<_>>())?;
    }
    Ok(keys)
}

/// Runs the console in this terminal until the user leaves; `network` is the runtime that talks to the cluster.
///
/// # Errors
/// When the terminal can't be used.
pub async fn run(args: &ConsoleArgs, start: login::Start, world: World, network: Handle) -> Result<()> {
    let address = start.target.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut app = App::new(args.options()?, address, login::Login::new(start));
    app.set_policy(world.policy);
    terminal::restore_on_panic();
    let mut screen = terminal::take(!args.no_mouse).context("the terminal can't be used")?;
    let outcome = event_loop::run(app, world, &mut screen, !args.no_mouse, network).await;
    terminal::restore();
    outcome.context("the terminal failed")
}

/// The rules for writes that the options ask for.
pub fn policy(args: &ConsoleArgs) -> Policy {
    Policy { read_only: args.read_only, dry_run: args.dry_run }
}
