#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::api::Request;

const SECRET: &str = "hunter2-marked";

fn start(vmid: u32) -> Wire {
    Request::<()>::post(format!("/nodes/pve1/qemu/{vmid}/status/start")).param("timeout", 30).wire
}

fn note(audit: &Audit, wire: &Wire) -> u64 {
    let entry = Entry { user: "root@pam".into(), server: "pve1:8006".into(), profile: None, label: "Start VM", wire };
    audit.begin(&entry).unwrap()
}

/// A trail of three changes: nine lines.
fn filled(dir: &Path) -> Audit {
    let audit = Audit::new(dir);
    for vmid in 100..103 {
        let upid = format!("UPID:pve1:{vmid}:");
        let n = note(&audit, &start(vmid));
        audit.answer(n, Ok(Some(&upid)), 12).unwrap();
        audit.task(&upid, "OK").unwrap();
    }
    audit
}

fn problem(dir: &Path) -> Problem {
    verify(dir).unwrap().problem.expect("nothing was found to be wrong")
}

#[test]
fn lines_are_chained_and_private() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (lines, report) = read_all(dir.path()).unwrap();
    assert_eq!((lines.len(), report.lines, report.first, report.problem), (9, 9, 1, None));
    assert_eq!(lines[0].prev, zero());
    assert_eq!(lines[0].wire().unwrap(), start(100));
    assert_eq!((lines[1].outcome, lines[1].write), (Some(Outcome::Accepted), Some(1)));
    assert_eq!(lines[2].status.as_deref(), Some("OK"));
    assert!(lines[0].time.parse::<Timestamp>().is_ok(), "{}", lines[0].time);
    #[cfg(unix)]
    for name in ["audit.jsonl", "audit.head"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn secrets_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let audit = Audit::new(dir.path());
    let marked = Request::<()>::post("/nodes/a/qemu").param("vmid", 1).secret("cipassword", SECRET).wire;
    // Nobody has marked this one; its name tells.
    let unmarked = Request::<()>::put("/access/password").param("password", SECRET).param("userid", "a@pve").wire;
    note(&audit, &marked);
    note(&audit, &unmarked);
    let text = fs::read_to_string(current(dir.path())).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let (lines, _) = read_all(dir.path()).unwrap();
    let wire = lines[0].wire().unwrap();
    assert_eq!(wire.to_string(), "POST /nodes/a/qemu vmid=1 cipassword=********");
    assert!(crate::api::preview::pvesh(&wire).contains("--cipassword \"$CIPASSWORD\""));
    assert!(lines[1].wire().unwrap().params[0].secret);
}

#[test]
fn another_process_goes_on_with_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Audit::new(dir.path()), Audit::new(dir.path()));
    for i in 0..6 {
        note(if i % 2 == 0 { &one } else { &two }, &start(100 + i));
    }
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.lines, report.problem), (6, None));
    std::thread::scope(|scope| {
        for audit in [&one, &two] {
            scope.spawn(move || (0..20).for_each(|i| assert!(note(audit, &start(i)) > 0)));
        }
    });
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.lines, report.problem), (46, None));
}

#[test]
fn full_files_are_put_aside_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let audit = Audit::new(dir.path()).with_limit(800);
    (0..12).for_each(|i| assert!(note(&audit, &start(i)) > 0));
    note(&Audit::new(dir.path()).with_limit(800), &start(1));
    let report = verify(dir.path()).unwrap();
    assert!(report.files > 2, "{report:?}");
    assert_eq!((report.lines, report.problem.clone()), (13, None));
    // The oldest file may be taken away: it is said where the trail begins.
    fs::remove_file(&verify::files(dir.path()).unwrap()[0]).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.first > 1 && report.problem.is_none(), "{report:?}");
    // One in the middle may not.
    fs::remove_file(&verify::files(dir.path()).unwrap()[1]).unwrap();
    assert!(problem(dir.path()).why.contains("does not follow"));
}

