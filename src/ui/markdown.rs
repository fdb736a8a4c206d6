//! Markdown as styled lines of text, for notes. What a terminal can't show (pictures, HTML) is shown as text.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{GlyphSet, Look, Role, text};

/// A piece of text with its style.
type Piece = (String, Style);

/// What the paragraphs of a list item or a quotation begin with: on the first line, on further ones.
struct Margin {
    first: Option<String>,
    rest: String,
}

struct Page<'l> {
    look: &'l Look,
    width: usize,
    lines: Vec<Line<'static>>,
    pieces: Vec<Piece>,
    styles: Vec<Style>,
    margins: Vec<Margin>,
    /// The next number of each list around; `None` for one with points.
    lists: Vec<Option<u64>>,
    links: Vec<String>,
    code: bool,
    table: Option<Table>,
}

#[derive(Default)]
struct Table {
    aligned: Vec<Alignment>,
    rows: Vec<Vec<String>>,
    cell: String,
}

/// Draws Markdown in lines of this width. Control characters are taken out.
pub fn lines(markdown: &str, width: usize, look: &Look) -> Vec<Line<'static>> {
    let mut page = Page {
        look,
        width: width.max(10),
        lines: vec![],
        pieces: vec![],
        styles: vec![look.style(Role::Text)],
        margins: vec![],
        lists: vec![],
        links: vec![],
        code: false,
        table: None,
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(markdown, options) {
        page.event(event);
    }
    page.flush();
    while page.lines.last().is_some_and(|l| l.width() == 0) {
        page.lines.pop();
    }
    page.lines
}

