//! Styles by meaning. A view asks for [`Role::Danger`], never for red; the user's TOML patches roles.

use std::fmt;

use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::Block;
use serde::Deserialize;

use super::glyph::{GlyphSet, Glyphs};

/// How many colours the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colours: bold, underline and reverse only.
    Mono,
    /// The terminal's own 16 colours (they follow its light or dark scheme).
    Ansi,
    /// The 256 colours of xterm.
    Indexed,
    /// 24 bit.
    True,
}

impl Depth {
    /// Chooses by `NO_COLOR` (any value that isn't empty), `COLORTERM` and `TERM`. `env` returns the value of an
    /// environment variable.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        if env("NO_COLOR").is_some_and(|v| !v.is_empty()) {
            return Self::Mono;
        }
        let term = env("TERM").unwrap_or_default();
        if term == "dumb" || term.starts_with("vt100") || term.starts_with("vt220") || term.ends_with("-mono") {
            return Self::Mono;
        }
        if term == "linux" {
            return Self::Ansi;
        }
        if env("COLORTERM").is_some_and(|v| v.contains("truecolor") || v.contains("24bit")) || term.contains("direct") {
            Self::True
        } else if term.contains("256color") || term.contains("kitty") || term.contains("alacritty") {
            Self::Indexed
        } else {
            Self::Ansi
        }
    }
}

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs)] // the names are the meaning
pub enum Role {
    #[default]
    Text,
    Muted,
    Title,
    Header,
    Border,
    BorderFocused,
    Selected,
    Marked,
    Key,
    Accent,
    Tab,
    TabActive,
    Running,
    Stopped,
    Paused,
    Ok,
    Warning,
    Danger,
    Pending,
    Stale,
    GaugeLow,
    GaugeMid,
    GaugeHigh,
    GaugeRest,
    Input,
    InputFocused,
    Placeholder,
    ErrorText,
    Match,
}

