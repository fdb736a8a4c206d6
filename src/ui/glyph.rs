//! The signs that are drawn: one set for terminals with Unicode, one for plain ASCII. No emoji, no patched fonts.

use ratatui::symbols::border;

/// Which of the two sets a [`Glyphs`] is; charts choose their resolution by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlyphSet {
    /// Box drawing, blocks and braille.
    Unicode,
    /// Only the 95 printable ASCII characters.
    Ascii,
}

impl GlyphSet {
    /// Chooses by `TERM` and the locale variables: ASCII on the Linux text console, on dumb terminals, and when the
    /// locale names a character set that is not UTF-8. `env` returns the value of an environment variable.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        if matches!(env("TERM").as_deref(), Some("linux" | "dumb")) {
            return Self::Ascii;
        }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
        // Without any locale variable (macOS GUI terminals, Windows) UTF-8 is by far the likeliest.
        match locale.map(|l| l.to_lowercase()) {
            Some(l) if l.contains("utf-8") || l.contains("utf8") => Self::Unicode,
            Some(_) => Self::Ascii,
            None => Self::Unicode,
        }
    }
}

/// All glyphs by meaning; each is one cell wide.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    /// Which set this is.
    pub set: GlyphSet,
    /// Status: running.
    pub running: &'static str,
    /// Status: stopped.
    pub stopped: &'static str,
    /// Status: paused or suspended.
    pub paused: &'static str,
    /// Status: not known (node offline, permission missing).
    pub unknown: &'static str,
    /// Something is locked.
    pub lock: &'static str,
    /// Done, valid.
    pub ok: &'static str,
    /// Warning.
    pub warning: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// A marked row.
    pub mark: &'static str,
    /// The row under the cursor.
    pub cursor: &'static str,
    /// Sorted upwards.
    pub sort_up: &'static str,
    /// Sorted downwards.
    pub sort_down: &'static str,
    /// Full part of a bar.
    pub bar_full: &'static str,
    /// Empty part of a bar.
    pub bar_empty: &'static str,
    /// Parts of a bar's last cell, from nearly empty to nearly full (none in ASCII).
    pub bar_parts: &'static [&'static str],
    /// Heights of a one-line graph, lowest first.
    pub levels: &'static [&'static str],
    /// Box borders.
    pub border: border::Set<'static>,
    /// Frames of the spinner.
    pub spinner: &'static [&'static str],
    /// Stands for text that was cut.
    pub ellipsis: &'static str,
    /// From old to new.
    pub arrow: &'static str,
    /// Between breadcrumbs; a closed fold.
    pub fold_closed: &'static str,
    /// An open fold.
    pub fold_open: &'static str,
    /// A list item.
    pub bullet: &'static str,
    /// Scroll bar: the thumb.
    pub thumb: &'static str,
    /// Scroll bar: the track.
    pub track: &'static str,
    /// A vertical line.
    pub vertical: &'static str,
    /// A horizontal line.
    pub horizontal: &'static str,
    /// More to the left.
    pub more_left: &'static str,
    /// More to the right.
    pub more_right: &'static str,
    /// Stands for a secret's characters.
    pub mask: char,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Glyphs {
    /// The set with box drawing, blocks and braille.
    pub const UNICODE: Self = Self {
        set: GlyphSet::Unicode,
        running: "●",
        stopped: "○",
        paused: "◐",
        unknown: "?",
        lock: "⊘",
        ok: "✓",
        warning: "!",
        failed: "✗",
        mark: "◆",
        cursor: "▌",
        sort_up: "▲",
        sort_down: "▼",
        bar_full: "█",
        bar_empty: "░",
        bar_parts: &["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
        levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        border: border::PLAIN,
        spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
        ellipsis: "…",
        arrow: "→",
        fold_closed: "▸",
        fold_open: "▾",
        bullet: "•",
        thumb: "█",
        track: "│",
        vertical: "│",
        horizontal: "─",
        more_left: "‹",
        more_right: "›",
        mask: '•',
    };

    /// The set for terminals without Unicode.
    pub const ASCII: Self = Self {
        set: GlyphSet::Ascii,
        running: "*",
        stopped: "-",
        paused: "=",
        unknown: "?",
        lock: "L",
        ok: "+",
        warning: "!",
        failed: "x",
        mark: "*",
        cursor: ">",
        sort_up: "^",
        sort_down: "v",
        bar_full: "#",
        bar_empty: ".",
        bar_parts: &[],
        levels: &[".", ":", "-", "=", "+", "*", "#", "@"],
        border: ASCII_BORDER,
        spinner: &["|", "/", "-", "\\"],
        ellipsis: "~",
        arrow: ">",
        fold_closed: ">",
        fold_open: "v",
        bullet: "-",
        thumb: "#",
        track: "|",
        vertical: "|",
        horizontal: "-",
        more_left: "<",
        more_right: ">",
        mask: '*',
    };

    /// The glyphs of a set.
    pub const fn of(set: GlyphSet) -> Self {
        match set {
            GlyphSet::Unicode => Self::UNICODE,
            GlyphSet::Ascii => Self::ASCII,
        }
    }

    /// The spinner's frame at a time; ten frames a second.
    pub fn spin(&self, now: super::Millis) -> &'static str {
        let frame = (now / 100) as usize % self.spinner.len().max(1);
        self.spinner.get(frame).copied().unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn the_set_follows_terminal_and_locale() {
        let detect = |vars: &[(&str, &str)]| {
            GlyphSet::detect(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
        };
        assert_eq!(detect(&[("TERM", "linux"), ("LANG", "en_US.UTF-8")]), GlyphSet::Ascii);
        assert_eq!(detect(&[("TERM", "xterm"), ("LANG", "de_DE.utf8")]), GlyphSet::Unicode);
        assert_eq!(detect(&[("TERM", "xterm"), ("LC_ALL", "C"), ("LANG", "de_DE.utf8")]), GlyphSet::Ascii);
        assert_eq!(detect(&[("TERM", "xterm"), ("LC_ALL", ""), ("LANG", "de_DE.UTF-8")]), GlyphSet::Unicode);
        assert_eq!(detect(&[("TERM", "xterm-256color")]), GlyphSet::Unicode);
    }

    #[test]
    fn every_glyph_is_one_cell_and_ascii_is_ascii() {
        for g in [Glyphs::UNICODE, Glyphs::ASCII] {
            let singles = [
                g.running,
                g.stopped,
                g.paused,
                g.unknown,
                g.lock,
                g.ok,
                g.warning,
                g.failed,
                g.mark,
                g.cursor,
                g.sort_up,
                g.sort_down,
                g.bar_full,
                g.bar_empty,
                g.ellipsis,
                g.arrow,
                g.fold_closed,
                g.fold_open,
                g.bullet,
                g.thumb,
                g.track,
                g.vertical,
                g.horizontal,
                g.more_left,
                g.more_right,
            ];
            for glyph in singles.iter().chain(g.bar_parts).chain(g.levels).chain(g.spinner) {
                assert_eq!(glyph.width(), 1, "{glyph}");
                assert!(g.set == GlyphSet::Unicode || glyph.is_ascii(), "{glyph}");
            }
        }
    }

    #[test]
    fn the_spinner_turns() {
        assert_eq!(Glyphs::ASCII.spin(0), "|");
        assert_eq!(Glyphs::ASCII.spin(150), "/");
        assert_eq!(Glyphs::ASCII.spin(400), "|");
    }
}
