//! Name servers and search domains: `nameserver`, `searchdomain`. Plain settings of containers and of cloud-init.

use super::{address, check};
use crate::ui::{Form, Values};

/// The settings of this form.
pub const PLAIN: [&str; 2] = ["searchdomain", "nameserver"];

/// Search domains between blanks or commas.
fn check_domains(text: &str, values: &Values) -> Result<(), String> {
    address::words(text)
        .try_for_each(|word| check::name(word.trim_end_matches('.'), values).map_err(|why| format!("{word}: {why}")))
}

/// Adds the fields.
pub fn fields(form: Form) -> Form {
    form.text("searchdomain", "Search domains")
        .placeholder("those of the node")
        .help("Separated by blanks.")
        .check(check_domains)
        .text("nameserver", "DNS servers")
        .placeholder("those of the node")
        .help("IP addresses, separated by blanks.")
        .check(address::list)
}

/// The settings that are filled, as the server wants them: words between blanks.
pub fn settings(values: &Values) -> Vec<(&'static str, String)> {
    let joined = |key: &str| address::words(values.get(key)).collect::<Vec<_>>().join(" ");
    PLAIN.iter().map(|key| (*key, joined(key))).filter(|(_, value)| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_are_read_and_sent() {
        let values = Values::from_iter([("searchdomain", "example.org,lan"), ("nameserver", "10.0.0.1; 10.0.0.2")]);
        assert_eq!(
            settings(&values),
            [("searchdomain", "example.org lan".to_owned()), ("nameserver", "10.0.0.1 10.0.0.2".to_owned())]
        );
        assert!(check_domains("example.org lan.", &values).is_ok());
        assert!(check_domains("lan bad_name", &values).unwrap_err().starts_with("bad_name: "));
    }
}
