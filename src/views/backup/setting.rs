//! What the fields of [`field`](super::field) mean: settings of the API, and back.

use super::field::{KEEP, has_fleecing};
use crate::{
    api::{guest::param, property::Properties, request::Param},
    ui::Values,
};

/// Settings that these fields can make; others are left alone when a job is edited.
pub const MANAGED: [&str; 21] = [
    "storage",
    "mode",
    "compress",
    "notes-template",
    "protected",
    "prune-backups",
    "remove",
    "bwlimit",
    "zstd",
    "pigz",
    "ionice",
    "lockwait",
    "stopwait",
    "fleecing",
    "performance",
    "pbs-change-detection-mode",
    "notification-mode",
    "mailto",
    "mailnotification",
    "exclude-path",
    "stdexcludes",
];

/// `keep-last=3,keep-weekly=2` of the fields.
pub fn rules(values: &Values) -> String {
    let given = KEEP.iter().filter_map(|(key, word, _)| {
        let n: u32 = values.get(key).parse().ok().filter(|n| *n > 0)?;
        Some(format!("{word}={n}"))
    });
    given.collect::<Vec<_>>().join(",")
}

/// The settings that the fields stand for, defaults left out.
pub fn settings(values: &Values) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vec![];
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            all.push((key.to_owned(), value.to_owned()));
        }
    };
    for key in ["storage", "mode", "compress", "notes-template"] {
        add(key, values.get(key));
    }
    add("protected", if values.is_on("protected") { "1" } else { "" });
    match values.get("retention") {
        "none" => add("remove", "0"),
        "all" => add("prune-backups", "keep-all=1"),
        "rules" => add("prune-backups", &rules(values)),
        _ => {}
    }
    for key in ["bwlimit", "zstd", "pigz", "ionice", "lockwait", "stopwait"] {
        add(key, values.get(key));
    }
    if has_fleecing(values) {
        add("fleecing", &format!("enabled=1,storage={}", values.get("fleecing.storage")));
    }
    let performance = ["max-workers", "pbs-entries-max"].iter().filter_map(|key| {
        let value = values.get(&format!("performance.{key}"));
        (!value.is_empty()).then(|| format!("{key}={value}"))
    });
    add("performance", &performance.collect::<Vec<_>>().join(","));
    for key in ["pbs-change-detection-mode", "notification-mode", "mailto", "mailnotification"] {
        add(key, values.get(key));
    }
    add("exclude-path", &values.get("exclude-path").split(',').map(str::trim).collect::<Vec<_>>().join(","));
    add("stdexcludes", if values.get("stdexcludes") == "0" { "0" } else { "" });
    all
}

/// Settings as parameters; patterns of files are sent one by one.
pub fn params(settings: &[(String, String)]) -> Vec<Param> {
    let mut params = vec![];
    for (key, value) in settings {
        match key.as_str() {
            "exclude-path" => params.extend(value.split(',').map(|path| param(key, path))),
            _ => params.push(param(key, value)),
        }
    }
    params
}

/// The values of the fields for settings that exist.
pub fn values_of(get: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut all = vec![];
    let mut put = |key: &str, value: String| all.push((key.to_owned(), value));
    for key in MANAGED.iter().filter(|k| !["prune-backups", "remove", "fleecing", "performance"].contains(k)) {
        let absent = match *key {
            "mode" => "snapshot",
            "compress" | "protected" => "0",
            "stdexcludes" => "1",
            _ => "",
        };
        let value = get(key).unwrap_or_else(|| absent.into());
        put(key, if *key == "compress" && value == "1" { "lzo".into() } else { value });
    }
    let rules = get("prune-backups").unwrap_or_default();
    let parsed = Properties::parse(&rules);
    let retention = match (get("remove").as_deref(), rules.as_str()) {
        (Some("0"), _) => "none",
        (_, "") => "storage",
        _ if parsed.get("keep-all") == Some("1") => "all",
        _ => "rules",
    };
    put("retention", retention.into());
    for (key, word, _) in KEEP {
        put(key, parsed.get(word).unwrap_or_default().into());
    }
    let fleecing = Properties::parse(&get("fleecing").unwrap_or_default());
    put("fleecing.enabled", if fleecing.default_key("enabled") == Some("1") { "1" } else { "0" }.into());
    put("fleecing.storage", fleecing.get("storage").unwrap_or_default().into());
    let performance = Properties::parse(&get("performance").unwrap_or_default());
    for key in ["max-workers", "pbs-entries-max"] {
        put(&format!("performance.{key}"), performance.get(key).unwrap_or_default().into());
    }
    all
}

/// The field that answers for a parameter.
pub fn field_of(parameter: &str) -> String {
    match parameter {
        "prune-backups" | "remove" => "retention",
        "fleecing" => "fleecing.enabled",
        "performance" => "performance.max-workers",
        other => other,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ui::Form,
        views::backup::field::{advanced, general, retention},
    };

    fn form() -> Form {
        advanced(retention(general(Form::new()), "storage"))
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        let mut form = form();
        for (key, value) in pairs {
            assert!(form.set(key, value), "{key}");
        }
        form.values()
    }

    fn text(settings: &[(String, String)]) -> String {
        settings.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn fields_make_settings_and_settings_make_fields() {
        let cases: &[&[(&str, &str)]] = &[
            &[("storage", "nas")],
            &[("storage", "nas"), ("retention", "none"), ("protected", "1"), ("compress", "0")],
            &[("storage", "nas"), ("retention", "rules"), ("keep-last", "3"), ("keep-weekly", "2")],
            &[("storage", "nas"), ("fleecing.enabled", "1"), ("fleecing.storage", "ssd"), ("bwlimit", "100")],
            &[("storage", "nas"), ("notification-mode", "legacy-sendmail"), ("mailto", "a@b.c"), ("mode", "stop")],
            &[
                ("storage", "nas"),
                ("performance.max-workers", "4"),
                ("exclude-path", "/tmp/*, /x"),
                ("stdexcludes", "0"),
            ],
            &[
                ("storage", "nas"),
                ("retention", "all"),
                ("ionice", "8"),
                ("stopwait", "1"),
                ("lockwait", "2"),
                ("zstd", "0"),
            ],
        ];
        for case in cases {
            let made = settings(&values(case));
            let get = |key: &str| made.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
            let mut again = form();
            for (key, value) in values_of(get) {
                assert!(again.set(&key, &value), "{key}");
            }
            assert_eq!(text(&settings(&again.values())), text(&made));
        }
        assert_eq!(
            text(&settings(&values(cases[2]))),
            "storage=nas mode=snapshot compress=zstd notes-template={{guestname}} prune-backups=keep-last=3,keep-weekly=2"
        );
    }
}
