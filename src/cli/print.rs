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
    views::{
        self,
        login::{Login, Start},
    },
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
#[command(after_help = "\
Examples:
  proxmux print vms
  proxmux print dashboard --format ansi --size 160x50
  proxmux print vms --keys \"down enter\" --format svg > guest.svg")]
pub struct PrintArgs {
    /// View
    #[arg(id = "picture", value_name = "VIEW", help = views_help())]
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

/// All views by name and key.
fn views_help() -> String {
    let names: Vec<String> = views::TABS.iter().map(|t| t.title.to_lowercase()).collect();
    format!("View: {} (or its key)", names.join(", "))
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let (w, h) = text.split_once('x').ok_or("write it like 120x40")?;
    let number = |text: &str| match text.parse::<u16>() {
        Ok(n) => Ok(n),
        // Too large for the type is too large in any case.
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Ok(u16::MAX),
        Err(_) => Err(format!("\"{text}\" is no number: write it like 120x40")),
    };
    let (w, h) = (number(w)?, number(h)?);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_say_what_is_wrong_with_them() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for large in ["100000x100000", "501x24", "80x301", "39x9"] {
            assert_eq!(size(large).unwrap_err(), "from 40x10 to 500x300", "{large}");
        }
        assert!(size("80").unwrap_err().contains("120x40") && size("axb").unwrap_err().contains("\"a\" is no number"));
    }

    #[test]
    fn the_help_names_every_view() {
        let help = views_help();
        assert!(views::TABS.iter().all(|tab| help.contains(&tab.title.to_lowercase())), "{help}");
    }
}