#[test]
fn a_cut_or_altered_trail_is_told_refused_and_left_alone() {
    type Damage = fn(&str) -> String;
    let cases: [(&str, Damage, usize, &str); 6] = [
        ("a value", |t| t.replacen("status/start", "status/stopp", 1), 2, "does not follow"),
        ("the last line", |t| t.replace("\"n\":9", "\"n\":9 "), 9, "altered"),
        ("no line break", |t| t.trim_end().to_owned(), 9, "cut"),
        ("a line less", |t| t.lines().take(8).map(|l| format!("{l}\n")).collect(), 8, "1 lines are missing"),
        ("the first gone", |t| t.lines().skip(1).map(|l| format!("{l}\n")).collect(), 1, "lines before it are missing"),
        ("nothing left", |_| String::new(), 0, "9 lines are missing"),
    ];
    for (what, damage, line, why) in cases {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let file = current(dir.path());
        let broken = damage(&fs::read_to_string(&file).unwrap());
        fs::write(&file, &broken).unwrap();
        let found = problem(dir.path());
        assert_eq!((found.line, found.why.contains(why)), (line, true), "{what}: {found}");
        let wire = start(1);
        let entry = Entry { user: "u".into(), server: "s".into(), profile: None, label: "l", wire: &wire };
        let refused = Audit::new(dir.path()).begin(&entry).unwrap_err().to_string();
        assert!(refused.contains("proxmux audit restart"), "{what}: {refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), broken, "{what}");
        let aside = restart(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(aside.join("audit.jsonl")).unwrap(), broken);
        assert!(Audit::new(dir.path()).begin(&entry).is_ok());
        assert_eq!(verify(dir.path()).unwrap().lines, 1);
    }
}

#[test]
fn a_running_program_notices_the_cut_too() {
    let dir = tempfile::tempdir().unwrap();
    let audit = filled(dir.path());
    let file = current(dir.path());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.lines().take(5).map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    assert!(matches!(audit.task("UPID:", "OK"), Err(AuditError::Broken(p)) if p.line == 5));
}

#[test]
fn what_can_not_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let wire = start(1);
    let entry = Entry { user: "u".into(), server: "s".into(), profile: None, label: "l", wire: &wire };
    let error = Audit::new(file.join("below")).begin(&entry).unwrap_err();
    assert!(matches!(&error, AuditError::File { .. }), "{error}");
    assert!(error.to_string().contains("can't be written"), "{error}");
}

#[test]
fn a_syslog_gets_every_line() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let syslog = Syslog::parse(&format!("udp:{}", server.local_addr().unwrap())).unwrap();
    note(&Audit::new(dir.path()).with_syslog(syslog), &start(100));
    let mut buffer = [0; 4096];
    let length = server.recv(&mut buffer).unwrap();
    let message = std::str::from_utf8(&buffer[..length]).unwrap();
    assert!(message.starts_with("<109>1 ") && message.contains("\"event\":\"write\""), "{message}");
    for bad in ["", "udp:x", "tcp:x:1", "unix:dev"] {
        assert!(Syslog::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(Syslog::parse("unix:/dev/log"), Ok(Syslog::Unix("/dev/log".into())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done to one byte, or wherever the file is cut, it is found.
    #[test]
    fn no_change_of_a_byte_and_no_cut_goes_unnoticed(at in 0.0..1.0f64, byte in any::<u8>(), cut in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let file = current(dir.path());
        let mut content = fs::read(&file).unwrap();
        let place = ((content.len() - 1) as f64 * at) as usize;
        if cut {
            content.truncate(place);
        } else {
            prop_assume!(content[place] != byte);
            content[place] = byte;
        }
        fs::write(&file, &content).unwrap();
        prop_assert!(verify(dir.path()).unwrap().problem.is_some());
        prop_assert!(Audit::new(dir.path()).task("UPID:", "OK").is_err());
        prop_assert_eq!(fs::read(&file).unwrap(), content);
    }

    /// Any texts make lines that can be read again and that follow each other.
    #[test]
    fn any_texts_can_be_written(labels in proptest::collection::vec(".*", 1..6), value in ".*") {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::new(dir.path());
        for label in &labels {
            let wire = Request::<()>::put("/x").param("description", &value).wire;
            audit.begin(&Entry { user: label.clone(), server: value.clone(), profile: None, label, wire: &wire }).unwrap();
        }
        let (lines, report) = read_all(dir.path()).unwrap();
        prop_assert_eq!(report.problem, None);
        prop_assert_eq!(lines.len(), labels.len());
        let wire = lines[0].wire().unwrap();
        prop_assert_eq!(wire.get("description"), Some(value.as_str()));
    }
}