/// One line per role: its name in TOML, then truecolor foreground and background (hex, 0xFF00_0000 = none), the
/// 16-colour foreground and background, the modifiers that colour terminals add, and the ones of monochrome terminals.
struct Base(Role, &'static str, u32, u32, Color, Color, Modifier, Modifier);

const NONE: u32 = 0xff00_0000;
const PLAIN: Modifier = Modifier::empty();
const BOLD: Modifier = Modifier::BOLD;
const REVERSED: Modifier = Modifier::REVERSED;
const UNDERLINED: Modifier = Modifier::UNDERLINED;

/// Medium tones, readable on dark and light backgrounds; the background itself stays the terminal's.
const BASE: [Base; 29] = {
    use Color::*;
    use Role::*;
    [
        Base(Text, "text", NONE, NONE, Reset, Reset, PLAIN, PLAIN),
        Base(Muted, "muted", 0x808792, NONE, DarkGray, Reset, PLAIN, PLAIN),
        Base(Title, "title", NONE, NONE, Reset, Reset, BOLD, BOLD),
        Base(Header, "header", 0x3d8fd1, NONE, Cyan, Reset, BOLD, UNDERLINED),
        Base(Border, "border", 0x6b727d, NONE, DarkGray, Reset, PLAIN, PLAIN),
        Base(BorderFocused, "border_focused", 0x3d8fd1, NONE, Cyan, Reset, PLAIN, BOLD),
        Base(Selected, "selected", 0xffffff, 0x2f5f8f, White, Blue, BOLD, REVERSED),
        Base(Marked, "marked", 0xc79a2f, NONE, Yellow, Reset, BOLD, BOLD),
        Base(Key, "key", 0xc79a2f, NONE, Yellow, Reset, BOLD, BOLD),
        Base(Accent, "accent", 0x3d8fd1, NONE, Cyan, Reset, PLAIN, BOLD),
        Base(Tab, "tab", 0x808792, NONE, Reset, Reset, PLAIN, PLAIN),
        Base(TabActive, "tab_active", 0xffffff, 0x2f5f8f, White, Blue, BOLD, REVERSED),
        Base(Running, "running", 0x4caf50, NONE, Green, Reset, PLAIN, BOLD),
        Base(Stopped, "stopped", 0x808792, NONE, DarkGray, Reset, PLAIN, PLAIN),
        Base(Paused, "paused", 0xc79a2f, NONE, Yellow, Reset, PLAIN, PLAIN),
        Base(Ok, "ok", 0x4caf50, NONE, Green, Reset, PLAIN, PLAIN),
        Base(Warning, "warning", 0xd6912a, NONE, Yellow, Reset, PLAIN, BOLD),
        Base(Danger, "danger", 0xe0554f, NONE, LightRed, Reset, BOLD, REVERSED),
        Base(Pending, "pending", 0xd6912a, NONE, Yellow, Reset, Modifier::ITALIC, UNDERLINED),
        Base(Stale, "stale", 0x737983, NONE, DarkGray, Reset, Modifier::DIM, PLAIN),
        Base(GaugeLow, "gauge_low", 0x4caf50, NONE, Green, Reset, PLAIN, PLAIN),
        Base(GaugeMid, "gauge_mid", 0xd6912a, NONE, Yellow, Reset, PLAIN, PLAIN),
        Base(GaugeHigh, "gauge_high", 0xe0554f, NONE, LightRed, Reset, PLAIN, BOLD),
        Base(GaugeRest, "gauge_rest", 0x565c66, NONE, DarkGray, Reset, PLAIN, PLAIN),
        Base(Input, "input", NONE, NONE, Reset, Reset, UNDERLINED, UNDERLINED),
        Base(InputFocused, "input_focused", 0xffffff, 0x2a3f55, White, Blue, PLAIN, REVERSED),
        Base(Placeholder, "placeholder", 0x737983, NONE, DarkGray, Reset, Modifier::ITALIC, PLAIN),
        Base(ErrorText, "error_text", 0xe0554f, NONE, LightRed, Reset, PLAIN, BOLD),
        Base(Match, "match", 0x101010, 0xd6b54a, Black, Yellow, PLAIN, REVERSED),
    ]
};

impl Role {
    /// All roles with their names in TOML.
    pub fn all() -> impl Iterator<Item = (Role, &'static str)> {
        BASE.iter().map(|base| (base.0, base.1))
    }

    /// The name in TOML.
    pub fn name(self) -> &'static str {
        BASE[self as usize].1
    }
}

/// A style for every [`Role`] at one [`Depth`].
#[derive(Clone, Debug)]
pub struct Theme {
    depth: Depth,
    styles: [Style; BASE.len()],
}

