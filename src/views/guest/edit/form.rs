//! Forms of settings that are no devices: options of VMs and containers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::sheet::Sheet;
use crate::{
    ui::{Choice, Choices, Form, Values},
    views::device::{cd, check, choices, cloudinit, plain, system},
};

const YES_NO: [(&str, &str); 3] = [("", "default"), ("1", "yes"), ("0", "no")];

/// The name of a VM.
pub fn name(form: Form, _: &Sheet) -> Form {
    form.text("name", "Name").placeholder("VM and its id").check(check::name)
}

/// The name of a container.
pub fn hostname(form: Form, _: &Sheet) -> Form {
    form.text("hostname", "Hostname").placeholder("CT and its id").check(check::name)
}

/// Tags.
pub fn tags(form: Form, _: &Sheet) -> Form {
    form.text("tags", "Tags").placeholder("none").help("Separated by ; or blanks.").check(check::tags)
}

/// Start with the node.
pub fn onboot(form: Form, _: &Sheet) -> Form {
    form.toggle("onboot", "Start at boot").help("The guest is started with its node.")
}

/// The guest system.
pub fn ostype(form: Form, _: &Sheet) -> Form {
    form.select("ostype", "Guest OS", choices(&system::OS_TYPES))
        .help("Turns on what the system can use, e.g. Hyper-V features for Windows; devices stay as they are.")
}

/// The firmware.
pub fn bios(form: Form, _: &Sheet) -> Form {
    form.select(
        "bios",
        "Firmware",
        choices(&[("", "SeaBIOS (default)"), ("seabios", "SeaBIOS"), ("ovmf", "OVMF (UEFI)")]),
    )
    .help("A system that was installed with one firmware seldom boots with the other. UEFI wants an EFI disk.")
}

/// The SCSI controller.
pub fn scsihw(form: Form, _: &Sheet) -> Form {
    form.select("scsihw", "SCSI controller", choices(&system::CONTROLLERS))
        .help("The guest needs a driver for it before it can boot from a SCSI disk.")
}

/// The pointer.
pub fn tablet(form: Form, _: &Sheet) -> Form {
    form.toggle("tablet", "Tablet pointer")
        .initial("1")
        .help("An absolute pointer for the graphical console; many guests without a desktop save processor time off.")
}

/// ACPI.
pub fn acpi(form: Form, _: &Sheet) -> Form {
    form.toggle("acpi", "ACPI").initial("1").help("Without it a clean shutdown is only possible by the guest agent.")
}

/// Hardware virtualisation.
pub fn kvm(form: Form, _: &Sheet) -> Form {
    form.toggle("kvm", "KVM").initial("1").help("Off: everything is emulated, which is very slow.")
}

/// Wait at the start.
pub fn freeze(form: Form, _: &Sheet) -> Form {
    form.toggle("freeze", "Freeze processors at start").help("The guest waits until it is resumed by hand.")
}

/// The clock.
pub fn localtime(form: Form, _: &Sheet) -> Form {
    form.select("localtime", "Clock in local time", choices(&YES_NO))
        .help("By default only guests of a Windows type get local time.")
}

fn check_date(text: &str, _: &Values) -> Result<(), String> {
    let digits =
        |part: &str, length: &[usize]| length.contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let date: Vec<&str> = date.split('-').collect();
    let date = matches!(date.as_slice(), [y, m, d] if digits(y, &[4]) && digits(m, &[1, 2]) && digits(d, &[1, 2]));
    let time = time.is_none_or(|time| {
        let parts: Vec<&str> = time.split(':').collect();
        parts.len() == 3 && parts.iter().all(|part| digits(part, &[1, 2]))
    });
    if text == "now" || (date && time) {
        return Ok(());
    }
    Err("must be now, or a date such as 2026-06-17 or 2026-06-17T16:01:21".into())
}

/// The date of the clock at the start.
pub fn startdate(form: Form, _: &Sheet) -> Form {
    form.text("startdate", "Clock at start").placeholder("now").check(check_date)
}

