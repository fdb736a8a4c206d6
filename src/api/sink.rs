//! A file that an answer is streamed into: never more than a piece of it is in memory.

use std::{fmt, io, path::Path, sync::Arc};

use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncSeekExt, AsyncWriteExt},
    sync::Mutex,
};

use super::{attachment::Meter, error::ApiError};

/// Takes the body of a successful answer. Clones write into the same file.
#[derive(Clone)]
pub struct Sink {
    file: Arc<Mutex<File>>,
    /// How much has come; also stops it.
    pub meter: Meter,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({} bytes)", self.meter.sent())
    }
}

impl Sink {
    /// A new file that only its owner can read.
    ///
    /// # Errors
    /// When it is there already, or can't be made.
    pub async fn create(path: &Path, meter: Meter) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        Ok(Self { file: Arc::new(Mutex::new(options.open(path).await?)), meter })
    }

    /// Begins anew: what an earlier attempt has left is thrown away.
    ///
    /// # Errors
    /// [`ApiError::Broken`] when the file can't be written.
    pub async fn begin(&self) -> Result<(), ApiError> {
        let mut file = self.file.lock().await;
        self.meter.reset();
        file.set_len(0).await.map_err(|e| broken(&e))?;
        file.rewind().await.map(drop).map_err(|e| broken(&e))
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`ApiError::Broken`] when the file can't be written (a full disk ...), or somebody has stopped it.
    pub async fn write(&self, piece: &[u8]) -> Result<(), ApiError> {
        if self.meter.is_cancelled() {
            return Err(stopped());
        }
        self.file.lock().await.write_all(piece).await.map_err(|e| broken(&e))?;
        self.meter.add(piece.len() as u64);
        Ok(())
    }

    /// Everything has come: sees it safely onto the disk.
    ///
    /// # Errors
    /// [`ApiError::Broken`] when the file can't be written.
    pub async fn finish(&self) -> Result<(), ApiError> {
        let mut file = self.file.lock().await;
        file.flush().await.map_err(|e| broken(&e))?;
        file.sync_all().await.map_err(|e| broken(&e))
    }
}

fn broken(error: &io::Error) -> ApiError {
    ApiError::Unfit(format!("the file can't be written: {error}"))
}

/// What is said when the user has stopped it.
pub fn stopped() -> ApiError {
    ApiError::Broken("stopped by you".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn pieces_in_a_file_of_one_owner() {
        let path = std::env::temp_dir().join(format!("proxmux-sink-{:x}", rand::random::<u64>()));
        let sink = Sink::create(&path, Meter::default()).await.unwrap();
        assert!(Sink::create(&path, Meter::default()).await.is_err(), "nothing is written over");
        sink.write(b"half of a lost answer").await.unwrap();
        sink.begin().await.unwrap();
        sink.write(b"ab").await.unwrap();
        sink.write(b"c").await.unwrap();
        sink.finish().await.unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), sink.meter.sent()), (b"abc".to_vec(), 3));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        sink.meter.cancel();
        assert_eq!(sink.write(b"d").await, Err(stopped()));
        std::fs::remove_file(&path).unwrap();
    }
}
