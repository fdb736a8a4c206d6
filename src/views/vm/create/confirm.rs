//! The last page of the create-VM wizard: exactly what will be sent.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::request::request;
use crate::{
    api::preview,
    ui::{Look, Role, Values, text},
};

/// What the page shows.
pub struct Page {
    /// The wizard's values with its facts.
    pub values: Values,
    /// The call is on its way.
    pub sending: bool,
    /// Lines scrolled away at the top.
    pub scroll: u16,
}

impl Page {
    /// Draws the call, its parameters line by line, and the same as a `pvesh` line.
    pub fn draw(&self, frame: &mut Frame, area: Rect, look: &Look) {
        let width = usize::from(area.width).max(20);
        let start = if self.values.is_on("start") { "[x]" } else { "[ ]" };
        let mut lines = vec![
            Line::from(vec![
                Span::styled("This will be sent:", look.style(Role::Title)),
                Span::styled("   s", look.style(Role::Key)),
                Span::styled(format!(" {start} start after creation"), look.style(Role::Muted)),
            ]),
            Line::raw(""),
        ];
        let Some(request) = request(&self.values) else {
            lines.push(Line::styled("Node or VM ID is missing.", look.style(Role::ErrorText)));
            frame.render_widget(Paragraph::new(lines), area);
            return;
        };
        let wire = &request.wire;
        lines.push(Line::styled(format!("{} {}", wire.method, wire.path), look.style(Role::Accent)));
        for p in &wire.params {
            let shown = format!("{}={}", p.name, text::clean(p.shown()));
            for (i, part) in text::wrap(&shown, width - 4).into_iter().enumerate() {
                let indent = if i == 0 { "  " } else { "    " };
                lines.push(Line::from(vec![Span::raw(indent), Span::styled(part, look.style(Role::Text))]));
            }
        }
        lines.push(Line::raw(""));
        for part in text::wrap(&preview::pvesh(wire), width) {
            lines.push(Line::styled(part, look.style(Role::Muted)));
        }
        lines.push(Line::raw(""));
        let words = if self.sending {
            "Sending".to_owned() + look.glyphs.ellipsis
        } else {
            "Enter: create   PgUp: back   Ctrl-y: copy".into()
        };
        lines.push(Line::styled(words, look.style(Role::Key)));
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(area.height);
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll.min(most), 0)), area);
    }
}
