//! `proxmux print`: one picture of the live cluster, for scripts, mails and documentation.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::console::ConsoleArgs;
use crate::{
    app::{App, headless::Headless},
    shell::World,
    ui::{Look, svg},
    views::login::{Login, Start},
};

/// How long what a key asks for is waited for.
const ANSWERS: Duration = Duration::from_secs(5);

/// What the picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Characters only.
    Text,
    /// Characters with colours for a terminal.
    Ansi,
    /// A vector picture.
    Svg,
}

/// Arguments of `proxmux print`.
#[derive(Args, Debug)]
pub struct PrintArgs {
    /// View: dashboard, vms, lxc or tasks
    #[arg(id = "picture", value_name = "VIEW")]
    pub view: String,
    /// Keys to press before, separated by blanks: "down enter"
    #[arg(long, value_name = "KEYS")]
    pub keys: Option<String>,
    /// Columns and lines
    #[arg(long, value_name = "WxH", default_value = "120x40", value_parser = size)]
    pub size: (u16, u16),
    /// What to write
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let (w, h) = text.split_once('x').ok_or("write it like 120x40")?;
    let (w, h) = (w.parse().map_err(|_| "no width")?, h.parse().map_err(|_| "no height")?);
    if (40..=500).contains(&w) && (10..=300).contains(&h) { Ok((w, h)) } else { Err("from 40x10 to 500x300".into()) }
}

/// Draws the view once and writes it to standard output.
///
/// # Errors
/// When the cluster can't be asked: the message says why.
pub async fn run(args: PrintArgs, console: &ConsoleArgs, start: Start, world: World) -> Result<()> {
    let console = ConsoleArgs {
        view: Some(args.view.clone()),
        color: match (args.format, console.color.as_deref().unwrap_or("auto")) {
            (Format::Text, _) => Some("mono".into()),
            // The output is no terminal, so there is nothing to detect.
            (_, "auto") => Some("truecolor".into()),
            (_, chosen) => Some(chosen.into()),
        },
        ..console.clone()
    };
    let address = start.target.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut options = console.options()?;
    if !console.ascii && args.format != Format::Text {
        // A picture has its own font: the terminal's limits don't count.
        options.look.glyphs = Look::new(options.look.theme.depth(), crate::ui::GlyphSet::Unicode).glyphs;
    }
    let connected = super::login_at_once(&world, &start).await?;
    let app = App::new(options, address, Login::over(start, connected));
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    let (width, height) = args.size;
    let mut console = Headless::start(app, world, width, height, unix).await;
    while console.app.store().updated.is_none() {
        if let Some(trouble) = &console.app.store().trouble {
            return Err(trouble.error.clone().into());
        }
        console.pass(Duration::from_millis(10)).await;
    }
    for key in args.keys.iter().flat_map(|k| k.split(' ')).filter(|k| !k.is_empty()) {
        let key: crate::ui::Key = key.parse().map_err(|e| anyhow::anyhow!("--keys: {e}"))?;
        console.press(key.event()).await;
        console.settle(ANSWERS).await;
    }
    console.settle(ANSWERS).await;
    let buffer = console.screen();
    let text = match args.format {
        Format::Text => svg::plain(buffer),
        Format::Ansi => svg::ansi(buffer),
        Format::Svg => svg::svg(buffer),
    };
    std::io::stdout().write_all(text.as_bytes()).context("can't write to standard output")
}