impl Page<'_> {
    fn ascii(&self) -> bool {
        self.look.glyphs.set == GlyphSet::Ascii
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn push(&mut self, style: Style) {
        self.styles.push(self.style().patch(style));
    }

    fn say(&mut self, words: &str, style: Style) {
        match &mut self.table {
            Some(table) => table.cell.push_str(words),
            None => self.pieces.push((words.to_owned(), style)),
        }
    }

    /// An empty line between blocks, none at the top and no two.
    fn gap(&mut self) {
        if self.lists.is_empty() && self.lines.last().is_some_and(|l| l.width() > 0) {
            self.lines.push(Line::raw(""));
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(words) if self.code => {
                for line in words.lines() {
                    self.verbatim(line);
                }
            }
            Event::Text(words) => self.say(&words, self.style()),
            Event::Code(words) => self.say(&words, self.look.style(Role::Accent)),
            Event::Html(words) | Event::InlineHtml(words) => self.html(&words),
            Event::InlineMath(words) | Event::DisplayMath(words) => self.say(&words, self.style()),
            Event::FootnoteReference(name) => self.say(&format!("[{name}]"), self.style()),
            // Notes are often mere lines: nobody wants them run together.
            Event::SoftBreak if self.table.is_none() => self.flush(),
            Event::SoftBreak => self.say(" ", self.style()),
            Event::HardBreak => self.flush(),
            Event::Rule => {
                self.flush();
                self.gap();
                let rule = if self.ascii() { "-" } else { "─" };
                let line = rule.repeat(self.width.min(60));
                self.lines.push(Line::styled(line, self.look.style(Role::Border)));
                self.lines.push(Line::raw(""));
            }
            Event::TaskListMarker(done) => self.say(if done { "[x] " } else { "[ ] " }, self.style()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {}
            Tag::Heading { level, .. } => {
                self.flush();
                self.gap();
                let style = self.look.style(Role::Title);
                self.push(if level == HeadingLevel::H1 { style.add_modifier(Modifier::UNDERLINED) } else { style });
            }
            Tag::BlockQuote(_) => {
                self.flush();
                let bar = if self.ascii() { "> " } else { "▎ " };
                self.margins.push(Margin { first: None, rest: bar.into() });
                self.push(self.look.style(Role::Muted));
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.gap();
                self.code = true;
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.lines
                        .push(Line::styled(format!("  {}", text::clean(&language)), self.look.style(Role::Muted)));
                }
            }
            Tag::List(number) => {
                self.flush();
                self.gap();
                self.lists.push(number);
            }
            Tag::Item => {
                self.flush();
                let point = if self.ascii() { "- " } else { "• " };
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => point.to_owned(),
                };
                self.margins.push(Margin { rest: " ".repeat(text::width(&mark)), first: Some(mark) });
            }
            Tag::Emphasis => self.push(Style::new().add_modifier(Modifier::ITALIC)),
            Tag::Strong => self.push(Style::new().add_modifier(Modifier::BOLD)),
            Tag::Strikethrough => self.push(Style::new().add_modifier(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } => {
                self.links.push(dest_url.into_string());
                self.push(self.look.style(Role::Accent).add_modifier(Modifier::UNDERLINED));
            }
            Tag::Image { dest_url, .. } => {
                self.links.push(dest_url.into_string());
                self.say("[picture: ", self.look.style(Role::Muted));
            }
            Tag::Table(aligned) => {
                self.flush();
                self.gap();
                self.table = Some(Table { aligned, ..Table::default() });
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(vec![]);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph => {
                self.flush();
                self.gap();
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.margins.pop();
                self.styles.pop();
                self.gap();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.gap();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap();
            }
            TagEnd::Item => {
                self.flush();
                self.margins.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link => {
                self.styles.pop();
                self.address();
            }
            TagEnd::Image => {
                self.say("]", self.look.style(Role::Muted));
                self.address();
            }
            TagEnd::TableCell => {
                if let Some(table) = &mut self.table {
                    let cell = std::mem::take(&mut table.cell);
                    if let Some(row) = table.rows.last_mut() {
                        row.push(text::clean(cell.trim()).into_owned());
                    }
                }
            }
            TagEnd::Table => self.table(),
            _ => {}
        }
    }

    /// The address behind a link's words, unless it is the words.
    fn address(&mut self) {
        let Some(address) = self.links.pop() else { return };
        let said = self.pieces.last().is_some_and(|(words, _)| address.ends_with(words.as_str()) && words.len() > 3);
        if !said && !address.is_empty() {
            self.say(&format!(" ({address})"), self.look.style(Role::Muted));
        }
    }

    /// Tags are not drawn: line breaks break, the rest is left out.
    fn html(&mut self, html: &str) {
        let tag = html.trim().trim_start_matches('<').to_lowercase();
        if tag.starts_with("br") || tag.starts_with("/p") || tag.starts_with("/div") || tag.starts_with("/h") {
            self.flush();
        }
        // A block may hold words between its tags.
        let mut words = String::new();
        let mut inside = false;
        for c in html.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => words.push(c),
                _ => {}
            }
        }
        if !words.trim().is_empty() {
            self.say(words.trim(), self.style());
            self.flush();
        }
    }

    fn margin(&mut self) -> String {
        let mut margin = String::new();
        for m in &mut self.margins {
            match m.first.take() {
                Some(first) => margin.push_str(&first),
                None => margin.push_str(&m.rest),
            }
        }
        margin
    }

    /// A line of code, as it is; too long ones go on below.
    fn verbatim(&mut self, line: &str) {
        let margin = self.margin();
        let room = self.width.saturating_sub(text::width(&margin) + 2).max(10);
        let line = text::clean(&line.replace('\t', "    ")).into_owned();
        let mut rest = line.as_str();
        loop {
            let part = text::take(rest, room);
            let words = format!("{margin}  {part}");
            self.lines.push(Line::styled(words, self.look.style(Role::Accent)));
            rest = &rest[part.len()..];
            if rest.is_empty() || part.is_empty() {
                break;
            }
        }
    }

    /// Wraps what was said since the last line, word by word.
    fn flush(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.iter().all(|(words, _)| words.trim().is_empty()) {
            return;
        }
        let mut words: Vec<Piece> = vec![];
        for (piece, style) in pieces {
            let clean = text::clean(&piece).into_owned();
            for (i, word) in clean.split(' ').enumerate() {
                if i > 0 {
                    words.push((" ".into(), style));
                }
                if !word.is_empty() {
                    words.push((word.to_owned(), style));
                }
            }
        }
        let mut margin = self.margin();
        let mut line: Vec<Span<'static>> = vec![];
        let (mut used, muted) = (text::width(&margin), self.look.style(Role::Muted));
        let mut out = vec![];
        for (word, style) in words {
            let mut word = word;
            loop {
                let width = text::width(&word);
                if word == " " && line.is_empty() {
                    break;
                }
                if used + width <= self.width {
                    used += width;
                    line.push(Span::styled(word, style));
                    break;
                }
                // A word that is longer than a line is cut.
                if line.is_empty() {
                    let part = text::take(&word, self.width.saturating_sub(used).max(1)).to_owned();
                    let rest = word[part.len()..].to_owned();
                    line.push(Span::styled(part, style));
                    word = rest;
                }
                out.push((margin, std::mem::take(&mut line)));
                margin = self.margin();
                used = text::width(&margin);
            }
        }
        if !line.is_empty() {
            out.push((margin, line));
        }
        for (margin, mut line) in out {
            line.pop_if(|last| last.content == " ");
            let mut spans = vec![Span::styled(margin, muted)];
            spans.extend(line);
            self.lines.push(Line::from(spans));
        }
    }

    fn table(&mut self) {
        let Some(table) = self.table.take() else { return };
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &'_ Vec<String>, n: usize| row.get(n).cloned().unwrap_or_default();
        let mut widths: Vec<usize> =
            (0..columns).map(|n| table.rows.iter().map(|r| text::width(&cell(r, n))).max().unwrap_or(0)).collect();
        // The widest columns give way until the table fits.
        let gaps = columns.saturating_sub(1) * 2;
        while widths.iter().sum::<usize>() + gaps > self.width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 3 => *widest -= 1,
                _ => break,
            }
        }
        let ellipsis = self.look.glyphs.ellipsis;
        for (i, row) in table.rows.iter().enumerate() {
            let parts = widths.iter().enumerate().map(|(n, width)| {
                let words = text::cut(&cell(row, n), *width, ellipsis).into_owned();
                match table.aligned.get(n) {
                    Some(Alignment::Right) => text::pad_left(&words, *width),
                    _ => text::pad(&words, *width),
                }
            });
            let line = parts.collect::<Vec<_>>().join("  ").trim_end().to_owned();
            let role = if i == 0 { Role::Header } else { Role::Text };
            self.lines.push(Line::styled(line, self.look.style(role)));
        }
        self.gap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Depth, GlyphSet};

    fn shown(markdown: &str, width: usize) -> Vec<String> {
        let look = Look::new(Depth::True, GlyphSet::Unicode);
        lines(markdown, width, &look).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn blocks() {
        let page = "# Web server\nRuns *the* **shop**, see [the wiki](https://wiki/x) or <https://shop.example>.\n\n\
                    - one\n- two\n  - deeper\n\n1. first\n2. second\n\n> quoted\n\n```sh\nls  -l\n```\n---\nend";
        assert_eq!(
            shown(page, 60),
            [
                "Web server",
                "Runs the shop, see the wiki (https://wiki/x) or",
                "https://shop.example.",
                "",
                "• one",
                "• two",
                "  • deeper",
                "",
                "1. first",
                "2. second",
                "",
                "▎ quoted",
                "",
                "  sh",
                "  ls  -l",
                "",
                "────────────────────────────────────────────────────────────",
                "",
                "end",
            ]
        );
    }

    #[test]
    fn tables_and_pictures_and_html_as_text() {
        let page = "| Port | What |\n|---:|---|\n| 80 | http |\n| 8443 | admin |\n\n![logo](x.png)\n<b>bold</b><br>new";
        assert_eq!(
            shown(page, 40),
            ["Port  What", "  80  http", "8443  admin", "", "[picture: logo] (x.png)", "bold", "new"]
        );
        assert_eq!(shown("| a | bbbbbbbbbbbbbbbb |\n|---|---|\n| 1 | 2 |", 12)[0], "a  bbbbbbbb…");
    }

    #[test]
    fn long_words_and_control_characters() {
        assert_eq!(shown(&"x".repeat(25), 10), ["xxxxxxxxxx", "xxxxxxxxxx", "xxxxx"]);
        let page = shown("a \u{1b}[31mred\u{7} `\u{9b}2J`\n\n```\n\u{1b}]0;x\u{7}\n```", 60).join("\n");
        assert!(!page.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{page:?}");
        assert_eq!(shown("", 20), [""; 0]);
        assert_eq!(shown("plain\nlines\n\nof notes", 20), ["plain", "lines", "", "of notes"]);
    }

    #[test]
    fn styles() {
        let look = Look::new(Depth::Mono, GlyphSet::Ascii);
        let page = lines("**b** _i_ `c`\n\n* x\n\n---", 40, &look);
        let bold = page[0].spans.iter().find(|s| s.content == "b").map(|s| s.style.add_modifier);
        assert_eq!(bold, Some(Modifier::BOLD));
        assert_eq!(page[2].to_string(), "- x");
        assert!(page[4].to_string().starts_with("----"));
    }
}
