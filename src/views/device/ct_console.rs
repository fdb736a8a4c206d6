//! The console of a container: `console`, `tty`, `cmode`. Plain settings.

use super::choices;
use crate::ui::{Form, Values};

/// The settings of this form with the server's defaults.
pub const PLAIN: [(&str, &str); 3] = [("console", "1"), ("tty", "2"), ("cmode", "tty")];

/// Adds the fields.
pub fn fields(form: Form) -> Form {
    form.toggle("console", "/dev/console")
        .initial("1")
        .help("Off: the container has no /dev/console.")
        .advanced()
        .number("tty", "Terminals", 0..=6)
        .initial("2")
        .help("How many /dev/tty devices it has.")
        .advanced()
        .select(
            "cmode",
            "Console opens",
            choices(&[
                ("tty", "a tty (default)"),
                ("console", "/dev/console"),
                ("shell", "a root shell without login"),
            ]),
        )
        .initial("tty")
        .advanced()
}

/// The settings that differ from the server's defaults.
pub fn settings(values: &Values) -> Vec<(&'static str, String)> {
    let differs = |(key, default): &(&'static str, &str)| {
        let value = values.get(key);
        !value.is_empty() && value != *default
    };
    PLAIN.iter().filter(|setting| differs(setting)).map(|(key, _)| (*key, values.get(key).to_owned())).collect()
}
