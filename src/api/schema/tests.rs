#![allow(clippy::unwrap_used)]

use super::*;

const PAGE: &str = r#"const apiSchema = [
  {"path":"/nodes","info":{},"children":[
    {"path":"/nodes/{node}/storage/{storage}/content/{volume}","info":{
      "GET":{"method":"GET","name":"info","description":"Get ]; it.","parameters":{"properties":{
        "node":{"type":"string","format":"pve-node"},"storage":{"type":"string"},"volume":{"type":"string"}}},
        "returns":{"type":"object","properties":{"size":{},"format":{}}},
        "permissions":{"check":["perm","/storage/{storage}",["Datastore.Audit","Datastore.AllocateSpace"],"any",1]}}}},
    {"path":"/nodes/{node}/qemu","info":{
      "POST":{"method":"POST","name":"create","description":"Create.","allowtoken":"0","parameters":{"properties":{
        "node":{"type":"string"},
        "vmid":{"type":"integer","minimum":100,"maximum":999999999},
        "cores":{"type":"integer","optional":1,"minimum":"1","default":1},
        "cipassword":{"type":"string","optional":1},
        "net[n]":{"type":"string","optional":1,"format":{"bridge":{"type":"string","optional":1,"description":"The bridge."},
           "model":{"enum":["e1000","virtio"],"default":"virtio"}}},
        "args":{"type":"array","optional":1},
        "scale":{"type":"number","optional":true,"minimum":0.5},
        "name":{"type":"string","optional":1,"maxLength":5,"pattern":"[a-z]+"},
        "ostype":{"type":"string","optional":1,"enum":["l26","other"]}}},
        "returns":{"type":"string","format":"pve-task-upid"},
        "permissions":{"check":["and",["perm","/vms/{vmid}",["VM.Allocate"]],["or",["perm","/pool/{pool}",["A"]],["perm","/",["B","C"]]]]}}}}
  ]}
]
;
Ext.onReady(function() { var x = "];"; });
"#;

fn schema() -> Schema {
    Schema::parse(PAGE).unwrap()
}

#[test]
fn methods_of_the_page() {
    let schema = schema();
    let names: Vec<_> = schema.methods.iter().map(|m| format!("{} {}", m.method, m.path)).collect();
    assert_eq!(names, ["POST /nodes/{node}/qemu", "GET /nodes/{node}/storage/{storage}/content/{volume}"]);
    let create = &schema.methods[0];
    let order: Vec<_> = create.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        order,
        ["node", "vmid", "args", "cipassword", "cores", "name", "net[n]", "ostype", "scale"],
        "the path, what is required, the rest"
    );
    assert_eq!(create.permission, "(VM.Allocate on /vms/{vmid} and (A on /pool/{pool} or B and C on /))");
    assert_eq!(create.returns, "the id of a task");
    assert!(!create.token);
    let get = &schema.methods[1];
    assert_eq!(get.permission, "Datastore.Audit or Datastore.AllocateSpace on /storage/{storage}");
    assert_eq!(get.returns, "an object with format, size");
}

#[test]
fn the_same_without_javascript_and_in_old_pages() {
    let json = json_part(PAGE).unwrap();
    assert!(json.starts_with('[') && json.ends_with(']'));
    assert_eq!(Schema::parse(json).unwrap().methods.len(), 2);
    assert_eq!(Schema::parse(&PAGE.replace("const apiSchema", "var pveapi")).unwrap().methods.len(), 2);
}

#[test]
fn broken_pages_are_told() {
    for (page, want) in [
        ("", "does not hold one"),
        ("<html>login</html>", "does not hold one"),
        ("const apiSchema = fetch('x[0]');", "does not hold one"),
        ("const apiSchema = [{\"path\":", "not valid JSON"),
        ("const apiSchema = [}]", "not valid JSON"),
        ("const apiSchema = [];", "no method"),
        ("[1, 2]", "no method"),
    ] {
        let text = Schema::parse(page).unwrap_err().to_string();
        assert!(text.contains(want), "{page}: {text}");
    }
}