/// Why a theme's TOML was refused; says which entry and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The text is not TOML at all.
    #[error("the theme is not valid TOML: {0}")]
    Syntax(#[from] toml::de::Error),
    /// The name of an entry is not a role.
    #[error("the theme has no role {name:?}; roles are: {known}")]
    UnknownRole {
        /// The name found.
        name: String,
        /// All valid names.
        known: String,
    },
    /// A colour that can't be read.
    #[error("role {role:?}: {value:?} is no colour; use a name like \"light red\", \"#rrggbb\", or 0 to 255")]
    Colour {
        /// The role being patched.
        role: String,
        /// What was found.
        value: String,
    },
    /// The entry is neither a colour nor a table of style settings.
    #[error("role {role:?}: {reason}; write a colour or {{ fg, bg, bold, dim, italic, underline, reverse }}")]
    Entry {
        /// The role being patched.
        role: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    fg: Option<toml::Value>,
    bg: Option<toml::Value>,
    bold: Option<bool>,
    dim: Option<bool>,
    italic: Option<bool>,
    underline: Option<bool>,
    reverse: Option<bool>,
}

impl Theme {
    /// The default theme at a depth.
    pub fn new(depth: Depth) -> Self {
        let styles = BASE.map(|Base(_, _, fg, bg, fg16, bg16, modifier, mono)| {
            let hex = |rgb: u32| Color::Rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8);
            let (fg, bg) = match depth {
                Depth::Mono => (Color::Reset, Color::Reset),
                Depth::Ansi => (fg16, bg16),
                _ => (if fg == NONE { Color::Reset } else { hex(fg) }, if bg == NONE { Color::Reset } else { hex(bg) }),
            };
            let modifier = if depth == Depth::Mono { mono } else { modifier };
            paint(Style::new().add_modifier(modifier), depth, Some(fg), Some(bg))
        });
        Self { depth, styles }
    }

    /// The depth that this theme was made for.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// This theme with the roles of a TOML text replaced: `running = "green"` or
    /// `selected = { fg = "#ffffff", bg = "blue", bold = true }`. Colours that the terminal can't show are
    /// replaced by the nearest that it can; on monochrome terminals only the modifiers count.
    pub fn patched(&self, toml: &str) -> Result<Self, ThemeError> {
        let mut theme = self.clone();
        for (name, entry) in toml.parse::<toml::Table>()? {
            let Some((role, _)) = Role::all().find(|(_, known)| *known == name) else {
                let known = Role::all().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
                return Err(ThemeError::UnknownRole { name, known });
            };
            let patch = match entry {
                toml::Value::String(_) | toml::Value::Integer(_) => Patch {
                    fg: Some(entry),
                    bg: None,
                    bold: None,
                    dim: None,
                    italic: None,
                    underline: None,
                    reverse: None,
                },
                other => Patch::deserialize(other)
                    .map_err(|e| ThemeError::Entry { role: name.clone(), reason: e.message().to_owned() })?,
            };
            let colour = |value: Option<toml::Value>| value.map(|v| parse_colour(&name, &v)).transpose();
            let (fg, bg) = (colour(patch.fg)?, colour(patch.bg)?);
            let mut style = paint(theme.style(role), theme.depth, fg, bg);
            for (wanted, modifier) in [
                (patch.bold, Modifier::BOLD),
                (patch.dim, Modifier::DIM),
                (patch.italic, Modifier::ITALIC),
                (patch.underline, Modifier::UNDERLINED),
                (patch.reverse, Modifier::REVERSED),
            ] {
                style = match wanted {
                    Some(true) => style.add_modifier(modifier),
                    Some(false) => style.remove_modifier(modifier),
                    None => style,
                };
            }
            theme.styles[role as usize] = style;
        }
        Ok(theme)
    }
}

fn parse_colour(role: &str, value: &toml::Value) -> Result<Color, ThemeError> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().map_err(|_| ThemeError::Colour { role: role.to_owned(), value: text })
}

/// Sets the colours, as far as the depth allows. `Reset` means "the terminal's own" and removes the colour.
fn paint(mut style: Style, depth: Depth, fg: Option<Color>, bg: Option<Color>) -> Style {
    let reduced = |colour: Color| match reduce(colour, depth) {
        Color::Reset => None,
        colour => Some(colour),
    };
    if let Some(fg) = fg {
        style.fg = reduced(fg);
    }
    if let Some(bg) = bg {
        style.bg = reduced(bg);
    }
    style
}

/// The nearest colour that a terminal of this depth can show.
pub fn reduce(colour: Color, depth: Depth) -> Color {
    match (depth, colour) {
        (Depth::Mono, _) => Color::Reset,
        (Depth::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest(rgb_distance((r, g, b)), 16..=255)),
        (Depth::Ansi, Color::Rgb(r, g, b)) => ANSI[usize::from(nearest(rgb_distance((r, g, b)), 0..=15))],
        (Depth::Ansi, Color::Indexed(n)) if n < 16 => ANSI[usize::from(n)],
        (Depth::Ansi, Color::Indexed(n)) => ANSI[usize::from(nearest(rgb_distance(indexed_rgb(n)), 0..=15))],
        (_, colour) => colour,
    }
}

