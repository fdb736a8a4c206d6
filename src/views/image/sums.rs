//! The field for a checksum: hex digits, or the address of a list such as `SHA256SUMS` in which the file stands.

use crate::{
    api::{http::page, image::Checksum},
    shell::{Ask, Cx, dialog},
    ui::{Values, Wizard},
};

/// What came of looking into a list: its address, and the sum or why there is none.
pub type Found = (String, Result<Checksum, String>);

/// The check of the field: what it holds must have become a sum.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(text: &str, values: &Values) -> Result<(), String> {
    if is_address(text) {
        return Err(match values.get("sum.error") {
            "" if looks_like_list(text) => "reading the list".into(),
            "" => "the address must lead to a list of sums, such as https://…/SHA256SUMS".into(),
            error => error.into(),
        });
    }
    Checksum::parse(text).map(drop).ok_or_else(|| "no sum that the server can compute".into())
}

fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Addresses are asked about once they look whole, not with every letter.
fn looks_like_list(url: &str) -> bool {
    let name = url.rsplit('/').next().unwrap_or_default().to_lowercase();
    let ends = [".sha256", ".sha512", ".sha1", ".md5", ".sha256sum", ".sha512sum", ".asc", ".txt"];
    name.contains("sums") || name.contains("checksum") || ends.iter().any(|end| name.ends_with(end))
}

/// Reads the list that the field names, for one of these file names. The answer belongs to [`found`].
pub fn look_up<A: Ask>(
    wizard: &mut Wizard,
    names: Vec<String>,
    cx: &mut Cx<'_, dialog::Msg<A::Msg>>,
    then: fn(Found) -> A::Msg,
) {
    let url = wizard.values().get("checksum").trim().to_owned();
    for fact in ["sum.from", "sum.error"] {
        wizard.set_fact(fact, "");
    }
    if !is_address(&url) || !looks_like_list(&url) {
        return;
    }
    cx.job(move |_| {
        Box::pin(async move {
            let sum = page::text(&url).await.and_then(|list| pick(&list, &names));
            then((url, sum))
        })
    });
}

/// The sum of the first of these names that stands in a list; a list of one sum alone is about the file.
fn pick(list: &str, names: &[String]) -> Result<Checksum, String> {
    let named = names.iter().find_map(|name| Checksum::in_list(list, name));
    let mut words = list.split_whitespace();
    let alone = || words.next().and_then(Checksum::parse).filter(|_| list.lines().count() <= 1);
    named.or_else(alone).ok_or_else(|| format!("the list does not name {}", names.join(" or ")))
}

/// Puts what was found into the field, if it still asks for it.
pub fn found(wizard: &mut Wizard, (url, sum): Found) {
    if wizard.values().get("checksum").trim() != url {
        return;
    }
    match sum {
        Ok(sum) => {
            let open = if url.starts_with("http://") { ", which anybody on the way could have changed" } else { "" };
            wizard.set("checksum", &sum.sum);
            wizard.set_fact("sum.from", format!("{} from {url}{open}", sum.algorithm));
        }
        Err(why) => wizard.set_fact("sum.error", format!("the list can't be used: {why}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_and_single_sums() {
        let sum = "a".repeat(64);
        let names = ["x.iso".to_owned(), "y.iso".to_owned()];
        assert_eq!(pick(&format!("{sum}  y.iso\n{}  z.iso\n", "b".repeat(64)), &names).unwrap().sum, sum);
        assert_eq!(pick(&format!("{sum}\n"), &names).unwrap().sum, sum);
        assert_eq!(
            pick(&format!("{sum}  z.iso\n{sum}  w.iso"), &names).unwrap_err(),
            "the list does not name x.iso or y.iso"
        );
        assert!(pick("<html>", &names).is_err());
    }

    #[test]
    fn addresses_that_are_asked_about() {
        for whole in ["https://h/SHA256SUMS", "http://h/a/x.iso.sha256", "https://h/Fedora-CHECKSUM"] {
            assert!(is_address(whole) && looks_like_list(whole), "{whole}");
        }
        for part in ["https://", "https://h/SHA256", "https://h/x.iso"] {
            assert!(!looks_like_list(part), "{part}");
        }
    }
}
