//! Files that come from the cluster to this machine.

use std::path::{Path, PathBuf};

use super::world::World;
use crate::{
    api::{
        ApiError, Wire,
        sink::{self, Sink},
    },
    store::SessionId,
};

/// Most files of one name beside each other.
const SAME_NAME: u32 = 1000;

impl World {
    /// Asks for what [`Wire::saved_file`] names, and streams it into that folder. It is a hidden file that only its owner
    /// can read until all of it has come. Files that are there stay: a number goes before the name then.
    ///
    /// # Errors
    /// What the server or the transport says; [`ApiError::Unfit`] when it can't be written, [`ApiError::Broken`]
    /// when it was stopped. Nothing of it is left then.
    pub async fn download(&self, session: SessionId, wire: &Wire) -> Result<PathBuf, ApiError> {
        let Some(file) = wire.saved_file() else {
            return Err(ApiError::NotSent("nobody has said where to save it".into()));
        };
        let slots = self.uploads(session);
        let _slot = tokio::select! {
            slot = slots.acquire() => slot,
            () = file.meter.cancelled() => return Err(sink::stopped()),
        };
        let client = self.client(session)?;
        let part = file.path.join(format!(".{}.{:08x}.part", file.name, rand::random::<u32>()));
        let not = |e: std::io::Error| ApiError::Unfit(format!("{} can't be written: {e}", part.display()));
        let sink = Sink::create(&part, file.meter.clone()).await.map_err(not)?;
        let come = tokio::select! {
            come = client.save(wire.clone(), &sink) => come,
            () = file.meter.cancelled() => Err(sink::stopped()),
        };
        let kept = match come {
            Ok(()) => keep(&part, &file.path, &file.name).await,
            Err(error) => Err(error),
        };
        if kept.is_err() {
            let _ = tokio::fs::remove_file(&part).await;
        }
        kept
    }
}

/// Gives it its name, and takes no other file's.
async fn keep(part: &Path, folder: &Path, name: &str) -> Result<PathBuf, ApiError> {
    for n in 0..SAME_NAME {
        let path = folder.join(if n == 0 { name.to_owned() } else { format!("{n}-{name}") });
        let not = |e: std::io::Error| ApiError::Unfit(format!("{} can't be written: {e}", path.display()));
        // The name is taken first, so that nobody else has it in between.
        match tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await {
            Ok(_) => {
                if let Err(error) = tokio::fs::rename(part, &path).await {
                    let _ = tokio::fs::remove_file(&path).await;
                    return Err(not(error));
                }
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(not(error)),
        }
    }
    Err(ApiError::Unfit(format!("there are too many files called {name} already")))
}
