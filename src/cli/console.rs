//! The console itself, and the options that it shares with `demo` and `print`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Handle;

use crate::{
    app::{self, App, event_loop, terminal},
    config::{Binding, Config, Effective, Value},
    shell::{Policy, World},
    ui::{Depth, GlyphSet, Keymap, Look},
    views::{self, login},
};

/// How the console looks and behaves.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Console")]
pub struct ConsoleArgs {
    /// View to begin with: dashboard, vms, lxc, iso, templates, backups, jobs, storage or tasks [default: dashboard]
    #[arg(global = true, long, value_name = "VIEW")]
    pub view: Option<String>,
    /// Seconds between two refreshes [default: 5]
    #[arg(global = true, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub refresh: Option<u64>,
    /// Refuse every change before it is sent
    #[arg(global = true, long)]
    pub read_only: bool,
    /// Show and log every change instead of sending it
    #[arg(global = true, long)]
    pub dry_run: bool,
    /// Draw with ASCII characters only
    #[arg(global = true, long)]
    pub ascii: bool,
    /// Colours (NO_COLOR is respected) [default: auto]
    #[arg(global = true, long, value_name = "DEPTH", value_parser = ["auto", "truecolor", "256", "16", "mono"])]
    pub color: Option<String>,
    /// Tell the terminal when a task has ended [default: off]
    #[arg(global = true, long, value_name = "HOW", value_parser = ["off", "osc9", "osc777", "bell"])]
    pub notify: Option<String>,
    /// Leave the mouse to the terminal
    #[arg(global = true, long)]
    pub no_mouse: bool,
    /// Changed keys of the configuration.
    #[arg(skip)]
    pub keys: Vec<Binding>,
    /// Changed roles of the theme, as TOML.
    #[arg(skip)]
    pub theme: String,
    /// Clusters that have a name, and the one in use.
    #[arg(skip)]
    pub profiles: (Vec<app::desk::Profile>, Option<app::desk::Profile>),
    /// With the guided tour.
    #[arg(skip)]
    pub tutorial: bool,
}

impl ConsoleArgs {
    /// The settings that the command line gives.
    pub fn settings(&self) -> Vec<(&'static str, Value)> {
        let text = |value: &String| Value::Text(value.clone());
        let all = [
            ("view", self.view.as_ref().map(text)),
            ("refresh", self.refresh.map(Value::Whole)),
            ("color", self.color.as_ref().map(text)),
            ("notify", self.notify.as_ref().map(text)),
            ("read_only", self.read_only.then_some(Value::Truth(true))),
            ("ascii", self.ascii.then_some(Value::Truth(true))),
            ("mouse", self.no_mouse.then_some(Value::Truth(false))),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Takes over what counts after environment and file were asked, too.
    pub fn fill(&mut self, settings: &Effective, config: &Config) {
        let text = |name| settings.text(name).map(str::to_owned);
        *self = Self {
            view: text("view"),
            refresh: settings.whole("refresh"),
            color: text("color"),
            notify: text("notify"),
            read_only: settings.truth("read_only"),
            ascii: settings.truth("ascii"),
            no_mouse: !settings.truth("mouse"),
            dry_run: self.dry_run,
            keys: config.keys.clone(),
            theme: config.theme.clone(),
            profiles: std::mem::take(&mut self.profiles),
            tutorial: self.tutorial,
        };
    }

    /// Colours and glyphs for this terminal.
    pub fn look(&self) -> Look {
        let mut look = Look::detect(|name| std::env::var(name).ok());
        let depth = match self.color.as_deref() {
            Some("truecolor") => Depth::True,
            Some("256") => Depth::Indexed,
            Some("16") => Depth::Ansi,
            Some("mono") => Depth::Mono,
            _ => look.theme.depth(),
        };
        let set = if self.ascii { GlyphSet::Ascii } else { look.glyphs.set };
        look = Look::new(depth, set);
        if !self.theme.is_empty()
            && let Ok(theme) = look.theme.patched(&self.theme)
        {
            look.theme = theme;
        }
        look
    }

    /// The key of the tab to begin with.
    ///
    /// # Errors
    /// When there is no such view.
    pub fn tab(&self) -> Result<char> {
        let view = self.view.as_deref().unwrap_or("dashboard");
        let wanted = view.to_lowercase();
        let found = views::TABS.iter().find(|t| t.title.to_lowercase() == wanted || t.key.to_string() == wanted);
        found.map(|t| t.key).with_context(|| {
            let names: Vec<_> = views::TABS.iter().map(|t| t.title.to_lowercase()).collect();
            format!("there is no view \"{view}\": choose one of {}", names.join(", "))
        })
    }

    /// What the app needs to know.
    ///
    /// # Errors
    /// When the view is unknown.
    pub fn options(&self) -> Result<app::Options> {
        let mut keys = keymap()?;
        super::setup::rebind(&mut keys, &self.keys)?;
        Ok(app::Options {
            look: self.look(),
            keys,
            interval: Duration::from_secs(self.refresh.unwrap_or(5)),
            tab: self.tab()?,
            mouse: !self.no_mouse,
            notify: match self.notify.as_deref() {
                Some("osc9") => app::Notify::Osc9,
                Some("osc777") => app::Notify::Osc777,
                Some("bell") => app::Notify::Bell,
                _ => app::Notify::Off,
            },
            profiles: self.profiles.0.clone(),
            profile: self.profiles.1.clone(),
        })
    }
}

/// The default keys of all commands.
///
/// # Errors
/// When a default key can't be read, which a test rules out.
pub fn keymap() -> Result<Keymap> {
    let mut keys = Keymap::new();
    let globals = app::GLOBALS.iter().chain(app::TOUR).map(|g| (g.id, g.keys));
    let views = views::command_tables();
    let own = views.iter().flat_map(|(_, commands)| commands).map(|c| (c.id, c.keys));
    for (id, default) in globals.chain(own) {
        keys.bind(id, &default.split(' ').filter(|k| !k.is_empty()).collect::<Vec<_>>())?;
    }
    Ok(keys)
}

/// Changes that are on their way when the user leaves have this long to be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Runs the console in this terminal until the user leaves; `network` is the runtime that talks to the cluster.
///
/// # Errors
/// When the terminal can't be used.
pub async fn run(args: &ConsoleArgs, start: login::Start, world: World, network: Handle) -> Result<()> {
    let address = start.target.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut app = App::new(args.options()?, address, login::Login::new(start));
    app.set_policy(world.policy);
    if args.tutorial {
        app.begin_tutorial();
    }
    terminal::restore_on_panic();
    let mut screen = terminal::take(!args.no_mouse).context("the terminal can't be used")?;
    let outcome = event_loop::run(app, world, &mut screen, !args.no_mouse, network).await;
    terminal::restore();
    // The user has the shell again while the last answers come.
    for news in outcome.context("the terminal failed")?.finish(LAST_ANSWERS).await {
        eprintln!("{news}");
    }
    Ok(())
}

/// The rules for writes that the options ask for.
pub fn policy(args: &ConsoleArgs) -> Policy {
    Policy { read_only: args.read_only, dry_run: args.dry_run }
}
