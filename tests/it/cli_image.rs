//! `proxmux iso` and `proxmux template`: the real program against the simulated cluster over HTTPS, in good and in bad
//! weather.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use proxmux::sim::{
    Simulator,
    fault::Effect as Trouble,
    scenario::{Login, Scenario},
    server::{self, Server},
    table::Table,
};
use serde_json::Value;
use sha2::Digest as _;

use crate::cli_config::Place;

pub struct Lab {
    pub server: Arc<Server>,
    /// Where the program shall think that the server is.
    address: SocketAddr,
    login: Login,
    place: Place,
    folder: tempfile::TempDir,
}

impl Lab {
    pub async fn new() -> Self {
        let table = Arc::new(Table::built_in().unwrap());
        let (cluster, login) = Scenario::Homelab.build(table, server::wall_clock(), 7).unwrap();
        let server = Server::start(Simulator::new(cluster), server::Options::default()).await.unwrap();
        let server = Arc::new(server);
        let (address, folder) = (server.address, tempfile::tempdir().unwrap());
        Self { server, address, login, place: Place::new(), folder }
    }

    /// Exit code, standard output, standard error. `{}` in the line is the folder with the files.
    pub async fn run(&self, line: &str) -> (i32, String, String) {
        let line = line.replace("{}", &self.folder.path().display().to_string());
        let mut command = self.place.command();
        command
            .args(line.split_whitespace())
            .env("PVE_HOST", self.address.to_string())
            .env("PVE_FINGERPRINT", &self.server.fingerprint)
            .env("PVE_TOKEN_ID", &self.login.token)
            .env("PVE_TOKEN_SECRET", &self.login.secret);
        let out = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    pub async fn json(&self, line: &str) -> Value {
        let (code, out, err) = self.run(line).await;
        assert_eq!(code, 0, "{line}: {err}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"))
    }

    /// A file of so many MiB with something in it.
    fn file(&self, name: &str, mib: usize) -> PathBuf {
        let path = self.folder.path().join(name);
        let data: Vec<u8> = (0..1 << 20).map(|n| (n / 251) as u8).collect();
        fs::write(&path, data.repeat(mib)).unwrap();
        path
    }

    /// The size of a volume, if it is there.
    fn size(&self, volid: &str) -> Option<u64> {
        self.server.with(|sim| sim.cluster.volume("pve1", volid).map(|v| v.size))
    }
}

fn sum(path: &Path) -> String {
    sha2::Sha256::digest(fs::read(path).unwrap()).iter().map(|b| format!("{b:02x}")).collect()
}

/// The node adds up what it really fetches, and what it only makes up; the words are those of recorded tasks.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_checks_the_sum_of_what_it_fetches() {
    let lab = Lab::new().await;
    let text = "not really an image\n".repeat(1000);
    let right: String = sha2::Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect();
    let (wrong, server) = ("0".repeat(64), web(text.clone()));
    let download = |url: &str, name: &str, sum: &str| {
        format!("iso download {url} --storage nas --name {name} --checksum {sum} --yes --wait")
    };
    let url = format!("http://{server}/x.iso");
    let (code, out, err) = lab.run(&download(&url, "wrong.iso", &wrong)).await;
    assert!(code != 0 && err.contains(&format!("checksum mismatch: got '{right}' != expect '{wrong}'")), "{out}{err}");
    assert_eq!(lab.size("nas:iso/wrong.iso"), None);
    let (code, _, err) = lab.run(&download(&url, "right.iso", &right.to_uppercase())).await;
    assert_eq!((code, lab.size("nas:iso/right.iso")), (0, Some(text.len() as u64)), "{err}");
    let (code, _, err) = lab.run(&download("https://example.org/y.iso", "y.iso", &wrong)).await;
    assert!(code != 0 && err.contains(&format!("!= expect '{wrong}'")), "{err}");
    assert_eq!(lab.size("nas:iso/y.iso"), None);
}

