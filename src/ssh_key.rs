//! SSH keys of the person at the keyboard: found in their own folder and checked, pasted, or generated. Only public keys
//! leave this module; private ones are written to their file and forgotten.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, private::RsaKeypair, rand_core::OsRng};
use thiserror::Error;

/// The shortest RSA key that is still called safe, in bits.
pub const LEAST_RSA: u32 = 2048;

/// A public key in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file's name in its folder, for example `id_ed25519.pub`.
    pub name: String,
    /// The key as one line in the format of OpenSSH.
    pub line: String,
    /// For example `ED25519` or `RSA 4096`.
    pub kind: String,
    /// The comment at the end of the line; mostly `user@host`.
    pub comment: String,
    /// `SHA256:...`
    pub fingerprint: String,
    /// What is wrong with it or with its files, and what to do about it.
    pub trouble: Option<String>,
}

/// What kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Short, fast, understood by everything of the last ten years.
    Ed25519,
    /// RSA with so many bits, for old systems.
    Rsa(u32),
}

/// Why there is no new key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// A file is in the way. Keys are never overwritten.
    #[error("{} is there already: nothing was overwritten; choose another name", .0.display())]
    Exists(PathBuf),
    /// The size is out of bounds.
    #[error("an RSA key must have from {LEAST_RSA} to 8192 bits, not {0}")]
    Size(u32),
    /// The file system said no.
    #[error("{} can't be written: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// The key could not be made.
    #[error("the key could not be made: {0}")]
    Key(#[from] ssh_key::Error),
}

/// Where the user's keys are: `~/.ssh`.
pub fn folder() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".ssh"))
}

fn kind(key: &PublicKey) -> String {
    match key.algorithm() {
        Algorithm::Ed25519 => "ED25519".into(),
        Algorithm::Rsa { .. } => format!("RSA {}", bits(key).unwrap_or(0)),
        Algorithm::Ecdsa { curve } => format!("ECDSA {curve}"),
        Algorithm::SkEd25519 => "ED25519 on a security key".into(),
        Algorithm::SkEcdsaSha2NistP256 => "ECDSA on a security key".into(),
        other => other.as_str().to_uppercase(),
    }
}

/// The size of an RSA key.
fn bits(key: &PublicKey) -> Option<u32> {
    let n = key.key_data().rsa()?.n.as_positive_bytes()?;
    let zeros = n.first().map_or(0, |byte| byte.leading_zeros());
    Some(u32::try_from(n.len()).ok()? * 8 - zeros)
}

/// Too weak to be used: sshd of today refuses such keys.
fn weakness(key: &PublicKey) -> Option<String> {
    match key.algorithm() {
        Algorithm::Dsa => Some("DSA keys are refused everywhere: make a new key".into()),
        Algorithm::Rsa { .. } if bits(key).is_some_and(|bits| bits < LEAST_RSA) => {
            Some(format!("{} bits are too few: make a new key", bits(key).unwrap_or(0)))
        }
        _ => None,
    }
}

/// Reads a public key as it stands in a `.pub` file: one line, without options.
///
/// # Errors
/// Says what is wrong, without repeating the text: it may be a private key.
pub fn parse(text: &str) -> Result<Found, String> {
    let line = text.trim();
    if line.contains("PRIVATE KEY") {
        return Err("is a private key: keep it to yourself, and give the line of its .pub file".into());
    }
    if line.contains(['\n', '\r']) {
        return Err("must be one key on one line".into());
    }
    let key = PublicKey::from_openssh(line)
        .map_err(|_| "is no public key in the format of OpenSSH, for example ssh-ed25519 AAAA... name".to_owned())?;
    Ok(Found {
        name: String::new(),
        line: line.to_owned(),
        kind: kind(&key),
        comment: key.comment().to_owned(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        trouble: weakness(&key),
    })
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// Who may read or write what they should not.
fn exposed(folder: &Path, public: &Path) -> Option<String> {
    let private = public.with_extension("");
    if mode(folder).is_some_and(|mode| mode & 0o022 != 0) {
        return Some(format!("others can write to {0}: chmod 700 {0}", folder.display()));
    }
    if mode(public).is_some_and(|mode| mode & 0o022 != 0) {
        return Some(format!("others can change it: chmod 644 {}", public.display()));
    }
    if mode(&private).is_some_and(|mode| mode & 0o077 != 0) {
        return Some(format!("others can read its private key, so ssh won't use it: chmod 600 {}", private.display()));
    }
    None
}

/// The public keys in a folder, the best first. A folder that isn't there has none.
///
/// # Errors
/// When the folder is there and can't be read.
pub fn find(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut found = vec![];
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|ending| ending != "pub") {
            continue;
        }
        let Some(Ok(mut key)) = fs::read_to_string(&path).ok().map(|text| parse(&text)) else { continue };
        key.name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        key.trouble = key.trouble.or_else(|| exposed(folder, &path));
        found.push(key);
    }
    found.sort_by_key(|key| (key.trouble.is_some(), !key.kind.starts_with("ED25519"), key.name.clone()));
    Ok(found)
}

