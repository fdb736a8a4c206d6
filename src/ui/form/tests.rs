#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use ratatui::{Terminal, backend::TestBackend};
use secrecy::ExposeSecret;

use super::*;
use crate::ui::{Depth, GlyphSet, Key, Look, svg};

fn disk(n: usize) -> Form {
    Form::new()
        .select("bus", "Bus", ["scsi", "virtio", "ide"])
        .initial(if n == 0 { "scsi" } else { "virtio" })
        .select("storage", "Storage", Choices::Loading)
        .required()
        .number("size", "Size", 1..=131_072)
        .initial("32")
        .unit("GiB")
        .toggle("iothread", "IO thread")
        .when(|v| v.get("bus") != "ide")
}

fn form() -> Form {
    Form::new()
        .text("name", "Name")
        .required()
        .help("A DNS name")
        .placeholder("web-01")
        .check(|v, _| if v.contains(' ') { Err("must not contain blanks".into()) } else { Ok(()) })
        .number("cores", "Cores", 1..=512)
        .initial("2")
        .select("ostype", "OS", [("l26", "Linux 6.x"), ("win11", "Windows 11")])
        .initial("l26")
        .toggle("tpm", "TPM")
        .when(|v| v.get("ostype") == "win11")
        .secret("password", "Password")
        .text("cpuunits", "CPU units")
        .advanced()
        .group("disk", "Disk", 1..=3, disk)
}

fn press(form: &mut Form, keys: &str) -> FormEvent {
    keys.split(' ').map(|k| form.key(k.parse::<Key>().unwrap().event())).last().unwrap()
}

fn draw(form: &mut Form, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let look = Look::new(Depth::Mono, GlyphSet::Ascii);
    terminal.draw(|f| form.draw(f, f.area(), &look, 0, true)).unwrap();
    svg::plain(terminal.backend().buffer())
}

fn storages() -> Choices {
    vec![Choice::new("local-lvm").detail("120 GiB free"), Choice::new("nfs").detail("3.2 TiB free")].into()
}

