//! The firewall of the cluster, a node, a guest or a security group: its rules, options, aliases and IP sets.

mod act;
pub mod address;
pub mod column;
pub mod entry;
pub mod log;
pub mod option;
pub mod place;
pub mod rule;

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use self::rule::Aim;
use crate::{
    api::{
        ApiError,
        firewall::{self as api, Alias, Macro, Rule, Scope, Set},
        guest::{self, Config},
    },
    shell::{Command, Cx, Level, Scene, View, always, needs},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// The rules.
    Rules(Result<Vec<Rule>, ApiError>),
    /// The options.
    Options(Result<Config, ApiError>),
    /// The aliases.
    Aliases(Result<Vec<Alias>, ApiError>),
    /// The IP sets.
    Sets(Result<Vec<Set>, ApiError>),
    /// The cluster's options: its main switch.
    Cluster(Result<Config, ApiError>),
    /// The guest's settings: whether its network devices take part.
    Guest(Result<Config, ApiError>),
    /// The services that a rule can be made for.
    Macros(Result<Vec<Macro>, ApiError>),
    /// A rule for this service is wanted.
    Service(String),
    /// Something was changed.
    Changed(Result<(), ApiError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Rules,
    Options,
    Aliases,
    Sets,
}

/// A firewall.
pub struct Firewall {
    scope: Scope,
    label: String,
    page: Page,
    rules: Vec<Rule>,
    options: Vec<option::Row>,
    config: Config,
    aliases: Vec<Alias>,
    sets: Vec<Set>,
    generation: u64,
    rule_table: Table<Rule, u64>,
    option_table: Table<option::Row, &'static str>,
    alias_table: Table<Alias, String>,
    set_table: Table<Set, String>,
    /// Whether the cluster's firewall is on.
    main: Option<bool>,
    /// Network devices of the guest that take no part.
    open: Vec<String>,
    /// Where a rule goes that is being moved: the cursor goes with it.
    follow: Option<u64>,
    /// Answers that are awaited.
    asking: u8,
    known: bool,
    error: Option<ApiError>,
    /// What went wrong since everything was last asked for; it counts once all answers are there.
    trouble: Option<ApiError>,
    zone: TimeZone,
}

impl Firewall {
    /// How often everything is asked for: others change it, too.
    const PACE: Duration = Duration::from_secs(5);

    /// The firewall of `scope`, which the user knows as `label`.
    pub fn new(scope: Scope, label: impl Into<String>) -> Self {
        let rule_table = Table::new(column::rules(), |r: &Rule| r.pos, column::searched).without_footer();
        let option_table = Table::new(
            option::columns(),
            |r: &option::Row| r.option.key,
            |r, out| {
                out.push_str(r.option.title);
            },
        );
        let alias_table = Table::new(
            column::aliases(),
            |a: &Alias| a.name.to_string(),
            |a, out| {
                out.push_str(&format!("{} {} {}", a.name, a.cidr, a.comment));
            },
        );
        let set_table = Table::new(
            column::sets(),
            |s: &Set| s.name.to_string(),
            |s, out| {
                out.push_str(&format!("{} {}", s.name, s.comment));
            },
        );
        Self {
            scope,
            label: label.into(),
            page: Page::Rules,
            rules: vec![],
            options: vec![],
            config: Config::default(),
            aliases: vec![],
            sets: vec![],
            generation: 0,
            rule_table,
            option_table: option_table.without_footer(),
            alias_table: alias_table.with_sort("name", false).without_footer(),
            set_table: set_table.with_sort("name", false).without_footer(),
            main: None,
            open: vec![],
            follow: None,
            asking: 0,
            known: false,
            error: None,
            trouble: None,
            zone: TimeZone::system(),
        }
    }

    fn pages(&self) -> Vec<(Page, &'static str)> {
        let mut pages = vec![(Page::Rules, "Rules")];
        if self.scope.has_options() {
            pages.push((Page::Options, "Options"));
        }
        if self.scope.has_addresses() {
            pages.extend([(Page::Aliases, "Aliases"), (Page::Sets, "IP sets")]);
        }
        pages
    }

    fn rule(&self) -> Option<&Rule> {
        self.rule_table.selected(&self.rules).filter(|_| self.page == Page::Rules)
    }

    fn has_selected(&self) -> bool {
        match self.page {
            Page::Rules => self.rule().is_some(),
            Page::Options => self.option_table.selected(&self.options).is_some(),
            Page::Aliases => self.alias_table.selected(&self.aliases).is_some(),
            Page::Sets => self.set_table.selected(&self.sets).is_some(),
        }
    }

    fn turn(&mut self, by: isize) {
        let pages = self.pages();
        let at = pages.iter().position(|(page, _)| *page == self.page).unwrap_or(0) as isize;
        self.page = pages[(at + by).rem_euclid(pages.len() as isize) as usize].0;
    }

    fn sync(&mut self) {
        let waiting = if self.known { None } else { Some("asking the cluster") };
        self.rule_table
            .set_empty(waiting.unwrap_or("no rules: only the policies count (a adds one, s lets a service in)"));
        self.alias_table.set_empty(waiting.unwrap_or("no aliases (a adds one)"));
        self.set_table.set_empty(waiting.unwrap_or("no IP sets (a adds one)"));
        self.rule_table.sync(&self.rules, self.generation);
        self.option_table.sync(&self.options, self.generation);
        self.alias_table.sync(&self.aliases, self.generation);
        self.set_table.sync(&self.sets, self.generation);
    }

    /// Why the rules don't count at the moment, if so.
    fn idle(&self) -> Vec<String> {
        let mut lines = vec![];
        let on = self.options.iter().find(|r| r.option.key == "enable").is_none_or(option::Row::is_on);
        if self.known && !on {
            lines.push("It is switched off: none of this counts (page Options, Firewall).".into());
        }
        if self.main == Some(false) {
            lines.push("The cluster's firewall is switched off: nothing is filtered anywhere.".into());
        }
        if !self.open.is_empty() {
            lines.push(format!("{} takes no part: its own firewall switch is off.", self.open.join(", ")));
        }
        lines
    }

    fn take<T: PartialEq>(&mut self, answer: Result<Vec<T>, ApiError>, into: fn(&mut Self) -> &mut Vec<T>) {
        self.asking = self.asking.saturating_sub(1);
        match answer {
            Ok(list) => {
                if *into(self) != list {
                    *into(self) = list;
                    self.generation += 1;
                }
            }
            Err(error) => self.trouble = Some(error),
        }
        if self.asking == 0 {
            self.error = self.trouble.take();
        }
    }
}

impl View for Firewall {
    type Msg = Msg;
    const NAME: &'static str = "Firewall";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::menu("firewall.menu", always, Self::menu),
        Command::add(
            "firewall.add",
            |v, _| needs(v.page != Page::Options, "there is nothing to add on this page"),
            Self::add,
        ),
        Command {
            id: "firewall.service",
            keys: "s",
            title: "Let a service in",
            footer: true,
            ready: |v, _| needs(v.page == Page::Rules, "only on the page with rules"),
            run: Self::services,
        },
        Command::edit("firewall.edit", |v, _| needs(v.has_selected(), "nothing is selected"), Self::edit),
        Command::switch("firewall.switch", |v, _| needs(v.rule().is_some(), "no rule is selected"), Self::switch),
        Command {
            id: "firewall.up",
            keys: "K shift-up",
            title: "Up",
            footer: true,
            ready: |v, _| needs(v.rule().is_some(), "no rule is selected"),
            run: |v, cx| v.shift(true, cx),
        },
        Command {
            id: "firewall.down",
            keys: "J shift-down",
            title: "Down",
            footer: true,
            ready: |v, _| needs(v.rule().is_some(), "no rule is selected"),
            run: |v, cx| v.shift(false, cx),
        },
        Command {
            id: "firewall.tab",
            keys: "tab ] right",
            title: "Next page",
            footer: true,
            ready: |v, _| needs(v.pages().len() > 1, "there is no other page"),
            run: |v, _| v.turn(1),
        },
        Command {
            id: "firewall.back",
            keys: "shift-tab [ left",
            title: "The page before",
            footer: false,
            ready: |v, _| needs(v.pages().len() > 1, "there is no other page"),
            run: |v, _| v.turn(-1),
        },
        Command {
            id: "firewall.copy",
            keys: "c",
            title: "Copy the rule",
            footer: false,
            ready: |v, _| needs(v.rule().is_some(), "no rule is selected"),
            run: Self::copy,
        },
        Command {
            id: "firewall.group",
            keys: "i",
            title: "Insert a security group",
            footer: false,
            ready: |v, _| {
                needs(
                    v.page == Page::Rules && !matches!(v.scope, Scope::Group(_)),
                    "only among the rules of a guest, node or cluster",
                )
            },
            run: Self::insert_group,
        },
        Command {
            id: "firewall.place",
            keys: "",
            title: "Move to another place",
            footer: false,
            ready: |v, _| needs(v.rule().is_some() && v.rules.len() > 1, "there is no other place"),
            run: Self::place,
        },
        Command {
            id: "firewall.log",
            keys: "w",
            title: "Log",
            footer: true,
            ready: |v, _| needs(v.scope.has_log(), "only nodes and guests have a log"),
            run: Self::log,
        },
        Command::remove(
            "firewall.remove",
            |v, _| needs(v.page != Page::Options && v.has_selected(), "nothing is selected that can be removed"),
            Self::remove,
        )
        .unlisted(),
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking > 0 {
            return;
        }
        if let Scope::Guest(guest) = &mut self.scope {
            // It may have moved to another node.
            if let Some(known) = cx.store().guest(guest.vmid) {
                *guest = known.reference();
            }
            cx.send(guest::config(guest, &guest::Which::Pending), Msg::Guest);
        }
        self.asking = 1;
        cx.send(api::rules(&self.scope), Msg::Rules);
        if self.scope.has_options() {
            self.asking += 1;
            cx.send(api::options(&self.scope), Msg::Options);
        }
        if self.scope.has_addresses() {
            self.asking += 2;
            cx.send(api::aliases(&self.scope), Msg::Aliases);
            cx.send(api::sets(&self.scope), Msg::Sets);
        }
        if self.scope != Scope::Cluster {
            cx.send(api::options(&Scope::Cluster), Msg::Cluster);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Rules(answer) => {
                let sorted = answer.map(|mut rules| {
                    rules.sort_by_key(|r| r.pos);
                    rules
                });
                self.known |= sorted.is_ok();
                self.take(sorted, |v| &mut v.rules);
            }
            Msg::Aliases(answer) => self.take(answer, |v| &mut v.aliases),
            Msg::Sets(answer) => self.take(answer, |v| &mut v.sets),
            Msg::Options(answer) => {
                let config = answer.inspect(|config| self.config = config.clone());
                let scope = self.scope.clone();
                self.take(config.map(|c| option::rows(&scope, &c)), |v| &mut v.options);
            }
            Msg::Cluster(Ok(config)) => self.main = Some(config.get("enable").is_some_and(|v| v != "0")),
            Msg::Guest(Ok(config)) => {
                let all = config.numbered("net").into_iter().filter(|(_, text)| !text.contains("firewall=1"));
                self.open = all.map(|(n, _)| format!("net{n}")).collect();
            }
            // Both are extras, and not everybody may see them.
            Msg::Cluster(Err(error)) | Msg::Guest(Err(error)) => tracing::debug!(%error, "around a firewall"),
            Msg::Macros(Ok(all)) => self.offer(all, cx),
            Msg::Macros(Err(error)) => cx.toast(Level::Error, error.explained()),
            Msg::Service(service) => {
                let (kind, action) = ("in".into(), "ACCEPT".into());
                let new = Rule { kind, action, enable: true, service: service.into(), ..Rule::default() };
                self.ask_rule(Aim::Add, &new, cx);
            }
            Msg::Changed(result) => {
                if let (Some(to), Ok(())) = (self.follow.take(), result) {
                    self.rule_table.select(&to);
                }
                self.asking = 0;
                self.ask(cx);
            }
        }
        self.sync();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(match self.page {
            Page::Rules => &mut self.rule_table,
            Page::Options => &mut self.option_table,
            Page::Aliases => &mut self.alias_table,
            Page::Sets => &mut self.set_table,
        })
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.open_selected(cx);
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        self.open_menu(cx);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Firewall > {}", self.label)
    }

    fn status(&self, _: &Store) -> String {
        match self.page {
            Page::Rules => self.rule_table.status(),
            Page::Options => self.option_table.status(),
            Page::Aliases => self.alias_table.status(),
            Page::Sets => self.set_table.status(),
        }
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let look = scene.look;
        let mut lines: Vec<Line> = vec![];
        let mut title = vec![Span::styled(format!(" {} ", text::clean(&self.label)), look.style(Role::Title))];
        for (page, words) in self.pages() {
            let role = if page == self.page { Role::TabActive } else { Role::Tab };
            title.push(Span::styled(format!(" {words} "), look.style(role)));
            title.push(Span::raw(" "));
        }
        lines.push(Line::from(title));
        let trouble = self.error.iter().map(ApiError::explained);
        for words in trouble.chain(self.idle()) {
            let words = format!("{} {words}", look.glyphs.warning);
            for part in text::wrap(&text::clean(&words), usize::from(area.width).saturating_sub(2).max(10)) {
                lines.push(Line::styled(format!(" {part}"), look.style(Role::Warning)));
            }
        }
        let height = u16::try_from(lines.len()).unwrap_or(1).min(area.height / 2).max(1);
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        let ctx = scene.ctx(&self.zone);
        match self.page {
            Page::Rules => self.rule_table.draw(frame, body, &self.rules, &ctx),
            Page::Options => self.option_table.draw(frame, body, &self.options, &ctx),
            Page::Aliases => self.alias_table.draw(frame, body, &self.aliases, &ctx),
            Page::Sets => self.set_table.draw(frame, body, &self.sets, &ctx),
        }
    }
}