/// A web server that says the same to everybody.
fn web(text: String) -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = door.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in door.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ =
                write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn images_go_up_are_listed_and_removed() {
    let lab = Lab::new().await;
    let path = lab.file("tiny.iso", 3);
    fs::write(lab.folder.path().join("SHA256SUMS"), format!("{}  tiny.iso\n", sum(&path))).unwrap();
    let before = (sum(&path), fs::metadata(&path).unwrap().modified().unwrap());

    let (code, out, _) = lab.run("--dry-run iso upload {}/tiny.iso --json").await;
    assert_eq!(code, 0);
    assert!(out.contains("checksum") && lab.size("nas:iso/tiny.iso").is_none(), "{out}");

    let (code, out, err) = lab.run("iso upload {}/tiny.iso --storage nas --wait").await;
    assert_eq!((code, out.trim()), (0, "Upload tiny.iso to nas: done (OK)"), "{err}");
    assert!(err.contains("Upload tiny.iso to nas: 100 %"), "{err}");
    assert!(!err.contains('\r'), "a bar is for terminals: {err}");
    assert_eq!(lab.size("nas:iso/tiny.iso"), Some(3 << 20));

    // The same sum from a list on a web server.
    let lists = web(format!("{}  other.iso\n{}  tiny.iso\n", "0".repeat(64), before.0));
    let line = format!("--dry-run iso upload {{}}/tiny.iso --name t2.iso --checksum http://{lists}/SHA256SUMS --json");
    let (code, out, err) = lab.run(&line).await;
    assert!(code == 0 && out.contains(&before.0), "{out} {err}");
    let line = format!("iso download https://example.org/x.iso --checksum http://{lists}/SHA256SUMS");
    let (code, _, err) = lab.run(&line).await;
    assert!(code == 1 && err.contains("the list does not name x.iso"), "{err}");

    // A packed image gets the name that it has unpacked, and is unpacked without a word.
    for option in ["", " --compression zst"] {
        let line = format!("--dry-run iso download https://example.org/disk.img.zst --storage nas --json{option}");
        let call = lab.json(&line).await.to_string();
        assert!(call.contains("\"disk.img\"") && call.contains("\"zst\""), "{call}");
    }

    // It would be replaced: that is asked, and nobody can answer here.
    let (code, _, err) = lab.run("iso upload {}/tiny.iso --storage nas").await;
    assert_eq!(code, 1);
    assert!(err.contains("the server replaces it without a question") && err.contains("add --yes"), "{err}");
    let made = lab.json("iso upload {}/tiny.iso --storage nas --name other.iso --no-wait --json").await;
    assert!(made[0]["upid"].as_str().unwrap().contains(":imgcopy:"), "{made}");

    let list = lab.json("iso list --json").await;
    let found = list.as_array().unwrap().iter().find(|v| v["volid"] == "nas:iso/tiny.iso").unwrap();
    assert_eq!((&found["size"], &found["shared"]), (&Value::from(3 << 20), &Value::from(true)));
    let (code, out, _) = lab.run("iso list").await;
    assert_eq!(code, 0);
    assert!(out.lines().any(|l| l.starts_with("nas:iso/tiny.iso ") && l.contains("3.00 MiB")), "{out}");

    let (code, _, err) = lab.run("iso rm nas:iso/virtio-win-0.1.271.iso").await;
    assert_eq!(code, 1);
    assert!(err.contains("is inserted in the CD drive of VM 105"), "{err}");
    let (code, out, err) = lab.run("iso rm nas:iso/tiny.iso --yes").await;
    assert_eq!((code, out.trim()), (0, "Remove nas:iso/tiny.iso: done (OK)"), "{err}");
    assert_eq!(lab.size("nas:iso/tiny.iso"), None);
    let (code, _, err) = lab.run("iso rm nas:iso/tiny.iso --yes").await;
    assert_eq!(code, 1);
    assert!(err.contains("is not there"), "{err}");
    assert_eq!(before, (sum(&path), fs::metadata(&path).unwrap().modified().unwrap()), "the local file is only read");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_go_well_is_said_before_anything_is_sent() {
    let lab = Lab::new().await;
    lab.file("a.exe", 1);
    lab.file("a.iso", 1);
    for (line, why) in [
        ("iso upload {}/a.exe", "the name must end in .iso, .img"),
        ("iso upload {}/none.iso", "No such file"),
        ("iso upload {}/a.iso --storage nowhere", "there is none within reach; iso files can go to nas"),
        ("iso upload {}/a.iso --storage ceph", "keeps no iso files"),
        ("iso upload {}/a.iso --checksum abc", "no sum that the server can compute"),
        ("iso download ftp://example.org/a.iso", "begin with http:// or https://"),
        ("template download nothing-like-it", "template list --available"),
        ("template clone 4711", "there is no guest 4711"),
        ("template convert 9000 --yes", "it is a template already"),
        ("template clone 111 full=0", "linked clones can only be made of templates"),
    ] {
        let (code, _, err) = lab.run(line).await;
        assert!(code == 1 && err.contains(why), "{line}: {code} {err}");
        // Only commands that know the option speak of it.
        assert!(!err.contains("--fields-help") || line.starts_with("template clone"), "{line}: {err}");
    }
    // A sum that the file does not have: the upload is given up before its end.
    let (code, _, err) = lab.run(&format!("iso upload {{}}/a.iso --checksum {}", "0".repeat(64))).await;
    assert_ne!(code, 0);
    assert!(err.contains("does not add up") && err.contains("throws away") && !err.contains("--by-node"), "{err}");
    assert_eq!(lab.size("nas:iso/a.iso"), None);
}

/// Passes everything on to the server, and does something once, after so many bytes; it breaks the connection when that
/// returns true.
fn gate(server: SocketAddr, after: i64, act: impl FnOnce() -> bool + Send + 'static) -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = door.local_addr().unwrap();
    let left = Arc::new(AtomicI64::new(after));
    let act = Arc::new(Mutex::new(Some(act)));
    std::thread::spawn(move || {
        for client in door.incoming().flatten() {
            let there = TcpStream::connect(server).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), there.try_clone().unwrap());
            let (left, act) = (left.clone(), act.clone());
            std::thread::spawn(move || {
                let mut piece = [0; 16 << 10];
                while let Ok(n @ 1..) = from.read(&mut piece) {
                    let now = left.fetch_sub(n as i64, Ordering::Relaxed) < n as i64;
                    let act = if now { act.lock().unwrap().take() } else { None };
                    if act.is_some_and(|act| act()) || to.write_all(&piece[..n]).is_err() {
                        let _ = from.shutdown(Shutdown::Both);
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Both);
            });
            let (mut from, mut to) = (there, client);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_at_nine_tenths() {
    let mut lab = Lab::new().await;
    let path = lab.file("big.iso", 96);
    let before = sum(&path);
    // What the system has taken from the program counts as sent: some MiB more than what has arrived.
    lab.address = gate(lab.server.address, 80 << 20, || true);
    let (code, _, err) = lab.run("iso upload {}/big.iso --storage nas").await;
    assert_ne!(code, 0);
    let told = err.lines().find(|l| l.contains(" after ") && l.contains("% of big.iso")).unwrap_or_default();
    assert!(told.contains("throws the part away") && told.contains("--by-node"), "{err}");
    assert_eq!(lab.size("nas:iso/big.iso"), None);
    assert_eq!(before, sum(&path));
    let path = lab.file("big.iso", 5);
    let before = sum(&path);
    // The same again over a good connection, fetched by the node.
    lab.address = lab.server.address;
    let (code, out, err) = lab.run("iso upload {}/big.iso --storage nas --by-node").await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("This console listens on 127.0.0.1:") && err.contains("add --yes"), "{err}");
    let (code, out, err) = lab.run("iso upload {}/big.iso --storage nas --by-node --yes").await;
    assert_eq!((code, out.trim()), (0, "Let pve1 fetch big.iso to nas: done (OK)"), "{err}");
    assert!(err.contains("verify-certificates 0") && err.contains(&before), "{err}");
    assert_eq!(lab.size("nas:iso/big.iso"), Some(5 << 20));
    // Unencrypted, on a port of one's own choice.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line =
        format!("iso upload {{}}/big.iso --name b2.iso --by-node --plain --listen 127.0.0.1:{port} --yes --json");
    let made = lab.json(&line).await;
    assert_eq!(made[0]["status"], "OK", "{made}");
    assert!(made[0]["call"].as_str().unwrap().contains(&format!("url=http://127.0.0.1:{port}/")), "{made}");
    let (code, _, err) = lab.run("iso upload {}/big.iso --name b3.iso --by-node --listen 192.0.2.1:50000 --yes").await;
    assert_ne!(code, 0);
    assert!(err.contains("can't be offered at 192.0.2.1:50000"), "{err}");
    assert_eq!(lab.size("nas:iso/b3.iso"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_space_on_the_server_names_what_is_left() {
    let mut lab = Lab::new().await;
    lab.file("big.iso", 8);
    // The space goes while the file is on its way.
    let server = lab.server.clone();
    lab.address = gate(lab.server.address, 4 << 20, move || {
        server.with(|sim| {
            let (total, used) = sim.cluster.room("pve1", &sim.cluster.storages["nas"]);
            let own = sim.cluster.storages.get_mut("nas").unwrap();
            own.total = total.min(used + (2 << 20));
        });
        false
    });
    let (code, _, err) = lab.run("iso upload {}/big.iso --storage nas").await;
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("import failed"), "{err}");
    assert!(err.contains("nas:iso/big.iso was left there with 2.00 MiB of 8.00 MiB: remove it"), "{err}");
    lab.address = lab.server.address;
    let (code, _, err) = lab.run("iso upload {}/big.iso --storage nas").await;
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("free, the file needs 8.00 MiB"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_is_away_and_an_address_that_nobody_answers() {
    let lab = Lab::new().await;
    lab.file("a.iso", 1);
    let away = || Trouble::Status(500, "storage 'nas' is not online".into());
    lab.server.with(|sim| sim.faults.add("nas/upload", Some(1), away()));
    let (code, _, err) = lab.run("iso upload {}/a.iso --storage nas").await;
    assert_ne!(code, 0);
    assert!(err.contains("storage 'nas' is not online"), "{err}");
    let (code, _, err) = lab.run("iso download http://127.0.0.1:1/b.iso --storage nas").await;
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("download failed: exit code 4"), "{err}");
    // Its name is taken: said before, when the list can be read, and by the task when not.
    let (code, _, err) = lab.run("iso download https://example.org/virtio-win-0.1.271.iso --storage nas").await;
    assert_eq!(code, 1);
    assert!(err.contains("is there already"), "{err}");
    lab.server.with(|sim| sim.faults.add("nas/content", None, away()));
    let (code, _, err) = lab.run("iso download https://example.org/virtio-win-0.1.271.iso --storage nas").await;
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("refusing to override existing file"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_from_the_command_line() {
    let lab = Lab::new().await;
    let list = lab.json("template list --json").await;
    assert!(list.as_array().unwrap().iter().any(|t| t["vmid"] == 9000 && t["kind"] == "qemu"), "{list}");
    let (code, out, _) = lab.run("template list --available").await;
    assert!(code == 0 && out.contains("fedora-42-default_20250428_amd64.tar.xz"), "{out}");
    let (code, out, _) = lab.run("template list --files").await;
    assert!(code == 0 && out.contains(":vztmpl/"), "{out}");

    let (code, _, err) = lab.run("template download debian --storage nas").await;
    assert_eq!(code, 1);
    assert!(err.contains("may mean") && err.contains("debian-12-standard"), "{err}");
    let (code, out, err) = lab.run("template download fedora-42 --storage nas").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Download fedora-42-default_20250428_amd64.tar.xz to nas: done (OK)"), "{out}");
    assert!(err.lines().any(|l| l.contains("fedora-42") && l.contains('%')), "plain progress: {err}");

    let made = lab.json("template clone 9000 name=node-## count=2 --json").await;
    assert_eq!(made.as_array().unwrap().len(), 2);
    assert!(made.as_array().unwrap().iter().all(|m| m["status"] == "OK"), "{made}");
    let names = lab.server.with(|sim| sim.cluster.guests.values().filter(|g| g.name().starts_with("node-0")).count());
    assert_eq!(names, 2);
    // The source is locked while a copy is made: nobody waits for the last one only.
    let made = lab.json("template clone 9000 name=copy-# count=2 full=1 storage=nas --no-wait --json").await;
    assert_eq!((&made[0]["status"], &made[1]["status"]), (&Value::from("OK"), &Value::Null), "{made}");
    assert!(made[1]["upid"].as_str().unwrap().contains(":qmclone:"), "{made}");
    let (code, out, _) = lab.run("template clone 9000 --fields-help").await;
    assert!(code == 0 && out.contains("bwlimit"), "{out}");

    let (code, _, err) = lab.run("template convert 111").await;
    assert!(code == 1 && err.contains("there is no way back"), "{err}");
    let (code, out, err) = lab.run("template convert 111 --yes").await;
    assert!(code == 0 && out.contains("done"), "{err}");
    let list = lab.json("template list --json").await;
    assert!(list.as_array().unwrap().iter().any(|t| t["vmid"] == 111), "{list}");
}