#[test]
fn paths_find_their_method() {
    let schema = schema();
    let (method, values) = schema.resolve(Method::Get, "/nodes/a/storage/local/content/local:iso/x.iso").unwrap();
    assert_eq!(values[2], ("volume".into(), "local:iso/x.iso".into()));
    assert_eq!(method.request(&values).to_string(), "GET /nodes/a/storage/local/content/local%3Aiso%2Fx.iso");
    assert!(schema.resolve(Method::Get, "/nodes/a/qemu").is_none());
    assert!(schema.resolve(Method::Post, "/nodes/a/qemu/").is_some());
    assert!(schema.resolve(Method::Post, "/nodes/a/lxc").is_none());
}

#[test]
fn values_and_rules() {
    let schema = schema();
    let create = &schema.methods[0];
    let of = |name: &str| create.parameter(name).unwrap();
    assert_eq!(of("vmid").rule(), "whole number, 100 to 999999999");
    assert_eq!(of("cores").rule(), "whole number, at least 1, default 1");
    assert_eq!(of("net3").keys, ["bridge: string - The bridge.", "model: e1000|virtio, required, default virtio"]);
    assert!(create.parameter("netx").is_none() && create.parameter("x3").is_none());
    for (name, value, want) in [
        ("vmid", "99", Some("at least 100")),
        ("vmid", "x", Some("whole number")),
        ("vmid", "100", None),
        ("scale", "0.4", Some("at least 0.5")),
        ("scale", "0.5", None),
        ("name", "abcdef", Some("at most 5")),
        ("name", "a1", Some("does not match")),
        ("name", "abc", None),
        ("ostype", "dos", Some("one of l26, other")),
    ] {
        let said = of(name).problem(value);
        assert_eq!(said.is_some(), want.is_some(), "{name}={value}: {said:?}");
        assert!(said.unwrap_or_default().contains(want.unwrap_or_default()));
    }
}

#[test]
fn secrets_stay_secret() {
    let schema = schema();
    let pairs = [("node", "a"), ("vmid", "100"), ("cipassword", "hunter2"), ("args", "x"), ("args", "y z")];
    let values: Vec<_> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let request = schema.methods[0].request(&values);
    assert_eq!(request.to_string(), "POST /nodes/a/qemu vmid=100 cipassword=******** args=x args=y z");
    for (path, name, secret) in [
        ("/access/password", "confirmation-password", true),
        ("/nodes/{node}/certificates/custom", "key", true),
        ("/nodes/{node}/subscription", "key", true),
        ("/access/tfa/{userid}", "value", true),
        ("/cluster/firewall/rules", "value", false),
        ("/storage", "encryption-key", true),
        ("/storage", "master-pubkey", false),
        ("/nodes/{node}/qemu", "sshkeys", false),
        ("/nodes/{node}/lxc", "ssh-public-keys", false),
        ("/nodes/{node}/qemu", "cipassword", true),
        ("/nodes/{node}/qemu/{vmid}/sendkey", "key", false),
    ] {
        assert_eq!(is_secret(path, name), secret, "{path} {name}");
    }
}

#[test]
fn lists_and_answers() {
    assert_eq!(split_list("ls -l"), ["ls", "-l"]);
    assert_eq!(split_list(r#"sh -c "echo 'a b'" '' "#), ["sh", "-c", "echo 'a b'", ""]);
    assert_eq!(split_list(r#"["a b", 3]"#), ["a b", "3"]);
    let request = any(Method::Get, "/x");
    let answer = request.decode(br#"{"data":[1],"total":7,"changes":"+x"}"#).unwrap();
    assert_eq!((answer.total, answer.changes.as_deref()), (Some(7), Some("+x")));
    assert_eq!(request.decode(b"line one\nline two").unwrap().data, "line one\nline two");
    assert!(request.decode(b"<html>").is_err() && request.decode(b"").is_err() && request.decode(b"{}").is_err());
    let upid = "UPID:pve1:00000001:00000002:65000000:qmstart:100:root@pam:";
    let console = any(Method::Post, "/x").decode(format!(r#"{{"data":{{"upid":"{upid}"}}}}"#).as_bytes()).unwrap();
    assert_eq!(console.upid(), Some(upid));
}
