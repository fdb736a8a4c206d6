//! Pages for people: the start page of the server, and the HTML form of API answers.

use super::call::Answer;
use super::router::bare;
use super::state::Cluster;

/// What the server says outside of `/api2`.
pub fn page(cluster: &Cluster, path: &str) -> Answer {
    match path {
        "/" | "/index.html" => {
            let consent = cluster.options.get("consent-text").map(String::as_str).unwrap_or_default();
            html(&format!(
                "<script>Proxmox = {{ NodeName: '{0}', consentText: '{consent}' }};</script><h1>{0}</h1>\
                 <p>A simulated Proxmox VE cluster.</p>",
                cluster.local
            ))
        }
        "/pve-docs/api-viewer/apidoc.js" => Answer {
            status: 200,
            reason: "OK".into(),
            headers: vec![("content-type".into(), "application/javascript".into())],
            body: cluster.table.apidoc().into_bytes(),
            ..Answer::default()
        },
        _ => bare(501, &format!("no such file '{path}'")),
    }
}

/// A page.
pub fn html(body: &str) -> Answer {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Proxmox VE</title></head><body>{body}</body></html>\n"
    );
    Answer {
        status: 200,
        reason: "OK".into(),
        headers: vec![("content-type".into(), "text/html;charset=UTF-8".into())],
        body: text.into_bytes(),
        ..Answer::default()
    }
}
