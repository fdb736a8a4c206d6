#![allow(clippy::unwrap_used)]
use super::*;

fn known() -> Known {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    Known {
        views: words("dashboard vms lxc tasks"),
        commands: words("guest.start guest.shutdown app.quit"),
        roles: words("danger running text"),
        key: |key| if key.len() < 9 { Ok(()) } else { Err(format!("{key:?} is not a key")) },
        style: |toml| if toml.contains("nocolour") { Err("no colour".into()) } else { Ok(()) },
    }
}

fn good(text: &str) -> Config {
    let (config, mistakes) = read(text, &known());
    assert_eq!(mistakes, [], "{text}");
    config
}

#[test]
fn a_whole_file() {
    let config = good(
        r##"version = 1
default_profile = "home"

[defaults]
refresh = 10
view = "VMs"
mouse = false

[profiles.home]
host = ["pve1", "pve2:8007"]   # two nodes
user = "root@pam"
secret = { command = ["pass", "show", "pve home"], timeout = 5 }
frame = "light red"
read_only = true

[profiles.work]
host = "pve.work.example"
token = "ci@pve!console"
secret = { file = "~/.config/proxmux/work.secret" }
frame = 42

[keys]
"guest.start" = ["f5", "s"]
"app.quit" = ""

[theme]
danger = "red"
running = { fg = "#00ff00", bold = true }
"##,
    );
    assert_eq!((config.version, config.default_profile), (1, Some(("home".into(), 2))));
    assert_eq!(config.defaults["refresh"], Given { value: Value::Whole(10), line: 5 });
    let home = &config.profiles["home"];
    assert_eq!((home.line, home.hosts()), (9, vec!["pve1".to_owned(), "pve2:8007".into()]));
    let command = ["pass", "show", "pve home"].map(str::to_owned).to_vec();
    let secret = SecretSource::Command { argv: command, timeout: Duration::from_secs(5) };
    assert_eq!(home.settings["secret"].value, Value::Secret(secret));
    assert_eq!(config.profiles["work"].login().as_deref(), Some("ci@pve!console"));
    assert_eq!(config.profiles["work"].text("frame"), Some("42"));
    assert_eq!(
        config.keys.iter().map(|b| (b.command.as_str(), b.keys.len(), b.line)).collect::<Vec<_>>(),
        [("app.quit", 0, 24), ("guest.start", 2, 23)]
    );
    assert_eq!(config.theme, "danger = \"red\"\nrunning = { fg = \"#00ff00\", bold = true }\n");
    assert_eq!(good(""), Config::default());
}

