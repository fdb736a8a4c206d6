//! Images and templates as files: upload, download.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use proxmux::{
    api::{
        ApiError, Call, Transport,
        attachment::{Attachment, Meter},
        http::{HttpTransport, Options, Trust},
        ids::ContentKind,
        image::{self, Checksum},
    },
    sim::{Simulator, fault::Effect as Trouble, scenario::Scenario, server, table::Table},
};
use sha2::Digest as _;

use crate::harness::{Harness, Setup};

async fn isos() -> Harness {
    let mut h = Setup { tab: '4', ..Setup::default() }.go().await;
    h.wait(1.0).await;
    h
}

fn sum(data: &[u8]) -> String {
    sha2::Sha256::digest(data).iter().map(|b| format!("{b:02x}")).collect()
}

/// A file to send, in a folder of its own, with or without its sum beside it.
fn file(name: &str, sums: bool) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let data = vec![7u8; 4 << 20];
    fs::write(&path, &data).unwrap();
    if sums {
        fs::write(folder.path().join("SHA256SUMS"), format!("{}  {name}\n", sum(&data))).unwrap();
    }
    (folder, path)
}

/// Opens the dialog and types the path. Looking at a file takes real time, in another thread.
async fn choose(h: &mut Harness, path: &std::path::Path) {
    h.press("u").await;
    h.wait(0.5).await;
    h.press(&format!("'{}'", path.display())).await;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(5));
        h.wait(0.01).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_with_the_sum_that_lies_beside_it() {
    let (_folder, path) = file("tiny.iso", true);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.sees("sha256 from SHA256SUMS");
    h.press("ctrl-s").await;
    h.sees("Upload tiny.iso to nas?");
    h.sees("checksum-algorithm=sha256");
    assert!(h.writes().is_empty());
    h.press("y").await;
    // The dialog does not wait; the transfer is shown beside the tasks.
    h.wait(2.6).await;
    h.sees("ISO images");
    h.press("9").await;
    h.wait(0.6).await;
    let line = h.line("Upload tiny.iso to nas");
    assert!(line.contains("50 %  2 MiB of 4 MiB") && line.contains("left"), "{line}");
    h.until("Upload tiny.iso to nas: done", 20.0).await;
    h.press("4").await;
    h.wait(6.0).await;
    assert!(h.line("tiny.iso").contains("4.00 MiB"));
    assert_eq!(h.writes().len(), 1);
    assert!(path.is_file(), "the local file is only read");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_would_refuse_is_found_out_before() {
    let (_folder, path) = file("tiny.exe", false);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.press("ctrl-s").await;
    h.sees("the name must end in .iso, .img");
    h.press("esc y").await;
    choose(&mut h, std::path::Path::new("/no/such.iso")).await;
    h.press("ctrl-s").await;
    h.sees("No such file");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_does_not_fit_is_not_sent() {
    let (_folder, path) = file("tiny.iso", false);
    let change = |sim: &mut Simulator| {
        let nas = sim.cluster.storages.get_mut("nas").unwrap();
        (nas.total, nas.used) = (1 << 20, 0);
    };
    let mut h = Setup { tab: '4', ..Setup::default() }.go_after(change).await;
    h.wait(1.0).await;
    choose(&mut h, &path).await;
    // The one with the most room is proposed; the other one is refused.
    h.sees("local (pve3)");
    h.press("down down down").await;
    for _ in 0..8 {
        if h.line("Storage*").contains("nas") {
            break;
        }
        h.press("right").await;
    }
    h.wait(0.5).await;
    h.press("ctrl-s").await;
    h.sees("free, the file needs 4.00 MiB");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_upload_can_be_started_again_or_forgotten() {
    let (_folder, path) = file("tiny.iso", false);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.press("ctrl-s y").await;
    h.wait(1.5).await;
    h.press("9 u").await;
    h.sees("25 %");
    h.press("x").await;
    h.wait(1.0).await;
    h.sees("stopped by you");
    assert_eq!(h.writes().len(), 1);
    h.press("a").await;
    h.sees("It begins from the first byte");
    h.press("y").await;
    h.until("done", 20.0).await;
    assert_eq!(h.writes().len(), 2);
    h.wait(1.0).await;
    h.sees("No file is on its way");
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_at_three_quarters_is_told_and_nothing_is_repeated() {
    let (_folder, path) = file("tiny.iso", false);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.press("ctrl-s y").await;
    h.wait(3.2).await;
    h.set_away(true);
    h.wait(2.0).await;
    h.set_away(false);
    h.press("9").await;
    h.wait(1.0).await;
    assert!(h.line("Upload tiny.iso").contains("broke after 75 %"), "{}", h.screen());
    h.wait(60.0).await;
    assert_eq!(h.writes().len(), 1, "a write is never repeated");
    h.press("u delete").await;
    h.sees("No file is on its way");
}

#[tokio::test(start_paused = true)]
async fn after_a_broken_upload_the_node_may_fetch_the_file() {
    let (_folder, path) = file("tiny.iso", true);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.press("ctrl-s y").await;
    h.wait(1.5).await;
    h.press("9 u x").await;
    h.wait(1.0).await;
    h.sees("stopped by you");
    h.sees("let the node fetch");
    h.press("f").await;
    h.wait(0.5).await;
    h.sees("Let pve1 fetch tiny.iso");
    h.press("ctrl-u '127.0.0.1' tab ctrl-u '49999' ctrl-s").await;
    h.wait(0.2).await;
    // Address, port, and what is exposed are told before anything listens.
    h.sees("This console listens on 127.0.0.1:49999");
    h.sees("url=https://127.0.0.1:49999/");
    h.sees("verify-certificates=0");
    h.sees("checksum-algorithm=sha256");
    assert_eq!(h.writes().len(), 1);
    assert!(std::net::TcpStream::connect("127.0.0.1:49999").is_err());
    // Enter means no here.
    h.press("enter").await;
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaving_asks_while_a_file_is_being_sent() {
    let (_folder, path) = file("tiny.iso", false);
    let mut h = isos().await;
    choose(&mut h, &path).await;
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    h.press("q").await;
    h.sees("Quit, and stop that?");
    assert!(!h.quits());
    h.press("n").await;
    h.until("done", 20.0).await;
    h.press("q").await;
    assert!(h.quits());
}

#[tokio::test(start_paused = true)]
async fn a_node_fetches_what_it_was_asked_about_first() {
    let mut h = isos().await;
    h.press("w").await;
    h.wait(0.5).await;
    h.press("'https://example.org/images/new.iso'").await;
    h.wait(1.0).await;
    assert_eq!(h.calls("GET /nodes/pve1/query-url-metadata").len(), 1, "asked once, not with every letter");
    h.sees("MiB, application/x-iso9660-image");
    h.press("ctrl-s").await;
    h.sees("Download new.iso to nas?");
    h.sees("Without a checksum");
    h.press("y").await;
    h.until("Download new.iso to nas: done", 60.0).await;
    h.wait(6.0).await;
    h.sees("new.iso");
    // The name is taken now, and the server replaces nothing.
    h.press("w").await;
    h.wait(0.5).await;
    h.press("'https://example.org/images/new.iso'").await;
    h.wait(1.0).await;
    h.press("ctrl-s").await;
    h.sees("is there already");
}

#[tokio::test(start_paused = true)]
async fn a_download_without_the_right_to_ask_or_with_a_bad_address() {
    let mut h = isos().await;
    h.trouble("query-url-metadata", Some(1), Trouble::Status(403, "Permission check failed".into()));
    h.press("w").await;
    h.wait(0.5).await;
    h.press("'https://example.org/a.iso'").await;
    h.wait(1.0).await;
    h.sees("you may not ask the node");
    h.press("esc y w").await;
    h.wait(0.5).await;
    h.press("'http://127.0.0.1:1/b.iso'").await;
    h.wait(1.0).await;
    h.sees("Connection refused");
    h.press("ctrl-s y").await;
    h.until("failed: download failed: exit code 4", 30.0).await;
}

/// The real transport, the real server's rules for the parts, and a checksum on the far side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_in_pieces() {
    let table = Arc::new(Table::built_in().unwrap());
    let (cluster, login) = Scenario::Homelab.build(table, server::wall_clock(), 7).unwrap();
    let options = server::Options { delay_401: Duration::ZERO, ..server::Options::default() };
    let there = server::Server::start(Simulator::new(cluster), options).await.unwrap();
    let target = there.url().parse().unwrap();
    let pin = Trust::Pinned(there.fingerprint.parse().unwrap());
    let line = HttpTransport::new(target, &pin, Options::default()).unwrap();
    let token = format!("PVEAPIToken={}={}", login.token, login.secret);
    let (_folder, path) = file("big.iso", false);
    let meter = Meter::default();
    let attachment = |meter: &Meter| Attachment { meter: meter.clone(), ..Attachment::new(&path, "big.iso").unwrap() };
    let checksum = Checksum::parse(&sum(&fs::read(&path).unwrap())).unwrap();
    let call = |meter: &Meter, sum: &Checksum| Call {
        wire: image::upload(&"pve1".into(), &"nas".into(), ContentKind::Iso, Some(sum), attachment(meter)).wire,
        headers: vec![("Authorization", token.clone().into())],
        into: None,
    };
    let answer = line.send(call(&meter, &checksum)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.reason);
    assert_eq!(meter.sent(), 4 << 20);
    let task = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(task.contains(":imgcopy:"), "{task}");

    // Stopped before it began to flow: the server has seen nothing whole.
    let meter = Meter::default();
    meter.cancel();
    let error = line.send(call(&meter, &checksum)).await.unwrap_err();
    assert!(matches!(&error, ApiError::Broken(why) if why.contains("stopped by you")), "{error}");

    // A file that differs from its sum is noticed here, before the server has all of it.
    let wrong = Checksum::parse(&"0".repeat(64)).unwrap();
    let error = line.send(call(&Meter::default(), &wrong)).await.unwrap_err();
    assert!(error.to_string().contains("does not add up"), "{error}");
    assert!(!error.explained().contains("node fetch"), "the node would get the same bytes: {}", error.explained());
}