#[test]
fn looks() {
    let mut form = form();
    insta::assert_snapshot!(draw(&mut form, 60, 16), @"
    >Name*      web-01
     Cores      2
     OS         Linux 6.x  v
     Password
    -- Disk 1 ----------------------------------------
     Bus        scsi     v
     Storage*            v | loading
     Size       32           GiB
     IO thread  [ ] no
    [ + Add disk ]  F3
    > Advanced  F2 shows 1 more



    A DNS name
    ");
    form.set_choices("storage", storages());
    assert!(!form.validate());
    insta::assert_snapshot!(draw(&mut form, 60, 16), @"
    >Name*      web-01
                x is required
     Cores      2
     OS         Linux 6.x  v
     Password
    -- Disk 1 ----------------------------------------
     Bus        scsi     v
     Storage*             v
                x is required
     Size       32           GiB
     IO thread  [ ] no
    [ + Add disk ]  F3
    > Advanced  F2 shows 1 more

    A DNS name
    ");
    // Small: scrolled to the focus.
    form.focus("disk0.storage");
    insta::assert_snapshot!(draw(&mut form, 40, 6), @"
     Password                              |
    -- Disk 1 -----------------------------|
     Bus        scsi     v                 #
    >Storage*             v                |
                x is required              |
    ");
}

#[test]
fn typing_moving_and_values() {
    let mut form = form();
    assert_eq!(form.focused(), "name");
    assert_eq!(press(&mut form, "w e b"), FormEvent::Changed("name".into()));
    assert_eq!(press(&mut form, "Tab"), FormEvent::Used);
    assert_eq!(form.focused(), "cores");
    press(&mut form, "Backspace 4 Enter");
    assert_eq!(form.focused(), "ostype");
    assert_eq!(press(&mut form, "Right"), FormEvent::Changed("ostype".into()));
    press(&mut form, "Down");
    assert_eq!(form.focused(), "tpm");
    press(&mut form, "Space Tab s 3 c");
    press(&mut form, "shift-tab");
    assert_eq!(form.focused(), "tpm");
    let changed: Vec<(String, String)> = form.changed().into_pairs();
    let changed: Vec<(&str, &str)> = changed.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        changed,
        [
            ("name", "web"),
            ("cores", "4"),
            ("ostype", "win11"),
            ("tpm", "1"),
            ("disk0.bus", "scsi"),
            ("disk0.size", "32"),
            ("disk0.iothread", "0"),
        ]
    );
    // A field that isn't there has no value.
    press(&mut form, "Up Left");
    assert!(!form.values().contains("tpm"));
    // Secrets are only where they are asked for.
    assert!(!form.values().contains("password"));
    assert_eq!(form.secret_of("password").unwrap().expose_secret(), "s3c");
    assert_eq!(form.secret_keys(), ["password"]);
    assert!(form.is_dirty());
    assert_eq!(press(&mut form, "ctrl-s"), FormEvent::Submit);
    assert_eq!(press(&mut form, "Esc"), FormEvent::Ignored);
}

#[test]
fn popups_filter_while_typing() {
    let mut form = form();
    form.focus("disk0.storage");
    press(&mut form, "Enter");
    insta::assert_snapshot!(draw(&mut form, 60, 16), @"
     Name*      web-01
     Cores      2
     OS         Linux 6.x  v
     Password
    -- Disk 1 ----------------------------------------
     Bus        scsi     v
    >Storage*            v | loading
     Size       + Storage -----------------------------+
     IO thread  |/                                     |
    [ + Add disk|| loading                             |
    > Advanced  +--------------------------------------+
    ");
    form.set_choices("storage", storages());
    press(&mut form, "t i b");
    insta::assert_snapshot!(draw(&mut form, 60, 16), @"
     Name*      web-01
     Cores      2
     OS         Linux 6.x  v
     Password
    -- Disk 1 ----------------------------------------
     Bus        scsi     v
    >Storage*             v
     Size       + Storage -----------------------------+
     IO thread  |/tib                                  |
    [ + Add disk|  nfs        3.2 TiB free             |
    > Advanced  +--------------------------------------+
    ");
    assert_eq!(press(&mut form, "Enter"), FormEvent::Changed("disk0.storage".into()));
    assert!(!form.is_choosing());
    assert_eq!(form.values().get("disk0.storage"), "nfs");
    assert_eq!(press(&mut form, "l o Enter"), FormEvent::Changed("disk0.storage".into()));
    assert_eq!(form.values().get("disk0.storage"), "local-lvm");
    press(&mut form, "x x");
    assert_eq!(press(&mut form, "Esc"), FormEvent::Used);
    assert_eq!(form.values().get("disk0.storage"), "local-lvm");
    // What can't be listed can be typed.
    form.set_choices("storage", Choices::Failed("403: permission denied".into()));
    press(&mut form, "o w n");
    assert!(draw(&mut form, 60, 20).contains("Enter takes \"own\""));
    press(&mut form, "Esc");
    assert_eq!(press(&mut form, "o w n Enter"), FormEvent::Changed("disk0.storage".into()));
    assert_eq!(form.values().get("disk0.storage"), "own");
}

/// A form of three lines somewhere in a screen: its list has the room of the whole screen.
fn draw_small(form: &mut Form, top: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(40, height)).unwrap();
    let look = Look::new(Depth::Mono, GlyphSet::Ascii);
    let draw = |f: &mut ratatui::Frame| {
        f.buffer_mut().set_string(0, top + 3, "Ctrl-s go on", look.style(crate::ui::Role::Muted));
        form.draw_fields(f, Rect::new(2, top, 30, 3), &look, 0, true);
        form.draw_choices(f, f.area(), &look, 0);
    };
    terminal.draw(draw).unwrap();
    svg::plain(terminal.backend().buffer())
}

#[test]
fn a_list_uses_the_room_around_a_small_form_but_never_covers_its_field() {
    let mut form = Form::new().text("name", "Name").select("tag", "Tag", ["13-slim", "13", "12", "latest"]).required();
    form.focus("tag");
    press(&mut form, "Enter");
    insta::assert_snapshot!(draw_small(&mut form, 1, 10), @"

       Name
      >Tag*           v
             + Tag -----------------+
    Ctrl-s go|/                     |
             |  13-slim             |
             |  13                  |
             |  12                  |
             |  latest              |
             +----------------------+
    ");
    insta::assert_snapshot!(draw_small(&mut form, 6, 10), @"
             + Tag -----------------+
             |/                     |
             |  13-slim             |
             |  13                  |
             |  12                  |
             |  latest              |
       Name  +----------------------+
      >Tag*           v

    Ctrl-s go on
    ");
    // Hardly any room: the frame goes first.
    insta::assert_snapshot!(draw_small(&mut form, 2, 7), @"


       Name
      >Tag*           v
             /
    Ctrl-s go  13-slim              #
               13                   |
    ");
}

#[test]
fn a_free_field_says_that_enter_takes_what_is_typed() {
    let times = ["mon..fri 22:30", "sat 02:00"];
    let mut form = Form::new().select("schedule", "Schedule", times).free().text("comment", "Comment");
    press(&mut form, "2 1");
    insta::assert_snapshot!(draw(&mut form, 40, 7), @r#"
    >Schedule                 v
     Comment   + Schedule -----------------+
               |/21                        |
               |  Enter takes "21"         |
               +---------------------------+
    "#);
    assert_eq!(press(&mut form, "Enter"), FormEvent::Changed("schedule".into()));
    assert_eq!(form.values().get("schedule"), "21");
    // Where some choice matches it is the one that Enter takes; what is typed stands below.
    press(&mut form, "2 2 : 3 0");
    insta::assert_snapshot!(draw(&mut form, 40, 7), @r#"
    >Schedule  21             v
     Comment   + Schedule -----------------+
               |/22:30                     |
               |  mon..fri 22:30           |
               |  as typed: "22:30"        |
               +---------------------------+
    "#);
    press(&mut form, "Down Enter");
    assert_eq!(form.values().get("schedule"), "22:30");
}

#[test]
fn several_choices() {
    let mut form = Form::new().multi("content", "Content", ["iso", "backup", "images"]).initial("backup");
    press(&mut form, "Enter End");
    assert_eq!(press(&mut form, "Space"), FormEvent::Changed("content".into()));
    assert_eq!(form.values().get("content"), "iso,backup");
    press(&mut form, "Down Space Enter");
    assert_eq!(form.values().get("content"), "iso");
    insta::assert_snapshot!({ press(&mut form, "Enter"); draw(&mut form, 40, 8) }, @"
    >Content  iso      v
              + Content -------------------+
              |/                           |
              |[x] iso                     |
              |[ ] backup                  |
              |[ ] images                  |
              +----------------------------+
    ");
}

#[test]
fn groups_grow_and_shrink() {
    let mut form = form();
    form.set_choices("storage", storages());
    form.focus("disk0.size");
    assert_eq!(press(&mut form, "F3"), FormEvent::Changed("disk".into()));
    assert_eq!(form.focused(), "disk1.bus");
    assert_eq!(form.group_values("disk")[1].get("bus"), "virtio");
    // Choices that came earlier are there for new items, too.
    press(&mut form, "Tab Right");
    assert_eq!(form.values().get("disk1.storage"), "local-lvm");
    // Conditions look at the item's own fields.
    form.set("disk1.bus", "ide");
    assert!(form.values().contains("disk0.iothread") && !form.values().contains("disk1.iothread"));
    form.focus("disk0.bus");
    assert_eq!(press(&mut form, "F4"), FormEvent::Changed("disk".into()));
    assert_eq!(form.group_values("disk").len(), 1);
    assert_eq!((form.values().get("disk0.bus"), form.focused().as_str()), ("ide", "disk0.bus"));
    // The first one can't be removed; three are the most.
    press(&mut form, "F4 F3 F3 F3 F3");
    assert_eq!(form.group_values("disk").len(), 3);
}

#[test]
fn checks() {
    let mut form = form();
    for (key, value, error) in [
        ("name", "", Some("is required")),
        ("name", "a b", Some("must not contain blanks")),
        ("name", "web", None),
        ("cores", "0", Some("must be from 1 to 512")),
        ("cores", "many", Some("must be a whole number")),
        ("cores", "", None),
    ] {
        assert!(form.set(key, value));
        let valid = form.is_valid();
        form.validate();
        assert_eq!(form.errors().get(key).map(String::as_str), error, "{key}={value:?}");
        assert!(!valid); // the storage is still missing
    }
    assert_eq!(form.focused(), "disk0.storage");
    form.set("disk0.storage", "nfs");
    assert!(form.is_valid() && form.validate());
    // A field left wrong says so at once, an empty one doesn't.
    form.focus("cores");
    press(&mut form, "x Tab");
    assert_eq!(form.errors()["cores"], "must be a whole number");
    form.set("name", "");
    form.focus("name");
    press(&mut form, "Tab");
    assert!(!form.errors().contains_key("name"));
}

#[test]
fn server_errors_find_their_fields() {
    let mut form = form();
    let errors =
        [("disk0", "storage 'x' does not exist"), ("cpuunits", "too small"), ("bogus", "what?"), ("cores", "too many")];
    let unknown = form.set_errors(errors.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), [("bogus".to_owned(), "what?".to_owned())]);
    assert_eq!(form.focused(), "cores");
    assert_eq!(form.errors()["disk0.bus"], "storage 'x' does not exist");
    // A wrong field isn't folded away.
    assert!(draw(&mut form, 60, 20).contains("too small"));
    press(&mut form, "1");
    assert!(!form.errors().contains_key("cores"));
}

#[test]
fn advanced_fields_fold() {
    let mut form = form();
    assert!(form.has_advanced() && !draw(&mut form, 60, 20).contains("CPU units"));
    press(&mut form, "F2");
    assert!(draw(&mut form, 60, 20).contains("CPU units"));
    form.focus("cpuunits");
    press(&mut form, "F2");
    assert_eq!(form.focused(), "name");
    form.focus("cpuunits");
    assert!(form.shows_advanced());
}

#[test]
fn the_only_choice_of_a_required_select_is_taken() {
    let mut form =
        Form::new().select("node", "Node", Choices::Loading).required().select("iso", "ISO", Choices::Loading);
    form.set_choices("node", ["pve1"]);
    form.set_choices("iso", ["a.iso"]);
    assert_eq!(form.values().get("node"), "pve1");
    assert_eq!(form.values().get("iso"), "");
    assert!(!form.is_dirty());
}

#[test]
fn the_mouse_focuses_flips_and_chooses() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = |form: &mut Form, x, y| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        let event = form.mouse(MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE });
        draw(form, 60, 20);
        event
    };
    let mut form = form();
    let line = |form: &mut Form, text: &str| draw(form, 60, 20).lines().position(|l| l.contains(text)).unwrap() as u16;
    let y = line(&mut form, "Password");
    click(&mut form, 2, y);
    assert_eq!(form.focused(), "password");
    let y = line(&mut form, "IO thread");
    assert_eq!(click(&mut form, 14, y), FormEvent::Changed("disk0.iothread".into()));
    let y = line(&mut form, "Linux");
    click(&mut form, 14, y);
    assert!(form.is_choosing());
    let y = line(&mut form, "Windows");
    assert_eq!(click(&mut form, 18, y), FormEvent::Changed("ostype".into()));
    assert_eq!(form.values().get("ostype"), "win11");
    let y = line(&mut form, "Add disk");
    click(&mut form, 3, y);
    assert_eq!(form.group_values("disk").len(), 2);
    let y = line(&mut form, "Advanced");
    click(&mut form, 3, y);
    assert!(form.shows_advanced());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn nothing_panics_and_the_focus_stays_on_a_stop(
        keys in prop::collection::vec(0usize..18, 0..60), width in 1u16..100, height in 1u16..30,
    ) {
        let mut form = form();
        form.set_choices("storage", storages());
        for key in keys {
            press(&mut form, ["Tab", "shift-tab", "Down", "Up", "Enter", "Space", "Left", "Right", "x", "1", "F2", "F3", "F4", "Esc", "Backspace", "PgDn", "ctrl-u", "Home"][key]);
            draw(&mut form, width, height);
            prop_assert!(form.stops().contains(&form.focus), "{:?}", form.focus);
        }
    }
}

#[test]
fn secrets_are_repeated_and_long_enough() {
    let form = Form::new().secret("password", "Password").at_least(5);
    let mut form = form.secret("again", "Again").repeats("password");
    assert!(form.validate(), "both may be empty");
    form.set("password", "abcd");
    assert!(!form.validate());
    assert_eq!(form.errors()["password"], "must have at least 5 characters");
    assert_eq!(form.errors()["again"], "is not the same as above");
    form.set("password", "abcde");
    form.set("again", "abcde");
    assert!(form.validate());
    form.set("password", "");
    assert!(!form.validate(), "the repetition alone is a mistake");
}