#[test]
fn every_mistake_has_a_place_and_a_way_out() {
    let p = "[profiles.a]\n";
    for (text, place, want) in [
        ("versoin = 1", (1, 1), "no \"versoin\" at the top of the file; did you mean \"version\"?"),
        ("host = \"a\"", (1, 1), "it belongs into a profile: [profiles.NAME]"),
        ("refresh = 3", (1, 1), "it belongs into [defaults] or a profile"),
        ("version = \"x\"", (1, 11), "version must be a number"),
        ("version = 9", (1, 11), "written by a newer proxmux"),
        ("version = 1\nversion = 1", (2, 1), "not valid TOML: duplicate key"),
        ("[defaults\nrefresh = 3", (1, 10), "not valid TOML"),
        ("defaults = 3", (1, 12), "defaults must be a table: write it like [defaults]"),
        ("[defaults]\nrefresh = \"5\"", (2, 11), "refresh: it must be a whole number from 1 to 3600"),
        ("[defaults]\nrefresh = 0", (2, 11), "from 1 to 3600"),
        ("[defaults]\nrefresh = -3", (2, 11), "from 1 to 3600"),
        ("[defaults]\nrefresh = 2.5", (2, 11), "from 1 to 3600"),
        ("[defaults]\n  mouse = \"no\"", (2, 11), "mouse: it must be true or false"),
        ("[defaults]\ncolor = \"265\"", (2, 9), "did you mean \"256\"?"),
        ("[defaults]\nview = \"vm\"", (2, 8), "there is no view \"vm\"; did you mean \"vms\"?"),
        ("[defaults]\nuser = \"x\"", (2, 1), "\"user\" belongs into a profile"),
        ("[defaults]\nrefesh = 5", (2, 1), "did you mean \"refresh\"?"),
        ("default_profile = \"hme\"\n[profiles.home]", (1, 19), "no profile \"hme\"; did you mean \"home\"?"),
        ("default_profile = 3", (1, 19), "must be the name of a profile"),
        ("[profiles.\"a b\"]", (1, 11), "letters, digits"),
        (&format!("{p}hots = \"x\""), (2, 1), "[profiles.a] has no setting \"hots\"; did you mean \"host\"?"),
        (&format!("{p}hosts = [\"x\"]"), (2, 1), "write host = ["),
        (&format!("{p}host = 3"), (2, 8), "an address like"),
        (&format!("{p}host = []"), (2, 8), "name at least one server"),
        (&format!("{p}host = [\"a\", \"http://b\"]"), (2, 8), "only https"),
        (&format!("{p}port = 70000"), (2, 8), "from 1 to 65535"),
        (&format!("{p}user = \"a b@pam\""), (2, 8), "no user id has"),
        (&format!("{p}user = \"@pam\""), (2, 8), "a user like \"root@pam\""),
        (&format!("{p}token = \"ci\""), (1, 11), "the token has no user"),
        (&format!("{p}token = \"root@pam!ci=1234\""), (2, 9), "its secret comes from `secret`"),
        (&format!("{p}user = \"bob@pve\"\ntoken = \"root@pam!ci\""), (1, 11), "the token is another's"),
        (&format!("{p}auth = \"token\""), (1, 11), "needs a token"),
        (&format!("{p}auth = \"pasword\""), (2, 8), "did you mean \"password\"?"),
        (&format!("{p}fingerprint = \"AB:CD\""), (2, 15), "SHA-256 in hexadecimal"),
        (&format!("{p}frame = \"redd\""), (2, 9), "a colour like"),
        (&format!("{p}color = \"mono\""), (2, 1), "\"color\" belongs into [defaults]"),
        (&format!("{p}insecure = true"), (2, 1), "only be switched off by the option --insecure"),
        (&format!("{p}secret = \"hunter2\""), (2, 10), "the secret itself does not belong here"),
        (&format!("{p}secret = {{ fiel = \"x\" }}"), (2, 12), "did you mean \"file\"?"),
        (&format!("{p}secret = {{ command = \"pass show x\" }}"), (2, 22), "no shell reads it"),
        (&format!("{p}secret = {{ env = \"A\", file = \"b\" }}"), (2, 10), "exactly one of"),
        (&format!("{p}secret = {{ command = [\"x\"], timeout = 0 }}"), (2, 39), "from 1 to 600"),
        ("[keys]\n\"guest.strat\" = \"s\"", (2, 1), "did you mean \"guest.start\"?"),
        ("[keys]\nguest.start = \"s\"", (2, 1), "put the command into quotes"),
        ("[keys]\n\"guest.start\" = 5", (2, 17), "keys are texts"),
        ("[keys]\n\"guest.start\" = [\"s\", \"hyperspace\"]", (2, 23), "is not a key"),
        ("[theme]\ndagner = \"red\"", (2, 1), "did you mean \"danger\"?"),
        ("[theme]\ndanger = \"nocolour\"", (2, 10), "no colour"),
    ] {
        let (_, mistakes) = read(text, &known());
        let said: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
        assert_eq!(said.len(), 1, "{text}: {said:#?}");
        assert!(said[0].contains(want), "{text}: {said:#?}");
        assert_eq!((mistakes[0].line, mistakes[0].column), place, "{text}: {said:?}");
    }
}

#[test]
fn secrets_at_the_wrong_place_are_not_repeated() {
    for text in [
        "[profiles.a]\npassword = \"hunter2\"",
        "[profiles.a]\nsecret = \"hunter2\"",
        "[profiles.a]\ntoken = \"root@pam!ci=hunter2\"",
        "[profiles.a]\ntoken_secret = \"hunter2",
        "[profiles.a]\nhost = \"https://root:hunter2@pve1\"",
        "[profiles.a]\nsecret = { command = \"echo hunter2\" }",
    ] {
        let (config, mistakes) = read(text, &known());
        assert!(!mistakes.is_empty() && !format!("{mistakes:?}{config:?}").contains("hunter2"), "{mistakes:?}");
    }
}

#[test]
fn several_mistakes_at_once_in_the_order_of_the_file() {
    let (config, mistakes) = read(
        "[profiles.b]\nhots = 1\n[defaults]\nrefresh = 0\nview = \"vms\"\n[profiles.a]\nuser = 3\nhost = \"x\"",
        &known(),
    );
    assert_eq!(mistakes.iter().map(|m| m.line).collect::<Vec<_>>(), [2, 4, 7]);
    assert_eq!((config.profiles["a"].hosts(), config.defaults.len()), (vec!["x".to_owned()], 1));
}
