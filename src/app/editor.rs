//! The user's own editor: `$VISUAL`, else `$EDITOR`, else `vi`.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// A file that is gone when this is.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // What can't be removed is nobody else's to read.
        let _ = fs::remove_file(&self.0);
    }
}

/// Lets the user edit a text and returns it as it is then. The terminal must be in its usual state. The file can be read
/// by nobody else and is removed afterwards.
///
/// # Errors
/// What went wrong and what to do; the text counts as unchanged.
pub fn edit(name: &str, text: &str) -> Result<String, String> {
    let chosen = ["VISUAL", "EDITOR"].iter().find_map(|v| env::var(v).ok().filter(|text| !text.trim().is_empty()));
    edit_with(&chosen.unwrap_or_else(|| "vi".into()), name, text)
}

fn edit_with(editor: &str, name: &str, text: &str) -> Result<String, String> {
    let folder =
        env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir()).unwrap_or_else(env::temp_dir);
    let file =
        create(&folder, name, text).map_err(|why| format!("no file for the editor in {}: {why}", folder.display()))?;
    // A shell, because the variable may hold options: "code --wait".
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&file.0).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            return Err(format!(
                "the editor ({editor}) ended with {status}: nothing was changed. Set EDITOR to another one if it is missing."
            ));
        }
        Err(why) => return Err(format!("the editor ({editor}) could not be started: {why}")),
    }
    fs::read_to_string(&file.0).map_err(|why| format!("the edited text can't be read: {why}"))
}

fn create(folder: &Path, name: &str, text: &str) -> std::io::Result<Temporary> {
    let number: u64 = rand::random();
    let path = folder.join(format!("proxmux-{number:016x}-{name}"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let kept = Temporary(path);
    file.write_all(text.as_bytes())?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_editor_with_options_changes_the_text() {
        assert_eq!(edit_with("sed -i s/2/4/", "x.conf", "cores: 2\n").unwrap(), "cores: 4\n");
        assert_eq!(edit_with("true", "x.conf", "cores: 2\n").unwrap(), "cores: 2\n");
        assert!(edit_with("false", "x.conf", "a").unwrap_err().contains("nothing was changed"));
        assert!(edit_with("/does/not/exist", "x.conf", "a").unwrap_err().contains("ended with"));
    }

    #[test]
    fn nobody_else_reads_it_and_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = create(folder.path(), "x.conf", "a").unwrap();
        assert_eq!(fs::metadata(&file.0).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&file.0).unwrap(), "a");
        let path = file.0.clone();
        drop(file);
        assert!(!path.exists());
    }
}
