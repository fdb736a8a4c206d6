//! A small text of some web server: a list of checksums.

use std::time::Duration;

use super::tls::{self, Trust};

/// How long it may take in all.
const LIMIT: Duration = Duration::from_secs(20);
/// A list of sums is small.
const MOST: usize = 4 << 20;

/// Fetches a text over HTTP or HTTPS (with certificates that this machine trusts), through the proxy of the environment
/// if there is one.
///
/// # Errors
/// Why it can't be had, in words.
pub async fn text(url: &str) -> Result<String, String> {
    let config = tls::config(&Trust::System).map_err(|e| e.to_string())?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .timeout(LIMIT)
        .user_agent(concat!("proxmux/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| e.to_string())?;
    let last = |e: reqwest::Error| tls::chain(&e).last().map_or_else(|| e.to_string(), ToString::to_string);
    let mut answer = client.get(url).send().await.map_err(last)?;
    if !answer.status().is_success() {
        return Err(format!("the web server says {}", answer.status()));
    }
    let mut body = vec![];
    while let Some(piece) = answer.chunk().await.map_err(last)? {
        if body.len() + piece.len() > MOST {
            return Err("it is too large for a list of sums".into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}
