//! Saving a text to a file on this machine.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::shell::save::{Outcome, Save};

/// `~/x` is in the home directory.
fn path(typed: &str) -> PathBuf {
    let home = typed.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
    home.unwrap_or_else(|| PathBuf::from(typed))
}

async fn write(path: &Path, content: &str, replace: bool) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true);
    // Without leave to replace, a file that appears meanwhile stays, too.
    let options = if replace { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = options.open(path).await?;
    file.write_all(content.as_bytes()).await?;
    file.flush().await
}

/// Asks where to write a text; `name` is a proposal.
pub fn to_file(name: &str, content: String) -> Save {
    Save::new("Save to a file on this machine", name, move |_, typed, replace| {
        let (file, content) = (path(&typed), content.clone());
        Box::pin(async move {
            match write(&file, &content, replace).await {
                Ok(()) => {
                    let lines = content.lines().count();
                    Ok(Outcome::Kept(format!("Saved {lines} lines to {}", file.display())))
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Outcome::Exists),
                Err(error) => Err(format!("{} can't be written: {error}. Choose another place.", file.display())),
            }
        })
    })
}
