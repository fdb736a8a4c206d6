//! Downloads onto storages: `download-url`, `query-url-metadata`, appliance templates. Sizes and sums come from the
//! scenario's table of sources, or are made up from the address; only what loopback serves is really [fetched](super::fetch).
//! A file that is made up has no bytes: its sums are those of its address, so that a wrong one is found out nevertheless.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::{digest, number_of};
use super::multipart::Sum;
use super::permission::refused;
use super::router::Route;
use super::state::{Cluster, Volume};
use super::task::Script;
use super::volume::{clean_name, file_format, good_ending};

/// Downloads.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/query-url-metadata", metadata),
    Route("POST", "/nodes/{node}/storage/{storage}/download-url", download),
    Route("GET", "/nodes/{node}/aplinfo", appliances),
    Route("POST", "/nodes/{node}/aplinfo", appliance),
    Route("GET", "/nodes/{node}/query-oci-repo-tags", oci_tags),
    Route("POST", "/nodes/{node}/storage/{storage}/oci-registry-pull", oci_pull),
];

/// Bytes per second of a source whose rate the scenario does not tell.
const RATE: f64 = 55_000_000.0;

/// What stands behind an address.
struct Source {
    size: u64,
    kind: String,
    sums: Value,
    /// Bytes per second.
    rate: f64,
}

/// Looks an address up; the error is what an HTTP client would say.
fn find(cluster: &Cluster, url: &str) -> Result<Source, String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or("").to_owned();
    let file = rest.rsplit('/').next().unwrap_or("");
    if let Some(known) = cluster.extra.get("downloads").and_then(|d| d.get(url)) {
        return Ok(Source {
            size: known["size"].as_u64().unwrap_or(0),
            kind: known["type"].as_str().unwrap_or("application/octet-stream").to_owned(),
            sums: known["sums"].clone(),
            rate: known["rate"].as_f64().unwrap_or(RATE),
        });
    }
    let hosts = cluster.extra.get("download-hosts").and_then(Value::as_array).cloned().unwrap_or_default();
    if hosts.contains(&json!(host)) {
        return Err("404 File not found".into());
    }
    if host.starts_with("127.") || host.starts_with("localhost") {
        return Err(format!("500 Can't connect to {host} (Connection refused)"));
    }
    if !hosts.is_empty() || !host.contains('.') {
        return Err(format!("500 Can't connect to {host}:80 (Name or service not known)"));
    }
    let hash = number_of(url);
    let kind = if file.ends_with(".iso") { "application/x-iso9660-image" } else { "application/octet-stream" };
    Ok(Source { size: (200 << 20) + hash % (900 << 20), kind: kind.into(), sums: Value::Null, rate: RATE })
}

impl Cluster {
    /// Says what stands behind an address: `size`, `type`, `sums`, `rate`.
    pub fn add_source(&mut self, url: &str, source: Value) {
        let sources = self.extra.entry("downloads".to_owned()).or_insert_with(|| json!({}));
        if let Some(sources) = sources.as_object_mut() {
            sources.insert(url.to_owned(), source);
        }
    }
}

fn metadata(cluster: &mut Cluster, args: &Args) -> Outcome {
    let root = cluster.may(args.user(), "/", "Sys.Audit") && cluster.may(args.user(), "/", "Sys.Modify");
    if !root && !cluster.may(args.user(), &format!("/nodes/{}", args.node()), "Sys.AccessNetwork") {
        return Err(refused());
    }
    let url = args.str("url");
    let source = find(cluster, url).map_err(|e| die(format!("invalid server response: '{e}'")))?;
    let file = url.split(['?', '#']).next().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
    Ok(json!({"filename": clean_name(&file), "size": source.size, "mimetype": source.kind}).into())
}

/// `1073741824` as wget writes it: `1.0G`, `11M`, `293K`.
fn short(size: u64) -> String {
    let units = ["", "K", "M", "G", "T"];
    let (mut value, mut unit) = (size as f64, 0);
    while value >= 1024.0 && unit < 4 {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1}{}", units[unit]) } else { format!("{value:.0}{}", units[unit]) }
}

/// The lines of wget for a file: progress dots, one line per 32 MiB.
fn wget(script: Script, size: u64, rate: f64) -> Script {
    let mut script = script;
    let line = 32u64 << 20;
    let mut at = 0;
    while at < size || size == 0 {
        let here = (size - at).min(line);
        let dots = here >> 20;
        let mut text = format!("{:>6}K", at >> 10);
        for i in 0..32u64 {
            if i % 8 == 0 {
                text.push(' ');
            }
            text.push(if i < dots { '.' } else { ' ' });
        }
        at += here;
        let percent = (at * 100).checked_div(size).unwrap_or(100);
        let speed = format!("{:.1}M", rate / 1_048_576.0);
        let last = at >= size;
        let left = (size - at) as f64 / rate;
        let took = size as f64 / rate;
        text += &if last {
            format!(" {percent:>3}% {speed:>5}={took:.1}s")
        } else {
            format!(" {percent:>3}% {speed:>5} {left:.0}s")
        };
        script = script.wait(here as f64 / rate).log(text);
        if last {
            break;
        }
    }
    script
}