/// Removal is refused.
pub fn protection(form: Form, _: &Sheet) -> Form {
    form.toggle("protection", "Protection").help("The guest and its disks can't be removed while it is on.")
}

/// Where RAM goes with snapshots.
pub fn statestorage(form: Form, _: &Sheet) -> Form {
    form.select("vmstatestorage", "State storage", Choices::Loading)
        .help("Where the memory goes for snapshots and hibernation. Automatic: where the first disk is, if it can.")
        .check(check::part)
}

/// The script that is run around starts and stops.
pub fn hookscript(form: Form, _: &Sheet) -> Form {
    form.select("hookscript", "Hook script", Choices::Loading)
        .free()
        .help("A snippet that the node runs before and after starts and stops. Only root@pam may set it.")
        .check(check::part)
}

/// The layout of the keyboard.
pub fn keyboard(form: Form, _: &Sheet) -> Form {
    const LAYOUTS: [&str; 26] = [
        "", "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja",
        "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
    ];
    let list = LAYOUTS.iter().map(|layout| match *layout {
        "" => Choice::labelled("", "default"),
        layout => Choice::new(layout),
    });
    form.select("keyboard", "VNC keyboard", Choices::Ready(list.collect()))
        .help("Rarely needed: the console sends key codes that do not depend on the layout.")
}

/// The place of a new CD drive, and what is in it.
pub fn cd(form: Form, _: &Sheet) -> Form {
    (cd::CD.fields)(place(form))
}

/// The place of the cloud-init drive, and its storage.
pub fn cloud_drive(form: Form, _: &Sheet) -> Form {
    (cloudinit::CLOUD_DRIVE.fields)(place(form))
}

fn place(form: Form) -> Form {
    form.select("bus", "Bus", plain(&["ide", "sata", "scsi"]))
        .initial("ide")
        .check(crate::views::device::slot::check_bus)
        .number("number", "Number", 0..=30)
        .placeholder("next free")
        .check(crate::views::device::slot::check_number)
}

/// A boolean in `balloon`, another one in `allow-ksm`.
pub fn read_memory(sheet: &Sheet, values: &mut Values) {
    let balloon = sheet.wanted("balloon");
    values.set("ballooning", if balloon == Some("0") { "0" } else { "1" });
    values.set("balloon", balloon.filter(|least| *least != "0").unwrap_or_default());
    values.set("shares", sheet.wanted("shares").unwrap_or_default());
    values.set("ksm", sheet.wanted("allow-ksm").unwrap_or("1"));
    if values.get("memory").is_empty() {
        values.set("memory", "512");
    }
}

/// The settings beside `memory`.
pub fn write_memory(changed: &Values, known: &Values, texts: &mut Vec<(String, String)>) {
    if changed.contains("ballooning") || changed.contains("balloon") {
        let least = if known.is_on("ballooning") { known.get("balloon") } else { "0" };
        texts.push(("balloon".into(), least.into()));
    }
    if changed.contains("shares") {
        texts.push(("shares".into(), changed.get("shares").into()));
    }
    if changed.contains("ksm") {
        texts.push(("allow-ksm".into(), if changed.is_on("ksm") { String::new() } else { "0".into() }));
    }
}

/// User, password and what else cloud-init sets up.
pub fn ci_user(form: Form, _: &Sheet) -> Form {
    form.text("ciuser", "User").placeholder("the image's own").check(check::part)
}

/// The password of that user.
pub fn ci_password(form: Form, _: &Sheet) -> Form {
    form.secret("cipassword", "Password")
        .required()
        .help("The server keeps only its hash. With keys it is better to have none: remove the row.")
}

/// Search domain.
pub fn searchdomain(form: Form, _: &Sheet) -> Form {
    form.text("searchdomain", "DNS domain").placeholder("the node's").check(check_words)
}

/// Name servers.
pub fn nameserver(form: Form, _: &Sheet) -> Form {
    form.text("nameserver", "DNS servers")
        .placeholder("the node's")
        .help("Addresses, separated by blanks.")
        .check(check_servers)
}

