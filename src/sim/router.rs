//! From a call to a handler: login, method table, permissions, proxying to a node, parameters, answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::{Answer, Args, Call, Fault, Outcome, Reply, as_text, decode_form, unescape};
use super::fault::Faults;
use super::state::Cluster;
use super::table::Table;
use super::verify;

/// Does one call.
pub type Handler = fn(&mut Cluster, &Args) -> Outcome;

/// A method with its handler: HTTP method, path as in the table, function.
pub struct Route(pub &'static str, pub &'static str, pub Handler);

/// All handlers of all nouns.
fn nouns() -> Vec<&'static [Route]> {
    vec![
        super::access::ROUTES,
        super::backup_job::ROUTES,
        super::firewall::ROUTES,
        super::ha::ROUTES,
        super::section::ROUTES,
        super::backup::ROUTES,
        super::bulk::ROUTES,
        super::ceph::ROUTES,
        super::clone::ROUTES,
        super::cluster::ROUTES,
        super::console::ROUTES,
        super::download::ROUTES,
        super::file_restore::ROUTES,
        super::guest_disk::ROUTES,
        super::import::ROUTES,
        super::login::ROUTES,
        super::lxc::ROUTES,
        super::lxc::config::ROUTES,
        super::lxc::power::ROUTES,
        super::lxc::status::ROUTES,
        super::metric::ROUTES,
        super::migrate::ROUTES,
        super::network::ROUTES,
        super::node::ROUTES,
        super::oci::ROUTES,
        super::pool::ROUTES,
        super::qemu::ROUTES,
        super::qemu::agent::ROUTES,
        super::qemu::config::ROUTES,
        super::qemu::power::ROUTES,
        super::qemu::status::ROUTES,
        super::realm::ROUTES,
        super::replication::ROUTES,
        super::resource::ROUTES,
        super::role::ROUTES,
        super::rrd::ROUTES,
        super::snapshot::ROUTES,
        super::storage::ROUTES,
        super::task_list::ROUTES,
        super::volume::ROUTES,
    ]
}

/// The simulated cluster: a pure state machine. Calls go in, answers come out, time is an argument.
pub struct Simulator {
    /// The state; tests look into it and change it.
    pub cluster: Cluster,
    /// Faults on demand.
    pub faults: Faults,
    table: Arc<Table>,
    handlers: HashMap<(&'static str, &'static str), Handler>,
}

const JSON: &str = "application/json;charset=UTF-8";

impl Simulator {
    /// A simulator around a state.
    pub fn new(cluster: Cluster) -> Self {
        let table = cluster.table.clone();
        let mut handlers = HashMap::new();
        for Route(method, path, handler) in nouns().into_iter().flatten() {
            handlers.insert((*method, *path), *handler);
        }
        Self { cluster, faults: Faults::default(), table, handlers }
    }

    /// Methods that have a handler, as `GET /version`, sorted.
    pub fn modelled(&self) -> Vec<String> {
        let mut all: Vec<String> = self.handlers.keys().map(|(m, p)| format!("{m} {p}")).collect();
        all.sort();
        all
    }

    /// Lets time pass: tasks go on, load changes. `now` is in seconds since the epoch.
    pub fn advance(&mut self, now: f64) {
        self.cluster.advance(now);
    }

    /// The next moment at which a task will go on by itself.
    pub fn next_due(&self) -> Option<f64> {
        self.cluster.next_due()
    }

    /// Answers one call at the moment `now` (seconds since the epoch).
    pub fn handle(&mut self, call: Call, now: f64) -> Answer {
        self.cluster.advance(now);
        if let Some(answer) = self.faults.before(&mut self.cluster, &call) {
            return answer;
        }
        let answer = self.answer(&call);
        self.faults.after(&call, answer)
    }

