//! Fetches and keeps secrets. What goes wrong is told without the secret, also without what a program printed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::{io::AsyncReadExt, process::Command, task::spawn_blocking, time::timeout};

use super::{
    seal::{self, SealError},
    secret::SecretSource,
    setting,
};
use crate::api::http::write_private;

/// No password is longer, in bytes.
const LONGEST: u64 = 4096;

/// Why there is no secret, and what to do about it.
#[derive(Debug, Error)]
pub enum VaultError {
    /// A variable is missing.
    #[error("the variable {0} is not set, but the secret should be in it")]
    NoVariable(String),
    /// A file can't be read.
    #[error("the secret can't be read from {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file can't be written.
    #[error("the secret can't be written to {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others can read the file.
    #[error("others can read the secret in {0} (mode {mode:03o}): chmod 600 '{0}'", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is nothing usable.
    #[error("{place} holds no usable secret: its first line is empty, too long, or no text")]
    Empty {
        /// Where it was looked for.
        place: String,
    },
    /// A command failed.
    #[error("the command {program}, which should print the secret, {why}")]
    Command {
        /// Its name; its arguments may hold more than is good to show.
        program: String,
        /// What happened.
        why: String,
    },
    /// A stored secret stays closed.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// Nobody has given the passphrase.
    #[error(
        "the secret of profile {0} is stored encrypted: set PROXMUX_PASSPHRASE, or start in a terminal to be asked"
    )]
    NoPassphrase(String),
    /// This program was built without it.
    #[error("{0}")]
    Keyring(String),
}

/// Where this program keeps secrets, and what may be asked on the way.
#[derive(Clone, Debug)]
pub struct Vault {
    /// The folder of the configuration.
    pub dir: PathBuf,
    /// The user's home, for `~/`.
    pub home: Option<PathBuf>,
    /// Opens what is stored encrypted.
    pub passphrase: Option<SecretString>,
}

impl Vault {
    /// The file of a profile's encrypted secret.
    pub fn sealed_file(&self, profile: &str) -> PathBuf {
        self.dir.join("secrets").join(format!("{profile}.sealed"))
    }

    /// The file that an imported secret goes to.
    pub fn plain_file(&self, profile: &str) -> PathBuf {
        self.dir.join("secrets").join(format!("{profile}.secret"))
    }

    /// Fetches a profile's secret. `None`: somebody has to be asked.
    ///
    /// # Errors
    /// When it is not there, or others could read it too.
    pub async fn fetch(
        &self,
        profile: &str,
        source: &SecretSource,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<SecretString>, VaultError> {
        Ok(Some(match source {
            SecretSource::Prompt => return Ok(None),
            SecretSource::Env(name) => {
                let value = env(name).filter(|v| !v.is_empty());
                value.map(SecretString::from).ok_or_else(|| VaultError::NoVariable(name.clone()))?
            }
            SecretSource::File(path) => {
                let path = setting::path(&path.to_string_lossy(), self.home.clone());
                first_line(&read_private(&path)?, || path.display().to_string())?
            }
            SecretSource::Command { argv, timeout } => run(argv, *timeout).await?,
            SecretSource::Stored => {
                let path = self.sealed_file(profile);
                let sealed = read_private(&path)?;
                let sealed = String::from_utf8(sealed).map_err(|_| SealError::Damaged)?;
                let Some(passphrase) = self.passphrase.clone() else {
                    return Err(VaultError::NoPassphrase(profile.to_owned()));
                };
                let profile = profile.to_owned();
                // Hashing the passphrase takes a while, on purpose: others go on meanwhile.
                let opened = spawn_blocking(move || seal::open(&profile, &sealed, &passphrase));
                opened.await.map_err(|_| SealError::Failed)??
            }
            SecretSource::Keyring => keyring(profile).await?,
        }))
    }

    /// Stores a secret encrypted; the file is only for its owner.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn store(
        &self,
        profile: &str,
        secret: &SecretString,
        passphrase: &SecretString,
    ) -> Result<PathBuf, VaultError> {
        let path = self.sealed_file(profile);
        let text = seal::seal(profile, secret, passphrase, seal::ROUNDS)?;
        self.write(path, text.as_bytes())
    }

    /// Writes a secret into a file that only its owner can read.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write_plain(&self, profile: &str, secret: &SecretString) -> Result<PathBuf, VaultError> {
        let path = self.plain_file(profile);
        let line = SecretString::from(format!("{}\n", secret.expose_secret()));
        self.write(path, line.expose_secret().as_bytes())
    }

    /// Also the folder is only for its owner.
    fn write(&self, path: PathBuf, content: &[u8]) -> Result<PathBuf, VaultError> {
        let dir = self.dir.join("secrets");
        let made = fs::create_dir_all(&dir);
        #[cfg(unix)]
        let made = made.and_then(|()| fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)));
        match made.and_then(|()| write_private(&path, content)) {
            Ok(()) => Ok(path),
            Err(error) => Err(VaultError::Unwritable { path, error }),
        }
    }
}

