//! Whether there is a newer proxmux. Nobody is asked unless the user says whom: nothing is reached out to by itself, and
//! nothing is installed; that is the package manager's work.

use std::cmp::Ordering;

use crate::api::http::page;

/// This program's version.
pub const OWN: &str = env!("CARGO_PKG_VERSION");

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is nothing newer.
    Newest,
    /// This version is there.
    Newer(String),
}

/// Asks a page for the newest version: JSON with `tag_name` or `version` (a list of releases, newest first, too), or a
/// text whose first line is the version.
///
/// # Errors
/// Why it can't be told, in words.
pub async fn ask(url: &str) -> Result<Found, String> {
    let text = page::text(url).await.map_err(|why| format!("{url}: {why}"))?;
    let newest = version(&text).ok_or_else(|| format!("{url}: there is no version on this page"))?;
    Ok(judge(&newest, OWN))
}

fn judge(newest: &str, own: &str) -> Found {
    match order(newest, own) {
        Some(Ordering::Greater) => Found::Newer(newest.to_owned()),
        _ => Found::Newest,
    }
}

/// The version that a page names, without a leading `v`.
fn version(page: &str) -> Option<String> {
    let named = match serde_json::from_str::<serde_json::Value>(page) {
        Ok(json) => {
            let first = json.as_array().and_then(|list| list.first()).unwrap_or(&json);
            let name = ["tag_name", "version"].into_iter().find_map(|key| first.get(key)?.as_str());
            name?.to_owned()
        }
        Err(_) => page.lines().next()?.trim().to_owned(),
    };
    let bare = named.trim().trim_start_matches(['v', 'V']).to_owned();
    let plain = bare.len() <= 40 && bare.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
    (plain && numbers(&bare).is_some()).then_some(bare)
}

/// `1.2.3-beta.1`: its numbers, and what stands behind the hyphen.
fn numbers(version: &str) -> Option<(Vec<u64>, &str)> {
    let version = version.split('+').next()?;
    let (bare, rest) = version.split_once('-').unwrap_or((version, ""));
    Some((bare.split('.').map(str::parse).collect::<Result<_, _>>().ok()?, rest))
}

/// A version that is still being made comes before the finished one.
fn order(a: &str, b: &str) -> Option<Ordering> {
    let ((a, a_rest), (b, b_rest)) = (numbers(a)?, numbers(b)?);
    let rest = match (a_rest.is_empty(), b_rest.is_empty()) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => a_rest.cmp(b_rest),
    };
    Some(a.cmp(&b).then(rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pages_and_versions() {
        for (page, want) in [
            (r#"{"tag_name": "v1.10.0", "name": "x"}"#, Some("1.10.0")),
            (r#"[{"tag_name": "v0.2.0"}, {"tag_name": "v0.1.0"}]"#, Some("0.2.0")),
            (r#"{"version": "0.3.0-rc.1"}"#, Some("0.3.0-rc.1")),
            ("1.2.3\nnotes\n", Some("1.2.3")),
            ("<html>", None),
            ("{}", None),
            ("", None),
            ("1.2.3 \u{1b}[31mred", None),
        ] {
            assert_eq!(version(page).as_deref(), want, "{page}");
        }
        for (newest, own, newer) in [
            ("0.2.0", "0.1.0", true),
            ("0.1.0", "0.1.0", false),
            ("0.1.0", "0.2.0", false),
            ("0.10.0", "0.9.9", true),
            ("1.0.0", "1.0.0-rc.1", true),
            ("1.0.0-rc.1", "1.0.0", false),
        ] {
            assert_eq!(judge(newest, own) != Found::Newest, newer, "{newest} {own}");
        }
    }
}
