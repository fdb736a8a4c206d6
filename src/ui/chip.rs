//! Words in colours of their own, such as tags: they stand side by side in a cell or a line.

use ratatui::{
    style::{Color, Style},
    text::Span,
};

use super::{Depth, Look, Role, text, theme};

/// Red, green and blue.
pub type Rgb = (u8, u8, u8);

/// A word with its colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chip {
    /// The word.
    pub text: String,
    /// Background and text; `None`: as the rest.
    pub paint: Option<(Rgb, Rgb)>,
}

/// Makes chips of a list of words, in the order in which they are to be shown.
pub trait Chips {
    /// The words of a list.
    fn chips(&self, list: &str) -> Vec<Chip>;
}

/// Without colours.
impl Chips for () {
    fn chips(&self, list: &str) -> Vec<Chip> {
        let words = list.split([';', ',', ' ']).filter(|word| !word.is_empty());
        words.map(|word| Chip { text: word.into(), paint: None }).collect()
    }
}

impl Look {
    /// The style of a chip. With few colours the word itself is coloured, as its readability on any of 16 backgrounds
    /// can't be promised; without colours it is plain text.
    pub fn chip(&self, chip: &Chip) -> Style {
        let Some((back, front)) = chip.paint else { return self.style(Role::Muted) };
        let rgb = |(r, g, b): Rgb| Color::Rgb(r, g, b);
        match self.theme.depth() {
            Depth::Mono => self.style(Role::Text),
            Depth::Ansi => Style::new().fg(theme::hue(back)),
            depth => Style::new().bg(theme::reduce(rgb(back), depth)).fg(theme::reduce(rgb(front), depth)),
        }
    }

    /// Chips side by side.
    pub fn chips(&self, chips: &[Chip]) -> Vec<Span<'static>> {
        let mut spans = vec![];
        for chip in chips {
            if !spans.is_empty() {
                spans.push(Span::raw(" "));
            }
            spans.push(Span::styled(text::clean(&chip.text).into_owned(), self.chip(chip)));
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::GlyphSet;

    #[test]
    fn chips_at_every_depth() {
        let chip = Chip { text: "prod".into(), paint: Some(((200, 30, 30), (255, 255, 255))) };
        let style = |depth| Look::new(depth, GlyphSet::Unicode).chip(&chip);
        assert_eq!(style(Depth::True).bg, Some(Color::Rgb(200, 30, 30)));
        assert!(matches!(style(Depth::Indexed).bg, Some(Color::Indexed(_))));
        assert_eq!((style(Depth::Ansi).bg, style(Depth::Ansi).fg), (None, Some(Color::Red)));
        assert_eq!((style(Depth::Mono).bg, style(Depth::Mono).fg), (None, None));
        assert_eq!(().chips("a;b c").len(), 3);
    }
}