/// Reads a small file that nobody else may read.
fn read_private(path: &Path) -> Result<Vec<u8>, VaultError> {
    let fail = |error| VaultError::File { path: path.to_owned(), error };
    let meta = fs::metadata(path).map_err(fail)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(VaultError::Loose { path: path.to_owned(), mode });
        }
    }
    if meta.len() > LONGEST {
        return Err(VaultError::Empty { place: path.display().to_string() });
    }
    fs::read(path).map_err(fail)
}

/// The first line: `pass` and many others write notes below the secret.
fn first_line(bytes: &[u8], place: impl Fn() -> String) -> Result<SecretString, VaultError> {
    let text = std::str::from_utf8(bytes).ok();
    let line = text.and_then(|t| t.lines().next()).filter(|l| !l.is_empty() && !l.contains(char::is_control));
    line.map(SecretString::from).ok_or_else(|| VaultError::Empty { place: place() })
}

async fn run(argv: &[String], limit: Duration) -> Result<SecretString, VaultError> {
    let program = argv.first().cloned().unwrap_or_default();
    let fail = |why: String| VaultError::Command { program: program.clone(), why };
    let mut command = Command::new(&program);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| fail(format!("can't be started: {e}")))?;
    let out = child.stdout.take().ok_or_else(|| fail("has no output".into()))?;
    let work = async {
        let mut bytes = vec![];
        out.take(LONGEST + 1).read_to_end(&mut bytes).await?;
        Ok::<_, io::Error>((bytes, child.wait().await?))
    };
    let (bytes, status) = match timeout(limit, work).await {
        Err(_) => return Err(fail(format!("did not end within {} s", limit.as_secs()))),
        Ok(Err(e)) => return Err(fail(format!("can't be read: {e}"))),
        Ok(Ok(done)) => done,
    };
    if !status.success() {
        let code = status.code().map_or("a signal".into(), |c| format!("status {c}"));
        return Err(fail(format!("ended with {code}: run it yourself to see why")));
    }
    if bytes.len() as u64 > LONGEST {
        return Err(VaultError::Empty { place: format!("the output of {program}") });
    }
    first_line(&bytes, || format!("the output of {program}"))
}

/// What the system's keyring calls it: service and user.
#[cfg(feature = "keyring")]
fn entry(profile: &str) -> Result<keyring::Entry, String> {
    if let Err(error) = keyring::Entry::store_status() {
        return Err(format!("the system's keyring can't be reached: {error}. Does one run in this session?"));
    }
    keyring::Entry::new("proxmux", profile).map_err(|e| e.to_string())
}

/// Asks the system's keyring on a thread of its own: it may wait until the user has unlocked it.
#[cfg(feature = "keyring")]
async fn keyring(profile: &str) -> Result<SecretString, VaultError> {
    let profile = profile.to_owned();
    let asked = spawn_blocking(move || {
        let missing = |e: keyring::Error| match e {
            keyring::Error::NoEntry => format!(
                "the system's keyring has no secret of service proxmux and user {profile}: `proxmux profile secret {profile} --keyring` puts it there"
            ),
            other => format!("the system's keyring does not give the secret of proxmux/{profile}: {other}"),
        };
        entry(&profile)?.get_password().map(SecretString::from).map_err(missing)
    });
    asked.await.map_err(|e| VaultError::Keyring(e.to_string()))?.map_err(VaultError::Keyring)
}

/// Puts a profile's secret into the system's keyring.
///
/// # Errors
/// When there is none, or it refuses.
#[cfg(feature = "keyring")]
pub fn into_keyring(profile: &str, secret: &SecretString) -> Result<(), VaultError> {
    let put = entry(profile).and_then(|e| e.set_password(secret.expose_secret()).map_err(|e| e.to_string()));
    put.map_err(|why| VaultError::Keyring(format!("the secret is not in the system's keyring: {why}")))
}

/// Takes a profile's secret out of the system's keyring; false when it is not there.
///
/// # Errors
/// When there is no keyring, or it refuses.
#[cfg(feature = "keyring")]
pub fn out_of_keyring(profile: &str) -> Result<bool, VaultError> {
    match entry(profile).map(|e| e.delete_credential()) {
        Ok(Ok(())) => Ok(true),
        Ok(Err(keyring::Error::NoEntry)) => Ok(false),
        Ok(Err(error)) => Err(VaultError::Keyring(error.to_string())),
        Err(why) => Err(VaultError::Keyring(why)),
    }
}

