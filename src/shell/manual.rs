//! The description of the API that a session's server has in its manual; kept for the session, and in a file for when
//! the server has none to give.

use std::{fs, io, path::PathBuf, sync::Arc};

use super::{SessionId, World};
use crate::api::{
    ApiError,
    http::write_private,
    schema::{self, Schema},
    version::{self, Version},
};

/// A description, and where it is from.
#[derive(Clone, Debug)]
pub struct Manual {
    /// The methods.
    pub schema: Arc<Schema>,
    /// The server's version.
    pub version: String,
    /// Set when the server did not give it: why, and that it is from the cache.
    pub note: Option<String>,
}

/// The description for a session: asked for once, and again with `fresh`.
///
/// # Errors
/// When the server has none that can be read, and none was kept of the same version.
pub async fn load(world: &World, session: SessionId, fresh: bool) -> Result<Manual, ApiError> {
    let client = world.client(session)?;
    let answer = client.ask(version::get()).await?;
    let version = answer.version.to_string();
    if let Some(manual) = world.manual(session).filter(|m| !fresh && m.version == version && m.note.is_none()) {
        return Ok(manual);
    }
    let file = world.connector().cache_dir().map(|dir| dir.join(name(&answer)));
    let asked = client.page(schema::PAGE).await.and_then(|page| {
        let read = Schema::parse(&page).map_err(|e| ApiError::Garbled(e.to_string()));
        read.map(|schema| (schema, page))
    });
    let manual = match asked {
        Ok((schema, page)) => {
            if let (Some(file), Ok(json)) = (&file, schema::json_part(&page))
                && let Err(error) = write_private(file, json.as_bytes())
            {
                tracing::warn!(file = %file.display(), %error, "the description of the API can't be kept");
            }
            Manual { schema: Arc::new(schema), version, note: None }
        }
        Err(error) => {
            let kept = file.as_ref().map(kept).transpose().map_err(|why| {
                ApiError::Garbled(format!("the server's description of the API ({error}); nor can the kept one: {why}"))
            })?;
            let Some(schema) = kept.flatten() else { return Err(error) };
            let note = format!("The server does not give its description ({error}); this one was kept of {version}.");
            Manual { schema: Arc::new(schema), version, note: Some(note) }
        }
    };
    world.set_manual(session, manual.clone());
    Ok(manual)
}

/// `api-9.2.11-14a2.json`; nothing of a version but letters, digits and points goes into a name of a file.
fn name(version: &Version) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let clean = |text: &str| text.chars().map(plain).collect::<String>();
    format!("api-{}-{}.json", clean(&version.version), clean(&version.repoid))
}

/// What was kept of the same version. One that can't be read is as good as none, but worth a word.
fn kept(file: &PathBuf) -> Result<Option<Schema>, String> {
    match fs::read_to_string(file) {
        Ok(text) => Schema::parse(&text).map(Some).map_err(|e| format!("{}: {e}; remove the file", file.display())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: {e}", file.display())),
    }
}