    /// Looks at the head of an upload before its body is read: the answer that refuses it, if any.
    pub fn admit_upload(&mut self, call: &Call, now: f64) -> Option<Answer> {
        self.cluster.advance(now);
        let path = unescape(&call.path);
        let rest = path.strip_prefix("/api2/")?;
        let (_, path) = rest.split_once('/')?;
        let parts: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        let table = self.table.clone();
        let (method, values) = table.find("POST", &parts)?;
        let auth = match super::ticket::authenticate(&mut self.cluster, call, false) {
            Ok(auth) => auth,
            Err(reason) => return Some(bare(401, &reason)),
        };
        let params = values.into_iter().map(|(k, v)| (k, json!(v))).collect();
        let args = Args { auth, params, ..Args::default() };
        let refused = self.cluster.check_permissions(method.permissions.as_ref(), &args).err()?;
        Some(bare(refused.status, &refused.message))
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if !matches!(call.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
            return bare(501, &format!("method '{}' not available", call.method));
        }
        if matches!(call.method.as_str(), "GET" | "DELETE") && !call.body.is_empty() {
            return bare(501, &format!("Unexpected content for method '{}'", call.method));
        }
        let path = unescape(&call.path);
        let Some(rest) = path.strip_prefix("/api2/") else { return super::page::page(&self.cluster, &path) };
        let (style, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = format!("/{}", path.trim_end_matches('/'));
        if !matches!(style, "json" | "extjs" | "html" | "png") {
            return bare(501, &format!("no such uri {}", call.path));
        }
        let parts: Vec<String> = path.split('/').skip(1).filter(|p| !p.is_empty()).map(str::to_owned).collect();
        let found = self.table.find(&call.method, &parts);
        let world = found.as_ref().is_some_and(|(m, _)| m.permissions.as_ref().is_some_and(|p| p["user"] == "world"));
        let auth = match super::ticket::authenticate(&mut self.cluster, call, world) {
            Ok(auth) => auth,
            Err(reason) => return bare(401, &reason),
        };
        let outcome = self.dispatch(call, &path, &parts, auth);
        match outcome {
            Ok(answer) => answer,
            Err(Broken::Plain(answer)) => *answer,
            // Pseudo codes of the proxy in front of the API have no body.
            Err(Broken::Fault(fault)) if fault.status >= 595 => bare(fault.status, &fault.message),
            Err(Broken::Fault(fault)) => render(style, Err(fault)),
            Err(Broken::Reply(reply)) => render(style, Ok(*reply)),
        }
    }

    fn dispatch(&mut self, call: &Call, path: &str, parts: &[String], auth: String) -> Result<Answer, Broken> {
        let table = self.table.clone();
        let mut raw = read_params(call)?;
        let missing = || Fault::new(501, format!("Method '{} {path}' not implemented", call.method));
        let (method, values) = table.find(&call.method, parts).ok_or_else(missing)?;
        for (name, value) in values {
            if let Some(other) = raw.get(&name)
                && as_text(other) != value
            {
                return Err(Fault::param(&name, "duplicate parameter (already defined in URI)").into());
            }
            raw.insert(name, json!(value));
        }
        if auth.contains('!') && !method.token {
            let text = format!("URI '{path}' not available with API token, need proper ticket.");
            return Err(Fault::new(403, format!("Permission check failed ({text}\n)")).into());
        }
        let mut args = Args {
            method: call.method.clone(),
            path: path.to_owned(),
            template: method.path.clone(),
            auth,
            params: raw.iter().map(|(k, v)| (k.clone(), json!(as_text(v)))).collect(),
            upload: call.upload.clone(),
            host: call.get_header("host").unwrap_or("").to_owned(),
        };
        self.cluster.check_permissions(method.permissions.as_ref(), &args)?;
        if method.to_node {
            let node = args.node();
            match self.cluster.nodes.get(node) {
                _ if node == "localhost" => {}
                None => {
                    return Err(Fault::new(500, format!(
                        "hostname lookup '{node}' failed - failed to get address info for: {node}: Name or service not known"
                    )).into());
                }
                Some(node) if !node.online => return Err(Broken::Plain(Box::new(bare(595, "No route to host")))),
                Some(_) => {}
            }
        }
        args.params = verify::verify(&table, method, &raw).map_err(|mut fault| {
            verify::name_errors(&mut fault);
            fault
        })?;
        if args.node() == "localhost" {
            args.params.insert("node".into(), json!(self.cluster.local));
        }
        if method.path == "/nodes/{node}/execute" {
            return Err(Broken::Reply(Box::new(self.execute(&args).into())));
        }
        let reply = match self.handlers.get(&(method.method.as_str(), method.path.as_str())) {
            Some(handler) => handler(&mut self.cluster, &args)?,
            None => match index(&table, &method.path) {
                Some(list) if method.method == "GET" => list.into(),
                _ => {
                    let text = format!("proxmux simulator: '{} {}' is not modelled", method.method, method.path);
                    return Err(Fault::new(501, text).into());
                }
            },
        };
        if method.method != "GET" {
            self.cluster.touch();
        }
        Err(Broken::Reply(Box::new(reply)))
    }
}

impl Simulator {
    /// `POST /nodes/{node}/execute`: commands in order, each with its own status. Paths are below the node's.
    fn execute(&mut self, args: &Args) -> Vec<Value> {
        let commands: Vec<Value> = serde_json::from_str(args.str("commands")).unwrap_or_default();
        let mut out = Vec::new();
        for command in commands {
            let path = format!("/nodes/{}/{}", args.node(), command["path"].as_str().unwrap_or_default());
            let parts: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
            let method = command["method"].as_str().unwrap_or_default();
            if self.table.find(method, &parts).is_none() {
                out.push(json!({"status": 500, "message": format!("no handler for '{}'\n", &path[1..])}));
                continue;
            }
            let call = Call::new(method, &path);
            let body = command.get("args").filter(|a| a.is_object()).map(Value::to_string).unwrap_or_default();
            let call = Call { body: body.into_bytes(), ..call.header("content-type", "application/json") };
            out.push(match self.dispatch(&call, &path, &parts, args.auth.clone()) {
                Err(Broken::Reply(reply)) => match &reply.text {
                    Some(text) => {
                        json!({"status": 200, "data": serde_json::from_str::<Value>(text).unwrap_or_default()})
                    }
                    None => json!({"status": 200, "data": reply.data}),
                },
                Err(Broken::Fault(fault)) => {
                    let mut entry = json!({"status": fault.status, "message": format!("{}\n", fault.message)});
                    if !fault.errors.is_empty() {
                        entry["errors"] = json!(fault.errors);
                    }
                    entry
                }
                Ok(answer) => json!({"status": answer.status, "message": answer.reason}),
                Err(Broken::Plain(answer)) => json!({"status": answer.status, "message": answer.reason}),
            });
        }
        out
    }
}

/// Ways out of [`Simulator::dispatch`].
enum Broken {
    Plain(Box<Answer>),
    Fault(Fault),
    Reply(Box<Reply>),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Broken::Fault(fault)
    }
}