fn check_words(text: &str, _: &Values) -> Result<(), String> {
    text.split_whitespace().try_for_each(|word| check::name(word, &Values::default()))
}

fn check_servers(text: &str, _: &Values) -> Result<(), String> {
    // A link-local address may name its interface.
    let address = |word: &str| word.split('%').next().is_some_and(|a| a.parse::<std::net::IpAddr>().is_ok());
    match text.split([' ', ',', ';']).filter(|word| !word.is_empty()).find(|word| !address(word)) {
        Some(bad) => Err(format!("{bad} is no address")),
        None => Ok(()),
    }
}

/// Update packages at the first boot.
pub fn ci_upgrade(form: Form, _: &Sheet) -> Form {
    form.toggle("ciupgrade", "Upgrade packages").initial("1").help("At the first boot.")
}

/// How the data is handed over.
pub fn ci_type(form: Form, _: &Sheet) -> Form {
    form.select(
        "citype",
        "Format",
        choices(&[
            ("", "by the guest system (default)"),
            ("nocloud", "nocloud (Linux)"),
            ("configdrive2", "configdrive2 (Windows)"),
            ("opennebula", "opennebula"),
        ]),
    )
}

/// What is left alone in a key's line besides letters and digits: as the web interface has it, so that both write the same.
const IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The lines of `sshkeys`, which is percent-encoded once more in the file.
pub fn key_lines(text: &str) -> Vec<String> {
    let text = percent_decode_str(text).decode_utf8_lossy();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The lines as `sshkeys`.
pub fn encode_keys(lines: &[String]) -> String {
    utf8_percent_encode(&lines.join("\n"), IN_KEYS).to_string()
}

fn check_key(text: &str, _: &Values) -> Result<(), String> {
    let kinds = ["ssh-", "ecdsa-", "sk-"];
    let mut words = text.split_whitespace();
    // Options may stand before the kind.
    let good = words.any(|word| kinds.iter().any(|kind| word.starts_with(kind)))
        && words.next().is_some_and(|key| key.starts_with("AAAA"));
    if text.contains("PRIVATE KEY") {
        return Err("is a private key: paste the public one (.pub)".into());
    }
    if good { Ok(()) } else { Err("must be a public key such as ssh-ed25519 AAAA... you@host".into()) }
}

/// SSH keys, one a field.
pub fn ssh_keys(form: Form, sheet: &Sheet) -> Form {
    let lines = key_lines(sheet.wanted("sshkeys").unwrap_or_default());
    let one = |_| Form::new().text("key", "Public key").placeholder("ssh-ed25519 AAAA...").check(check_key);
    let mut form = form.group("ssh", "SSH key", 0..=32, one).items(lines.len().max(1));
    for (n, line) in lines.iter().enumerate() {
        form.set_initial(&format!("ssh{n}.key"), line);
    }
    form
}

/// What the fields are compared with.
pub fn read_keys(sheet: &Sheet, values: &mut Values) {
    values.set("ssh.before", key_lines(sheet.wanted("sshkeys").unwrap_or_default()).join("\n"));
}

/// The fields as `sshkeys`.
pub fn write_keys(_: &Values, known: &Values, texts: &mut Vec<(String, String)>) {
    let fields = known.iter().filter(|(key, value)| {
        !value.trim().is_empty() && key.strip_prefix("ssh").is_some_and(|rest| rest.ends_with(".key"))
    });
    let lines: Vec<String> = fields.map(|(_, value)| value.trim().to_owned()).collect();
    if lines.join("\n") != known.get("ssh.before") {
        texts.push(("sshkeys".into(), encode_keys(&lines)));
    }
}

/// Whether a container has /dev/console.
pub fn console(form: Form, _: &Sheet) -> Form {
    form.toggle("console", "/dev/console").initial("1")
}

/// How many terminals a container has.
pub fn tty(form: Form, _: &Sheet) -> Form {
    form.number("tty", "Terminals", 0..=6).placeholder("2")
}

/// What the console of a container shows.
pub fn cmode(form: Form, _: &Sheet) -> Form {
    form.select(
        "cmode",
        "Console mode",
        choices(&[("", "terminal (default)"), ("tty", "terminal"), ("console", "/dev/console"), ("shell", "shell")]),
    )
    .help("shell: no login, for whoever may open the console.")
}

/// The program that is started in a container.
pub fn entrypoint(form: Form, _: &Sheet) -> Form {
    form.text("entrypoint", "Entry point").placeholder("/sbin/init").help("What is started instead of an init system.")
}

/// The time zone of a container.
pub fn timezone(form: Form, _: &Sheet) -> Form {
    form.text("timezone", "Time zone").placeholder("its own").help("host, or a name such as Europe/Vienna.")
}

/// More log output of a container's start.
pub fn debug(form: Form, _: &Sheet) -> Form {
    form.toggle("debug", "Debug log").help("More output of the container's start in the task log.")
}

fn check_variable(text: &str, _: &Values) -> Result<(), String> {
    let name = text.split_once('=').map(|(name, _)| name).filter(|name| !name.is_empty());
    let word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_some_and(word) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err("must be NAME=value".into())
}

/// Environment of a container's program, a variable a field.
pub fn environment(form: Form, sheet: &Sheet) -> Form {
    let old = sheet.wanted("env").unwrap_or_default().to_owned();
    let list: Vec<&str> = old.split('\0').filter(|line| !line.is_empty()).collect();
    let one = |_| Form::new().text("line", "Variable").placeholder("NAME=value").check(check_variable);
    let mut form = form.group("env", "Variable", 0..=64, one).items(list.len().max(1));
    for (n, line) in list.iter().enumerate() {
        form.set_initial(&format!("env{n}.line"), line);
    }
    form
}

/// What the fields are compared with.
pub fn read_environment(sheet: &Sheet, values: &mut Values) {
    values.set("env.before", sheet.wanted("env").unwrap_or_default());
}

/// The fields as `env`.
pub fn write_environment(_: &Values, known: &Values, texts: &mut Vec<(String, String)>) {
    let fields = known.iter().filter(|(key, value)| {
        !value.is_empty() && key.strip_prefix("env").is_some_and(|rest| rest.ends_with(".line"))
    });
    let lines: Vec<&str> = fields.map(|(_, value)| value).collect();
    if lines.join("\0") != known.get("env.before") {
        texts.push(("env".into(), lines.join("\0")));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_encoded_as_the_server_has_them() {
        // As a real server reads it back.
        let old = "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIGJ1bW15%20test";
        assert_eq!(key_lines(old), ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1bW15 test"]);
        assert_eq!(encode_keys(&key_lines(old)), old);
        let two = encode_keys(&["a b".into(), "c+d/e==".into()]);
        assert_eq!(two, "a%20b%0Ac%2Bd%2Fe%3D%3D");
        assert_eq!(key_lines(&format!("{two}%0A")), ["a b", "c+d/e=="]);
    }

    #[test]
    fn checks_say_why() {
        let none = Values::default();
        assert!(check_key("ssh-ed25519 AAAAC3 me@host", &none).is_ok());
        assert!(check_key("from=\"10.0.0.0/8\" ssh-rsa AAAAB3 x", &none).is_ok());
        assert!(check_key("-----BEGIN OPENSSH PRIVATE KEY-----", &none).unwrap_err().contains("private"));
        assert!(check_servers("10.0.0.1 fe80::1%eth0", &none).is_ok());
        assert_eq!(check_servers("10.0.0.1 dns", &none).unwrap_err(), "dns is no address");
        for good in ["now", "2026-06-17", "2026-06-17T16:01:21"] {
            assert!(check_date(good, &none).is_ok(), "{good}");
        }
        assert!(check_date("17.6.2026", &none).is_err() && check_date("2026-06-17T16", &none).is_err());
    }
}
