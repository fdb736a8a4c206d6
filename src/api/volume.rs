//! What can be done with a volume, whatever it holds.

use super::{
    ids::{NodeName, Upid, VolId},
    request::Request,
};

/// `PUT /nodes/{node}/storage/{storage}/content/{volume}`: writes notes, and protects a backup from removal or lets it go.
pub fn set(node: &NodeName, volume: &VolId, notes: Option<&str>, protected: Option<bool>) -> Request<()> {
    Request::put(volume.path(node)).maybe("notes", notes).maybe("protected", protected.map(u8::from))
}

/// `DELETE /nodes/{node}/storage/{storage}/content/{volume}`: removes it in a task. A guest that uses it is not asked.
pub fn remove(node: &NodeName, volume: &VolId) -> Request<Option<Upid>> {
    Request::delete(volume.path(node))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let (node, volume) = (NodeName::from("n"), VolId::parse("local:iso/a b.iso").unwrap());
        let path = "/nodes/n/storage/local/content/local%3Aiso%2Fa%20b.iso";
        assert_eq!(set(&node, &volume, Some("x"), Some(true)).to_string(), format!("PUT {path} notes=x protected=1"));
        assert_eq!(remove(&node, &volume).to_string(), format!("DELETE {path}"));
        assert_eq!(remove(&node, &volume).decode(br#"{"data":null}"#), Ok(None));
    }
}