/// The sub-paths of an index that has no handler of its own.
fn index(table: &Table, path: &str) -> Option<Vec<Value>> {
    let prefix = format!("{path}/");
    let mut names: Vec<&str> = table
        .methods()
        .iter()
        .filter_map(|m| m.path.strip_prefix(&prefix))
        .filter_map(|rest| rest.split('/').next())
        .filter(|name| !name.starts_with('{'))
        .collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| names.into_iter().map(|name| json!({"subdir": name})).collect())
}

/// Parameters from query and body; the query wins.
fn read_params(call: &Call) -> Result<BTreeMap<String, Value>, Broken> {
    let mut out = BTreeMap::new();
    if let Some(upload) = &call.upload {
        for (name, value) in &upload.fields {
            out.insert(name.clone(), json!(value));
        }
        out.insert("filename".into(), json!(upload.filename));
    } else if !call.body.is_empty() {
        let kind = call.get_header("content-type").unwrap_or("application/x-www-form-urlencoded");
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" | "" => out = decode_form(&String::from_utf8_lossy(&call.body)),
            "application/json" => match serde_json::from_slice::<Value>(&call.body) {
                Ok(Value::Object(map)) => out.extend(map),
                Ok(_) => {
                    return Err(plain(
                        500,
                        "Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.",
                    ));
                }
                Err(_) => return Err(plain(500, &perl_json_error(&call.body))),
            },
            other => {
                return Err(Broken::Plain(Box::new(with_text(
                    506,
                    &format!("upload 'Content-Type '{other}' not implemented"),
                    "",
                ))));
            }
        }
    }
    for (name, value) in decode_form(&call.query) {
        out.insert(name, value);
    }
    out.remove("_dc");
    Ok(out)
}