fn download(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id) = (args.node().to_owned(), args.str("storage").to_owned());
    let root = cluster.may(args.user(), "/", "Sys.Audit") && cluster.may(args.user(), "/", "Sys.Modify");
    if !root && !cluster.may(args.user(), &format!("/nodes/{node}"), "Sys.AccessNetwork") {
        return Err(refused());
    }
    let (content, url) = (args.str("content").to_owned(), args.str("url").to_owned());
    let name = clean_name(args.str("filename"));
    let storage = cluster.storage_on(&node, &id)?;
    if !good_ending(&content, &name) {
        return Err(Fault::param("filename", "wrong file extension"));
    }
    if !storage.allows(&content) {
        return Err(die(format!("storage '{id}' does not support {content} content")));
    }
    let volid = format!("{id}:{content}/{name}");
    let checksum = args.opt("checksum").map(|sum| (args.str("checksum-algorithm").to_owned(), sum.to_owned()));
    let script = fetch(cluster, &node, volid, content, url, checksum);
    Ok(cluster.start_task(args.user(), &node, "download", &name, script).into())
}

/// The sum of a file that is made up.
fn sum_of_address(url: &str, algorithm: &str) -> String {
    let mut sum = Sum::new(algorithm);
    sum.update(url.as_bytes());
    sum.finish()
}

fn fetch(
    cluster: &mut Cluster,
    node: &str,
    volid: String,
    content: String,
    url: String,
    checksum: Option<(String, String)>,
) -> Script {
    let path = cluster.volume_path(&volid);
    let script =
        Script::new().log(format!("downloading {url} to {path}")).on_interrupt("download failed: received interrupt");
    let source = find(cluster, &url);
    let sum_of = |algorithm: &str| {
        let known = source.as_ref().ok().and_then(|source| source.sums[algorithm].as_str());
        known.map_or_else(|| sum_of_address(&url, algorithm), str::to_owned)
    };
    let checksum = checksum.map(|(algorithm, expected)| (sum_of(&algorithm), expected));
    if cluster.volume(node, &volid).is_some() {
        // What is there counts as what the address has.
        return match checksum {
            Some((got, expected)) if got.eq_ignore_ascii_case(&expected) => {
                script.log("calculating checksum of existing file...OK, got correct file already, no need to download")
            }
            Some((got, expected)) => script
                .log("calculating checksum of existing file...")
                .fail(format!("checksum mismatch: got '{got}' != expect '{expected}', aborting")),
            None => script.fail(format!("refusing to override existing file '{path}'")),
        };
    }
    let stamp = stamp(cluster.now);
    let script = script.log(format!("--{stamp}--  {url}"));
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or("").to_owned();
    let source = match source {
        Ok(source) => source,
        Err(text) if text.starts_with("404") => {
            return script
                .log(format!("Connecting to {host}... connected."))
                .log("HTTP request sent, awaiting response... 404 File not found")
                .log(format!("{stamp} ERROR 404: File not found."))
                .fail("download failed: exit code 8");
        }
        Err(text) if text.contains("refused") => {
            return script
                .log(format!("Connecting to {host}... failed: Connection refused."))
                .fail("download failed: exit code 4");
        }
        Err(_) => {
            return script
                .log(format!("Resolving {host} ({host})... failed: Name or service not known."))
                .fail(format!("download failed: wget: unable to resolve host address '{host}'"));
        }
    };
    let size = source.size;
    let temp = format!("{path}.tmp_dwnl.{}", 30_000 + cluster.rng.below(9000));
    let rate = source.rate;
    let mut script = script
        .log(format!("Connecting to {host}... connected."))
        .log("HTTP request sent, awaiting response... 200 OK")
        .log(format!("Length: {size} ({}) [{}]", short(size), source.kind))
        .log(format!("Saving to: '{temp}'"));
    script = wget(script, size, rate)
        .log(format!("{stamp} ({:.2} MB/s) - '{temp}' saved [{size}/{size}]", rate / 1_048_576.0));
    if let Some((got, expected)) = checksum {
        if !got.eq_ignore_ascii_case(&expected) {
            return script
                .log("calculating checksum...")
                .fail(format!("checksum mismatch: got '{got}' != expect '{expected}'"));
        }
        script = script.log("calculating checksum...OK, checksum verified");
    }
    let place = node.to_owned();
    script
        .then(move |cluster, _| {
            let name = volid.rsplit('/').next().unwrap_or("").to_owned();
            let volume = Volume {
                format: file_format(&content, &name).into(),
                content,
                size,
                ctime: Some(cluster.now as u64),
                volid,
                ..Volume::default()
            };
            cluster.add_volume(&place, volume);
            Ok(())
        })
        .log(format!("download of '{url}' to '{path}' finished"))
}

/// The tags that every repository of the pretend registries has.
const TAGS: &[&str] = &["13", "13-slim", "12", "12-slim", "latest"];