/// A name for a new key that isn't taken in the folder: `id_ed25519`, `id_ed25519_2`, ...
pub fn free_name(folder: &Path, strength: Strength) -> String {
    let base = match strength {
        Strength::Ed25519 => "id_ed25519",
        Strength::Rsa(_) => "id_rsa",
    };
    let is_free = |name: &String| !folder.join(name).exists() && !folder.join(format!("{name}.pub")).exists();
    let numbered = (2..).map(|n| format!("{base}_{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

/// Makes a key pair: the private key goes to `folder/name` and only its owner may read it, the public one beside it. It has
/// no passphrase; `ssh-keygen -p` gives it one. RSA takes seconds: not for a thread that draws.
///
/// # Errors
/// See [`KeyError`]. Nothing is ever overwritten, and no half of a pair is left behind.
pub fn generate(folder: &Path, name: &str, strength: Strength, comment: &str) -> Result<Found, KeyError> {
    let (private, public) = (folder.join(name), folder.join(format!("{name}.pub")));
    if let Some(there) = [&private, &public].into_iter().find(|path| path.exists()) {
        return Err(KeyError::Exists(there.clone()));
    }
    let mut key = match strength {
        Strength::Ed25519 => PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?,
        Strength::Rsa(bits) if !(LEAST_RSA..=8192).contains(&bits) => return Err(KeyError::Size(bits)),
        Strength::Rsa(bits) => RsaKeypair::random(&mut OsRng, bits as usize)?.into(),
    };
    key.set_comment(comment);
    let line = key.public_key().to_openssh()?;
    make_folder(folder).map_err(|error| KeyError::File(folder.to_owned(), error))?;
    place(&private, key.to_openssh(LineEnding::LF)?.as_bytes(), 0o600)?;
    if let Err(error) = place(&public, format!("{line}\n").as_bytes(), 0o644) {
        let _ = fs::remove_file(&private);
        return Err(error);
    }
    let mut found = parse(&line).map_err(|_| KeyError::Key(ssh_key::Error::FormatEncoding))?;
    found.name = format!("{name}.pub");
    Ok(found)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file as a whole or not at all, and never over another one: it is linked to its name when it is complete.
fn place(path: &Path, content: &[u8], mode: u32) -> Result<(), KeyError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::File(path.to_owned(), error),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(&beside).and_then(|mut file| {
        io::Write::write_all(&mut file, content)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::hard_link(&beside, path));
    let _ = fs::remove_file(&beside);
    placed.map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1bW15a2V5ZHVtbXlrZXlkdW1teWtleWR1bW15a2V5 test";

    #[test]
    fn lines_are_read() {
        let key = parse(&format!("{ED}\n")).unwrap();
        assert_eq!((key.kind.as_str(), key.comment.as_str(), key.line.as_str()), ("ED25519", "test", ED));
        assert!(key.fingerprint.starts_with("SHA256:") && key.trouble.is_none());
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA x", &format!("{ED}\n{ED}"), "hello world"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----";
        let why = parse(private).unwrap_err();
        assert!(why.contains("private key") && !why.contains("c2VjcmV0"));
    }

    #[test]
    fn pairs_are_made_and_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".ssh");
        assert_eq!(find(&folder).unwrap(), []);
        let name = free_name(&folder, Strength::Ed25519);
        assert_eq!(name, "id_ed25519");
        let made = generate(&folder, &name, Strength::Ed25519, "me@here").unwrap();
        assert_eq!((made.name.as_str(), made.comment.as_str()), ("id_ed25519.pub", "me@here"));
        assert_eq!(find(&folder).unwrap(), std::slice::from_ref(&made));
        let private = fs::read_to_string(folder.join("id_ed25519")).unwrap();
        let read = PrivateKey::from_openssh(&private).unwrap();
        assert_eq!(read.public_key().to_openssh().unwrap(), made.line);
        #[cfg(unix)]
        assert_eq!((mode(&folder), mode(&folder.join("id_ed25519"))), (Some(0o700), Some(0o600)));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left there");

        let again = generate(&folder, &name, Strength::Ed25519, "");
        assert!(matches!(again, Err(KeyError::Exists(_))), "{again:?}");
        assert_eq!(fs::read_to_string(folder.join("id_ed25519")).unwrap(), private);
        assert_eq!(free_name(&folder, Strength::Ed25519), "id_ed25519_2");
        assert!(matches!(generate(&folder, "x", Strength::Rsa(1024), ""), Err(KeyError::Size(1024))));
        // A public key alone is in the way, too, and then no private one is left behind.
        fs::write(folder.join("y.pub"), "").unwrap();
        assert!(generate(&folder, "y", Strength::Ed25519, "").is_err() && !folder.join("y").exists());
    }

    #[cfg(unix)]
    #[test]
    fn bad_permissions_are_told() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".ssh");
        generate(&folder, "id_ed25519", Strength::Ed25519, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let trouble = || find(&folder).unwrap()[0].trouble.clone().unwrap_or_default();
        set(&folder.join("id_ed25519"), 0o640);
        assert!(trouble().contains("chmod 600"), "{}", trouble());
        set(&folder.join("id_ed25519.pub"), 0o666);
        assert!(trouble().contains("chmod 644"));
        set(&folder, 0o777);
        assert!(trouble().contains("chmod 700"));
    }

    #[test]
    fn rsa_has_the_chosen_size() {
        let home = tempfile::tempdir().unwrap();
        let made = generate(home.path(), "id_rsa", Strength::Rsa(2048), "me").unwrap();
        assert_eq!(made.kind, "RSA 2048");
        assert!(made.line.starts_with("ssh-rsa "));
    }
}