/// What Perl's JSON parser says about a body, for the commonest mistake; something close to it otherwise.
fn perl_json_error(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let place = "at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.";
    match text.trim_start().strip_prefix('{') {
        Some(rest) if !rest.trim_start().starts_with('"') => {
            format!("'\"' expected, at character offset 1 (before \"{rest}\") {place}")
        }
        _ => format!(
            "malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0 (before \"{text}\") {place}"
        ),
    }
}

fn plain(status: u16, text: &str) -> Broken {
    Broken::Plain(Box::new(with_text(status, text, "\n")))
}

fn with_text(status: u16, text: &str, end: &str) -> Answer {
    Answer { body: format!("{text}{end}").into_bytes(), ..bare(status, text) }
}

/// An answer with an empty body: its reason phrase says everything.
pub fn bare(status: u16, reason: &str) -> Answer {
    Answer { status, reason: reason.to_owned(), ..Answer::default() }
}

/// The reason phrase of a message: its first line.
fn reason_of(message: &str) -> String {
    message.lines().next().unwrap_or("").to_owned()
}

/// Brings a result into the form of `/api2/json`, `/api2/extjs` or `/api2/html`.
fn render(style: &str, outcome: Result<Reply, Fault>) -> Answer {
    let extjs = style == "extjs";
    match outcome {
        Ok(reply) => {
            if let Some((kind, body)) = reply.raw {
                return Answer {
                    status: 200,
                    reason: "OK".into(),
                    headers: vec![("content-type".into(), kind)],
                    body,
                    ..Answer::default()
                };
            }
            if style == "html" {
                let text = serde_json::to_string_pretty(&reply.data).unwrap_or_default();
                return super::page::html(&format!("<pre>{text}</pre>"));
            }
            let mut body = String::from("{\"data\":");
            match &reply.text {
                Some(text) => body.push_str(text),
                None => body.push_str(&reply.data.to_string()),
            }
            for (key, value) in &reply.extra {
                body.push_str(&format!(",{}:{value}", json!(key)));
            }
            body.push_str(if extjs { ",\"success\":1}" } else { "}" });
            json_answer(200, "OK", body)
        }
        Err(fault) => {
            let newline = if fault.status == 501 { "" } else { "\n" };
            let mut body = Map::new();
            body.insert("data".into(), Value::Null);
            body.insert("message".into(), json!(format!("{}{newline}", fault.message)));
            if !fault.errors.is_empty() {
                body.insert("errors".into(), json!(fault.errors));
            }
            if extjs {
                body.insert("success".into(), json!(0));
                // Perl's status is a number or a text, depending on where the error was raised
                let status = if fault.status == 403 { json!(fault.status.to_string()) } else { json!(fault.status) };
                body.insert("status".into(), status);
                return json_answer(200, "OK", Value::Object(body).to_string());
            }
            json_answer(fault.status, &reason_of(&fault.message), Value::Object(body).to_string())
        }
    }
}

fn json_answer(status: u16, reason: &str, body: String) -> Answer {
    Answer {
        status,
        reason: reason.to_owned(),
        headers: vec![("content-type".into(), JSON.into())],
        body: body.into_bytes(),
        ..Answer::default()
    }
}
