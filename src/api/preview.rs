//! A request as something to read, copy and run: `pvesh`, `curl` or JSON. Secrets become shell variables or asterisks.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::request::{Method, Param, Wire};

/// `pvesh create /nodes/pve1/qemu --vmid 100 --name web`, to be run as root on a node.
pub fn pvesh(wire: &Wire) -> String {
    if let Some(file) = wire.body_file() {
        let name = quote(&file.name).into_owned();
        return format!("# pvesh can't send a file ({name}): use curl, or copy it to the node");
    }
    // pvesh takes the path as people write it, not as URLs do.
    let path = percent_decode_str(&wire.path).decode_utf8_lossy();
    let mut text = format!("pvesh {} {}", wire.method.pvesh(), quote(&path));
    for p in &wire.params {
        let value = value(p);
        // A value that looks like an option has to be tied to its name.
        let between = if p.value.starts_with('-') { '=' } else { ' ' };
        text.push_str(&format!(" --{}{between}{value}", quote(&p.name)));
    }
    text
}

/// A `curl` command that sends the request with an API token in `$PVE_TOKEN` (`user@realm!name=secret`). `server` is
/// `host:port`.
pub fn curl(wire: &Wire, server: &str) -> String {
    let in_body = matches!(wire.method, Method::Post | Method::Put);
    let mut text = String::from("curl");
    match wire.method {
        Method::Get if wire.params.is_empty() => {}
        Method::Get => text.push_str(" -G"),
        Method::Delete if !wire.params.is_empty() => text.push_str(" -G -X DELETE"),
        method => text.push_str(&format!(" -X {method}")),
    }
    text.push_str(" -H \"Authorization: PVEAPIToken=$PVE_TOKEN\"");
    if let Some(file) = wire.body_file() {
        for p in &wire.params {
            text.push_str(&format!(" -F {}", quote(&format!("{}={}", p.name, p.value))));
        }
        let form = format!("filename=@{};filename={}", file.path.display(), file.name);
        text.push_str(&format!(" -F {} {}", quote(&form), quote(&format!("https://{server}/api2/json{}", wire.path))));
        return text;
    }
    for p in &wire.params {
        let pair = if p.secret {
            format!("\"{}={}\"", p.name, variable(p))
        } else {
            quote(&format!("{}={}", p.name, p.value)).into_owned()
        };
        text.push_str(&format!(" --data-urlencode {pair}"));
    }
    if in_body && wire.params.is_empty() {
        text.push_str(" -d ''"); // without it there would be no Content-Length
    }
    text.push(' ');
    text.push_str(&quote(&format!("https://{server}/api2/json{}", wire.path)));
    text
}

/// `{"method", "path", "params"}`, indented; a parameter that is sent more than once becomes an array.
pub fn json(wire: &Wire) -> String {
    let mut params = Map::new();
    for p in &wire.params {
        let value = Value::from(p.shown());
        match params.get_mut(&p.name) {
            None => {
                params.insert(p.name.clone(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    let all = serde_json::json!({ "method": wire.method.as_str(), "path": wire.path, "params": params });
    format!("{all:#}")
}

/// A parameter's value for a shell: a secret one as a variable.
fn value(p: &Param) -> Cow<'_, str> {
    if p.secret { format!("\"{}\"", variable(p)).into() } else { quote(&p.value) }
}

/// `$CIPASSWORD` for the parameter `cipassword`.
fn variable(p: &Param) -> String {
    let name = p.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("${}", name.collect::<String>())
}

/// One word of a POSIX shell, in single quotes where something in it would be taken for more than a letter.
fn quote(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::request::{Request, part};

    fn create() -> Wire {
        Request::<()>::post("/nodes/pve1/qemu")
            .param("vmid", 100)
            .param("name", "my web's")
            .param("net0", "virtio,bridge=vmbr0")
            .secret("cipassword", "hunter2")
            .param("description", "-x\n$HOME `id`")
            .wire
    }

    #[test]
    fn as_pvesh() {
        assert_eq!(
            pvesh(&create()),
            "pvesh create /nodes/pve1/qemu --vmid 100 --name 'my web'\\''s' --net0 virtio,bridge=vmbr0 \
             --cipassword \"$CIPASSWORD\" --description='-x\n$HOME `id`'"
        );
        let wire = Request::<()>::delete(format!("/nodes/a/storage/local/content/{}", part("local:iso/my x.iso"))).wire;
        assert_eq!(pvesh(&wire), "pvesh delete '/nodes/a/storage/local/content/local:iso/my x.iso'");
        assert_eq!(pvesh(&Request::<()>::put("/x").param("a", "").wire), "pvesh set /x --a ''");
    }

    #[test]
    fn as_curl() {
        let text = curl(&create(), "pve1:8006");
        assert!(
            text.starts_with("curl -X POST -H \"Authorization: PVEAPIToken=$PVE_TOKEN\" --data-urlencode vmid=100")
        );
        assert!(text.contains(" --data-urlencode \"cipassword=$CIPASSWORD\" ") && !text.contains("hunter2"), "{text}");
        assert!(text.ends_with(" https://pve1:8006/api2/json/nodes/pve1/qemu"), "{text}");
        let auth = "-H \"Authorization: PVEAPIToken=$PVE_TOKEN\"";
        let delete = Request::<()>::delete("/pools/a%2Fb").param("force", 1).wire;
        assert_eq!(
            curl(&delete, "[::1]:8006"),
            format!("curl -G -X DELETE {auth} --data-urlencode force=1 'https://[::1]:8006/api2/json/pools/a%2Fb'")
        );
        let start = Request::<()>::post("/x").wire;
        assert_eq!(curl(&start, "h:1"), format!("curl -X POST {auth} -d '' https://h:1/api2/json/x"));
        assert_eq!(curl(&Request::<()>::get("/x").wire, "h:1"), format!("curl {auth} https://h:1/api2/json/x"));
    }

    #[test]
    fn as_json() {
        let wire = Request::<()>::post("/x").param("command", "ls").param("command", "-l").secret("password", "p").wire;
        let value: Value = serde_json::from_str(&json(&wire)).unwrap();
        let params = serde_json::json!({"command": ["ls", "-l"], "password": "********"});
        assert_eq!(value, serde_json::json!({"method": "POST", "path": "/x", "params": params}));
    }

    #[test]
    fn a_shell_reads_it_back() {
        let out = std::process::Command::new("sh")
            .args(["-c", &pvesh(&create()).replacen("pvesh", "printf '<%s>'", 1)])
            .env("CIPASSWORD", "secret")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(out.stdout).unwrap(),
            "<create></nodes/pve1/qemu><--vmid><100><--name><my web's><--net0><virtio,bridge=vmbr0>\
             <--cipassword><secret><--description=-x\n$HOME `id`>"
        );
    }
}