#[cfg(not(feature = "keyring"))]
const WITHOUT: &str = "this proxmux was built without the keyring: build it with `--features keyring`, or keep the secret elsewhere, for example with `secret = { command = [\"secret-tool\", \"lookup\", \"service\", \"proxmux\"] }`";

#[cfg(not(feature = "keyring"))]
async fn keyring(_: &str) -> Result<SecretString, VaultError> {
    Err(VaultError::Keyring(WITHOUT.into()))
}

/// Puts a profile's secret into the system's keyring.
///
/// # Errors
/// Always: this program was built without it.
#[cfg(not(feature = "keyring"))]
pub fn into_keyring(_: &str, _: &SecretString) -> Result<(), VaultError> {
    Err(VaultError::Keyring(WITHOUT.into()))
}

/// Takes a profile's secret out of the system's keyring.
///
/// # Errors
/// Always: this program was built without it.
#[cfg(not(feature = "keyring"))]
pub fn out_of_keyring(_: &str) -> Result<bool, VaultError> {
    Err(VaultError::Keyring("this proxmux was built without the keyring".into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn vault(dir: &Path) -> Vault {
        Vault { dir: dir.to_owned(), home: Some(dir.to_owned()), passphrase: Some("open sesame".into()) }
    }

    async fn fetch(dir: &Path, source: SecretSource) -> Result<String, String> {
        let env = |name: &str| (name == "SET").then(|| "hunter2".to_owned());
        let got = vault(dir).fetch("lab", &source, env).await.map_err(|e| e.to_string())?;
        Ok(got.map_or("ask".into(), |s| s.expose_secret().to_owned()))
    }

    fn command(line: &str) -> SecretSource {
        SecretSource::Command {
            argv: line.split('|').map(str::to_owned).collect(),
            timeout: Duration::from_millis(300),
        }
    }

    #[tokio::test]
    async fn every_place_gives_its_secret() {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path();
        let file = vault(d).write_plain("lab", &"hunter2".into()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fetch(d, SecretSource::File("~/secrets/lab.secret".into())).await.unwrap(), "hunter2");
        assert_eq!(fetch(d, SecretSource::Env("SET".into())).await.unwrap(), "hunter2");
        assert_eq!(fetch(d, SecretSource::Prompt).await.unwrap(), "ask");
        assert_eq!(fetch(d, command("printf|hunter2\\nuser: me\\n")).await.unwrap(), "hunter2");
        let sealed = seal::seal("lab", &"hunter2".into(), &"open sesame".into(), 10).unwrap();
        write_private(&vault(d).sealed_file("lab"), sealed.as_bytes()).unwrap();
        assert_eq!(fetch(d, SecretSource::Stored).await.unwrap(), "hunter2");
    }

    #[tokio::test]
    async fn no_shell_reads_commands() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(fetch(dir.path(), command("printf|%s|$(id); a > b")).await.unwrap(), "$(id); a > b");
    }

    #[tokio::test]
    async fn what_is_wrong_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path();
        let file = |name: &str, content: &[u8], mode: u32| {
            let path = d.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            SecretSource::File(path)
        };
        for (source, want) in [
            (SecretSource::Env("UNSET".into()), "the variable UNSET is not set"),
            (SecretSource::File(d.join("none")), "none: No such file"),
            (file("loose", b"hunter2", 0o644), "(mode 644): chmod 600 '"),
            (file("group", b"hunter2", 0o640), "chmod 600 '"),
            (file("empty", b"\nhunter2", 0o600), "holds no usable secret"),
            (file("binary", b"\xff\xfehunter2", 0o600), "holds no usable secret"),
            (file("large", &[b'x'; 5000], 0o600), "holds no usable secret"),
            (
                command("/no/such/program|hunter2"),
                "the command /no/such/program, which should print the secret, can't be started",
            ),
            (command("sh|-c|echo hunter2; echo hunter2 >&2; exit 3"), "ended with status 3: run it yourself"),
            (command("sleep|9"), "did not end within"),
            (command("true"), "the output of true holds no usable secret"),
            (SecretSource::Stored, "secrets/lab.sealed: No such file"),
        ] {
            let why = fetch(d, source).await.unwrap_err();
            assert!(why.contains(want) && !why.contains("hunter2"), "{why}");
        }
        let sealed = seal::seal("lab", &"hunter2".into(), &"another".into(), 10).unwrap();
        write_private(&vault(d).sealed_file("lab"), sealed.as_bytes()).unwrap();
        assert!(fetch(d, SecretSource::Stored).await.unwrap_err().contains("the passphrase is wrong"));
        let closed = Vault { passphrase: None, ..vault(d) };
        let why = closed.fetch("lab", &SecretSource::Stored, |_| None).await.unwrap_err().to_string();
        assert!(why.contains("PROXMUX_PASSPHRASE"), "{why}");
    }
}