/// The nearest of the named colours that are neither black nor white nor grey: readable on dark and on light.
pub fn hue((r, g, b): (u8, u8, u8)) -> Color {
    let coloured = [1, 2, 3, 4, 5, 6];
    // Pale colours differ in their hue only when the grey in them is taken away.
    let (least, most) = (r.min(g).min(b), r.max(g).max(b));
    let stretch = |n: u8| (u32::from(n - least) * 200 / u32::from(most - least).max(1)) as u8;
    let distance = rgb_distance((stretch(r), stretch(g), stretch(b)));
    ANSI[usize::from(coloured.into_iter().min_by_key(|n| distance(*n)).unwrap_or(6))]
}

/// The 16 named colours in the order of their numbers.
pub const ANSI: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

const ANSI_RGB: [(u8, u8, u8); 16] = [
    (0x1e, 0x21, 0x27),
    (0xc0, 0x4b, 0x4b),
    (0x5f, 0xa8, 0x5a),
    (0xc7, 0x9a, 0x2f),
    (0x3f, 0x6f, 0xb5),
    (0xa8, 0x5f, 0xb5),
    (0x3f, 0xa0, 0xa8),
    (0xab, 0xb2, 0xbf),
    (0x6b, 0x72, 0x7d),
    (0xe0, 0x6c, 0x75),
    (0x98, 0xc3, 0x79),
    (0xe5, 0xc0, 0x7b),
    (0x61, 0xaf, 0xef),
    (0xc6, 0x78, 0xdd),
    (0x56, 0xb6, 0xc2),
    (0xff, 0xff, 0xff),
];