/// Repositories under `missing/` are not there.
fn oci_tags(_: &mut Cluster, args: &Args) -> Outcome {
    let reference = args.str("reference");
    if reference.split('/').any(|part| part == "missing") {
        return Err(die(format!("unable to list tags of '{reference}': repository not found")));
    }
    Ok(json!(TAGS).into())
}

fn oci_pull(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id) = (args.node().to_owned(), args.str("storage").to_owned());
    let reference = args.str("reference").to_owned();
    if !cluster.storage_on(&node, &id)?.allows("vztmpl") {
        return Err(die(format!("storage '{id}' does not support vztmpl content")));
    }
    let (repository, tag) = reference.rsplit_once(':').unwrap_or((&reference, "latest"));
    let made = format!("{}_{tag}.tar", repository.rsplit('/').next().unwrap_or(repository));
    let name = clean_name(args.opt("filename").unwrap_or(&made));
    let name = if name.ends_with(".tar") { name } else { format!("{name}.tar") };
    let volid = format!("{id}:vztmpl/{name}");
    if cluster.volume(&node, &volid).is_some() {
        return Err(die(format!("refusing to override existing file '{}'", cluster.volume_path(&volid))));
    }
    let size = (40 << 20) + number_of(&reference) % (80 << 20);
    let script = Script::new().log(format!("pulling OCI image '{reference}'"));
    let script = if TAGS.contains(&tag) && !repository.starts_with("missing/") {
        script.wait(size as f64 / RATE)
    } else {
        script.fail(format!("pulling '{reference}' failed: manifest unknown"))
    };
    let place = node.clone();
    let script = script
        .then(move |cluster, _| {
            let content = "vztmpl".to_owned();
            let format = file_format(&content, &volid).into();
            let ctime = Some(cluster.now as u64);
            cluster.add_volume(&place, Volume { format, content, size, ctime, volid, ..Volume::default() });
            Ok(())
        })
        .log("finished pulling the image");
    Ok(cluster.start_task(args.user(), &node, "download", &name, script).into())
}

/// `2026-11-21 09:13:44`, UTC.
pub fn stamp(now: f64) -> String {
    let time = jiff::Timestamp::from_second(now as i64).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Container templates of the appliance index: name, version, section, title.
const APPLIANCES: &[(&str, &str, &str)] = &[
    ("debian-12-standard_12.12-1_amd64.tar.zst", "debian-12", "Debian 12 Bookworm (standard)"),
    ("debian-13-standard_13.1-2_amd64.tar.zst", "debian-13", "Debian 13 Trixie (standard)"),
    ("ubuntu-24.04-standard_24.04-2_amd64.tar.zst", "ubuntu-24.04", "Ubuntu 24.04 Noble (standard)"),
    ("ubuntu-25.04-standard_25.04-1.1_amd64.tar.zst", "ubuntu-25.04", "Ubuntu 25.04 Plucky (standard)"),
    ("alpine-3.22-default_20250617_amd64.tar.xz", "alpine", "Alpine Linux 3.22 (default)"),
    ("archlinux-base_20240911-1_amd64.tar.zst", "archlinux", "Arch Linux base image"),
    ("rockylinux-10-default_20251001_amd64.tar.xz", "rockylinux", "Rocky Linux 10 (default)"),
    ("fedora-42-default_20250428_amd64.tar.xz", "fedora", "Fedora 42 (default)"),
    ("opensuse-15.6-default_20240910_amd64.tar.xz", "opensuse", "openSUSE Leap 15.6 (default)"),
];

fn appliances(_: &mut Cluster, _: &Args) -> Outcome {
    let mut out = Vec::new();
    for (file, os, title) in APPLIANCES {
        let package = file.split('_').next().unwrap_or("");
        let version = file.split('_').nth(1).unwrap_or("");
        out.push(json!({
            "template": file, "package": package, "version": version, "os": os, "section": "system", "type": "lxc",
            "headline": title, "architecture": "amd64", "source": "https://releases.example.invalid",
            "location": format!("http://download.proxmox.com/images/system/{file}"), "maintainer": "Proxmox Support Team <support@proxmox.com>",
            "infopage": "https://www.proxmox.com", "description": title, "md5sum": digest(file)[..32],
            "sha512sum": digest(file).repeat(4)[..128].to_owned()
        }));
    }
    Ok(out.into())
}

fn appliance(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id) = (args.node().to_owned(), args.str("storage").to_owned());
    let name = args.str("template").to_owned();
    if !APPLIANCES.iter().any(|(file, _, _)| *file == name) {
        return Err(Fault::param("template", "no such template"));
    }
    let storage = cluster.storage_on(&node, &id)?;
    if !storage.allows("vztmpl") {
        return Err(die(format!("unknown template storage '{id}'")));
    }
    let volid = format!("{id}:vztmpl/{name}");
    let url = format!("http://download.proxmox.com/images/system/{name}");
    let script = fetch(cluster, &node, volid, "vztmpl".into(), url, None);
    Ok(cluster.start_task(args.user(), &node, "download", &name, script).into())
}
