//! What an upload that failed on the server has left behind: copying stops where the space ends, and the part stays.

use crate::{
    api::{Wire, client::Client, image, storage},
    ui::text,
};

/// Looks for a part of a file whose task failed with `why`, and names it.
pub async fn find(client: &Client, wire: &Wire, why: &str) -> Option<String> {
    let file = wire.body_file()?;
    // The sum is checked before anything is copied.
    if why.contains("checksum") {
        return None;
    }
    let to = image::destination(wire)?;
    let list = client.ask(storage::content(&to.node, &to.storage, Some(to.content), None)).await;
    let Ok(list) = list else {
        return Some(format!("{} may hold a part of {}: it can't be listed now", to.storage, file.name));
    };
    let part = list.iter().find(|v| v.volid.file_name() == to.name)?;
    let size = part.size.filter(|size| *size != file.size)?;
    Some(format!(
        "{} was left there with {} of {}: remove it before somebody uses it",
        part.volid,
        text::bytes(size),
        text::bytes(file.size)
    ))
}