/// Red, green and blue of one of the 256 colours (the first 16 as this program's pictures show them).
pub fn indexed_rgb(n: u8) -> (u8, u8, u8) {
    match n {
        0..16 => ANSI_RGB[usize::from(n)],
        16..232 => {
            let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
            let n = n - 16;
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232.. => {
            let grey = 8 + (n - 232) * 10;
            (grey, grey, grey)
        }
    }
}

fn rgb_distance(a: (u8, u8, u8)) -> impl Fn(u8) -> u32 {
    move |n| {
        let b = indexed_rgb(n);
        // Weights near to how eyes see red, green and blue.
        [(a.0, b.0, 3), (a.1, b.1, 6), (a.2, b.2, 1)]
            .iter()
            .map(|&(x, y, weight)| u32::from(x.abs_diff(y)).pow(2) * weight)
            .sum()
    }
}

fn nearest(distance: impl Fn(u8) -> u32, among: std::ops::RangeInclusive<u8>) -> u8 {
    among.min_by_key(|n| distance(*n)).unwrap_or(0)
}

/// What all draw functions get: styles and glyphs.
#[derive(Clone, Debug)]
pub struct Look {
    /// Styles by role.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
}

impl Look {
    /// The default theme at a depth, with a glyph set.
    pub fn new(depth: Depth, set: GlyphSet) -> Self {
        Self { theme: Theme::new(depth), glyphs: Glyphs::of(set) }
    }

    /// Chosen by the environment; see [`Depth::detect`] and [`GlyphSet::detect`].
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        Self::new(Depth::detect(&env), GlyphSet::detect(&env))
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// A bordered block with a title; the border tells whether it has the focus (in monochrome by bold).
    pub fn block<'a>(&self, title: impl fmt::Display, focused: bool) -> Block<'a> {
        let border = if focused { Role::BorderFocused } else { Role::Border };
        let block = Block::bordered().border_set(self.glyphs.border).border_style(self.style(border));
        match title.to_string() {
            title if title.is_empty() => block,
            title => block.title(ratatui::text::Span::styled(format!(" {title} "), self.style(Role::Title))),
        }
    }

    /// Role and style of a share (0.0 to 1.0) of something that can fill up: below 70 %, below 90 %, above.
    pub fn gauge(&self, share: f64) -> Style {
        self.style(match share {
            s if s < 0.70 => Role::GaugeLow,
            s if s < 0.90 => Role::GaugeMid,
            _ => Role::GaugeHigh,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn depth(vars: &[(&str, &str)]) -> Depth {
        Depth::detect(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn depth_follows_the_environment() {
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "xterm-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "xterm")]), Depth::Ansi);
        assert_eq!(depth(&[("TERM", "linux"), ("COLORTERM", "truecolor")]), Depth::Ansi);
        assert_eq!(depth(&[("TERM", "dumb")]), Depth::Mono);
        assert_eq!(depth(&[("TERM", "xterm"), ("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Depth::Mono);
        assert_eq!(depth(&[("TERM", "xterm"), ("NO_COLOR", "")]), Depth::Ansi);
    }

    #[test]
    fn the_table_of_roles_is_in_the_order_of_the_enum() {
        for (i, (role, name)) in Role::all().enumerate() {
            assert_eq!(role as usize, i, "{name}");
            assert_eq!(role.name(), name);
        }
    }

    #[test]
    fn monochrome_has_no_colour_and_still_tells_states_apart() {
        let theme = Theme::new(Depth::Mono);
        for (role, name) in Role::all() {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{name}");
        }
        assert_ne!(theme.style(Role::Selected), theme.style(Role::Text));
        assert_ne!(theme.style(Role::Running), theme.style(Role::Stopped));
        assert_ne!(theme.style(Role::Danger), theme.style(Role::Warning));
    }

    #[test]
    fn no_depth_uses_colours_beyond_it() {
        for (role, name) in Role::all() {
            for colour in [Theme::new(Depth::Indexed).style(role).fg, Theme::new(Depth::Indexed).style(role).bg] {
                assert!(!matches!(colour, Some(Color::Rgb(..))), "{name}");
            }
            let ansi = Theme::new(Depth::Ansi).style(role);
            assert!(!matches!(ansi.fg, Some(Color::Rgb(..) | Color::Indexed(_))), "{name}");
        }
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let base = Theme::new(Depth::True);
        let patched = base
            .patched("running = \"#00ff00\"\nselected = { bg = \"red\", bold = false, underline = true }\nmuted = 244")
            .unwrap();
        assert_eq!(patched.style(Role::Running).fg, Some(Color::Rgb(0, 255, 0)));
        assert_eq!(patched.style(Role::Muted).fg, Some(Color::Indexed(244)));
        let selected = patched.style(Role::Selected);
        assert_eq!((selected.fg, selected.bg), (base.style(Role::Selected).fg, Some(Color::Red)));
        assert!(selected.add_modifier.contains(Modifier::UNDERLINED));
        assert!(!selected.add_modifier.contains(Modifier::BOLD));
        assert_eq!(patched.style(Role::Danger), base.style(Role::Danger));
    }

    #[test]
    fn patches_are_reduced_to_the_depth() {
        let green = "running = \"#5fa85a\"";
        assert_eq!(Theme::new(Depth::Ansi).patched(green).unwrap().style(Role::Running).fg, Some(Color::Green));
        assert_eq!(Theme::new(Depth::Mono).patched(green).unwrap().style(Role::Running).fg, None);
        let indexed = Theme::new(Depth::Indexed).patched("running = \"#ff0000\"").unwrap();
        assert_eq!(indexed.style(Role::Running).fg, Some(Color::Indexed(196)));
    }

    #[test]
    fn mistakes_in_a_theme_are_named() {
        let error = |toml: &str| Theme::new(Depth::True).patched(toml).unwrap_err().to_string();
        assert!(error("runing = \"green\"").starts_with("the theme has no role \"runing\"; roles are: text, muted"));
        assert!(error("running = \"greenish\"").contains("role \"running\": \"greenish\" is no colour"));
        assert!(
            error("running = { blink = true }").contains("unknown field `blink`"),
            "{}",
            error("running = { blink = true }")
        );
        assert!(error("running = [1]").contains("role \"running\""));
        assert!(error("running = ").contains("not valid TOML"));
    }
}
