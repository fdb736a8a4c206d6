//! Files of this machine: what is in a folder, how large a file is, and which sum a list beside it gives.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    api::image::{self, Checksum},
    ui::{Choice, text},
};

/// Lists of sums that lie beside images.
const SUMS: &[&str] =
    &["SHA256SUMS", "SHA512SUMS", "SHA256SUMS.txt", "sha256sum.txt", "SHA1SUMS", "MD5SUMS", "CHECKSUM"];
/// More than this are not offered.
const MOST: usize = 500;

/// A file that could be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its sum, and the list that tells it.
    pub sum: Option<(Checksum, String)>,
}

/// The path that a user means: `~` is the home.
pub fn path(typed: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    match typed.strip_prefix('~').map(|rest| rest.trim_start_matches('/')) {
        Some(rest) => home().map_or_else(|| typed.into(), |home| home.join(rest)),
        None => typed.into(),
    }
}

/// Looks at a file, and for its sum in lists beside it (`x.iso.sha256`, `SHA256SUMS` and the like).
///
/// # Errors
/// Why it can't be sent, in words.
pub fn look(path: &Path) -> Result<Local, String> {
    let meta = fs::metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("this is not a file".into());
    }
    fs::File::open(path).map_err(|e| e.to_string())?;
    if meta.len() == 0 {
        return Err("the file is empty".into());
    }
    Ok(Local { path: path.into(), size: meta.len(), sum: sum_beside(path) })
}

/// The sum that a list beside the file gives.
fn sum_beside(path: &Path) -> Option<(Checksum, String)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let own = ["sha256", "sha512", "sha1", "md5"].map(|end| format!("{name}.{end}"));
    let lists = own.iter().map(String::as_str).chain(SUMS.iter().copied());
    lists.into_iter().find_map(|list| {
        let file = folder.join(list);
        // A list of sums is small; anything else is none.
        (fs::metadata(&file).ok()?.len() < 4 << 20).then_some(())?;
        let text = fs::read_to_string(&file).ok()?;
        let alone = || (list.starts_with(name)).then(|| Checksum::parse(text.split_whitespace().next()?))?;
        Checksum::in_list(&text, name).or_else(alone).map(|sum| (sum, list.to_owned()))
    })
}

/// What a folder offers: files that storages take, and folders.
pub fn offers(folder: &Path) -> Vec<Choice> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut found = vec![];
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(meta) = fs::metadata(entry.path()) else { continue };
        let shown = entry.path().to_string_lossy().into_owned();
        if meta.is_dir() && !name.starts_with('.') {
            found.push((1, Choice::new(format!("{shown}/")).detail("folder")));
        } else if meta.is_file() && image::kind_of(&name).is_some() {
            found.push((0, Choice::new(shown).detail(text::bytes(meta.len()).to_owned())));
        }
        if found.len() >= MOST {
            break;
        }
    }
    found.sort_by(|(a, x), (b, y)| (a, &x.value).cmp(&(b, &y.value)));
    found.into_iter().map(|(_, choice)| choice).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_with_its_sum_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.iso");
        assert!(look(&file).is_err());
        fs::write(&file, "").unwrap();
        assert_eq!(look(&file), Err("the file is empty".into()));
        fs::write(&file, "hello").unwrap();
        assert_eq!(look(&file).unwrap().sum, None);
        let sum = "0".repeat(64);
        fs::write(folder.path().join("SHA256SUMS"), format!("{}  y.iso\n{sum} *x.iso\n", "1".repeat(64))).unwrap();
        let found = look(&file).unwrap();
        assert_eq!((found.size, found.sum.unwrap()), (5, (Checksum::parse(&sum).unwrap(), "SHA256SUMS".into())));
        fs::write(folder.path().join("x.iso.sha256"), "2".repeat(64)).unwrap();
        assert_eq!(look(&file).unwrap().sum.unwrap().1, "x.iso.sha256");
        fs::write(folder.path().join("notes.doc"), "x").unwrap();
        fs::create_dir(folder.path().join("more")).unwrap();
        let offered: Vec<String> = offers(folder.path()).into_iter().map(|c| c.detail).collect();
        assert_eq!(offered, ["5 B", "folder"]);
        assert!(look(folder.path()).is_err());
    }
}
