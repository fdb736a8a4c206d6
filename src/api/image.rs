//! Images and templates as files: how they come to a storage (upload, download, catalogue, OCI registry).

use compact_str::CompactString;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{
    attachment::Attachment,
    ids::{ContentKind, NodeName, StorageId, Upid},
    json::loose,
    request::{Request, Wire},
    storage::path,
};

/// `POST /nodes/{node}/storage/{storage}/upload`: sends a file; a task then copies it to its place. A file of the same name
/// is overwritten without a question.
pub fn upload(
    node: &NodeName,
    storage: &StorageId,
    content: ContentKind,
    checksum: Option<&Checksum>,
    file: Attachment,
) -> Request<Upid> {
    // The server reads the parts in this order and no other.
    let request = Request::post(path(node, storage, "upload")).param("content", content);
    let request = match checksum {
        Some(sum) => request.param("checksum-algorithm", sum.algorithm).param("checksum", &sum.sum),
        None => request,
    };
    request.file(file)
}

/// `POST /nodes/{node}/storage/{storage}/download-url`: lets the node fetch a file.
pub fn download(node: &NodeName, storage: &StorageId, what: &Download) -> Request<Upid> {
    let request = Request::post(path(node, storage, "download-url"))
        .param("content", what.content)
        .param("filename", &what.filename)
        .param("url", &what.url)
        .maybe("compression", what.compression.as_deref())
        .maybe("checksum-algorithm", what.checksum.as_ref().map(|sum| sum.algorithm))
        .maybe("checksum", what.checksum.as_ref().map(|sum| &sum.sum));
    if what.verify { request } else { request.flag("verify-certificates", false) }
}

/// `GET /nodes/{node}/query-url-metadata`: what a web server says about a file, asked by the node.
pub fn metadata(node: &NodeName, url: &str, verify: bool) -> Request<Metadata> {
    let request = Request::get(node.path("query-url-metadata")).param("url", url);
    if verify { request } else { request.flag("verify-certificates", false) }
}

/// `GET /nodes/{node}/aplinfo`: the container templates that can be had.
pub fn catalogue(node: &NodeName) -> Request<Vec<Appliance>> {
    Request::get(node.path("aplinfo"))
}

/// `POST /nodes/{node}/aplinfo`: lets the node fetch a template of the catalogue; its sum is checked.
pub fn download_appliance(node: &NodeName, storage: &StorageId, template: &str) -> Request<Upid> {
    Request::post(node.path("aplinfo")).param("storage", storage).param("template", template)
}

/// `GET /nodes/{node}/query-oci-repo-tags`: the tags of an OCI repository, for example `docker.io/library/debian`.
pub fn oci_tags(node: &NodeName, repository: &str) -> Request<Vec<String>> {
    Request::get(node.path("query-oci-repo-tags")).param("reference", repository)
}

/// `POST /nodes/{node}/storage/{storage}/oci-registry-pull`: lets the node fetch an OCI image (`repository:tag`) as a
/// container template.
pub fn oci_pull(node: &NodeName, storage: &StorageId, reference: &str, filename: Option<&str>) -> Request<Upid> {
    Request::post(path(node, storage, "oci-registry-pull")).param("reference", reference).maybe("filename", filename)
}

/// What a node shall fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// `http://` or `https://`.
    pub url: String,
    /// `iso`, `vztmpl` or `import`.
    pub content: ContentKind,
    /// What it shall be called.
    pub filename: String,
    /// What it must add up to.
    pub checksum: Option<Checksum>,
    /// How it is packed, to be unpacked on arrival: `gz`, `lzo`, `zst` or `bz2` (images only).
    pub compression: Option<String>,
    /// Whether the web server must prove itself.
    pub verify: bool,
}

/// What a web server says about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Its name, cleaned by the node.
    #[serde(deserialize_with = "loose")]
    pub filename: Option<String>,
    /// Its size in bytes.
    #[serde(deserialize_with = "loose")]
    pub size: Option<u64>,
    /// For example `application/x-iso9660-image`.
    #[serde(deserialize_with = "loose")]
    pub mimetype: Option<CompactString>,
}

/// A container template of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Appliance {
    /// The file's name; identifies it.
    #[serde(deserialize_with = "loose")]
    pub template: CompactString,
    /// The package, for example `debian-12-standard`.
    #[serde(deserialize_with = "loose")]
    pub package: CompactString,
    /// Its version.
    #[serde(deserialize_with = "loose")]
    pub version: CompactString,
    /// `system`, `turnkeylinux` or `mail`.
    #[serde(deserialize_with = "loose")]
    pub section: CompactString,
    /// `lxc`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// The system in it, for example `debian-12`.
    #[serde(deserialize_with = "loose")]
    pub os: CompactString,
    /// One line about it.
    #[serde(deserialize_with = "loose")]
    pub headline: String,
    /// More about it.
    #[serde(deserialize_with = "loose")]
    pub description: String,
    /// Where more is to be read.
    #[serde(deserialize_with = "loose")]
    pub infopage: String,
    /// Where the node fetches it.
    #[serde(deserialize_with = "loose")]
    pub location: String,
    /// SHA-512 in hex, where there is one.
    #[serde(deserialize_with = "loose")]
    pub sha512sum: String,
}

/// What a file must add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// One of [`Checksum::ALGORITHMS`].
    pub algorithm: &'static str,
    /// Hex digits in small letters.
    pub sum: String,
}

impl Checksum {
    /// What the server can compute, with the number of hex digits.
    pub const ALGORITHMS: [(&'static str, usize); 6] =
        [("md5", 32), ("sha1", 40), ("sha224", 56), ("sha256", 64), ("sha384", 96), ("sha512", 128)];

    /// A sum whose algorithm its length tells; `sha256:ab12…` names it.
    pub fn parse(text: &str) -> Option<Self> {
        let (named, digits) = match text.trim().split_once(':') {
            Some((name, digits)) => (Some(name.trim().to_lowercase()), digits.trim()),
            None => (None, text.trim()),
        };
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let (algorithm, _) = Self::ALGORITHMS.into_iter().find(|(_, length)| *length == digits.len())?;
        (hex && named.is_none_or(|name| name == algorithm)).then(|| Self { algorithm, sum: digits.to_lowercase() })
    }

    /// The sum of a file in a list like `SHA256SUMS`: `sum  name`, `sum *name` or `SHA256 (name) = sum`.
    pub fn in_list(list: &str, file: &str) -> Option<Self> {
        list.lines().find_map(|line| {
            if let Some((head, sum)) = line.rsplit_once(" = ") {
                let name = head.split_once('(')?.1.strip_suffix(')')?;
                return (name == file).then(|| Self::parse(sum))?;
            }
            let (sum, name) = line.split_once(char::is_whitespace)?;
            let name = name.trim().trim_start_matches('*').trim_start_matches("./");
            (name == file).then(|| Self::parse(sum))?
        })
    }
}

/// Where a file goes with an upload or a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The node that takes it in.
    pub node: NodeName,
    /// The storage.
    pub storage: StorageId,
    /// What kind of file it is.
    pub content: ContentKind,
    /// What it is called there.
    pub name: String,
    /// What it must add up to, if that is told.
    pub checksum: Option<Checksum>,
}

/// Reads from a call of [`upload`] or [`download`] where the file goes.
pub fn destination(wire: &Wire) -> Option<Destination> {
    let decode = |part: &str| percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned());
    let parts: Vec<&str> = wire.path.split('/').collect();
    let ["", "nodes", node, "storage", storage, "upload" | "download-url"] = parts.as_slice() else { return None };
    let name = match wire.body_file() {
        Some(file) => file.name.as_str(),
        None => wire.get("filename")?,
    };
    Some(Destination {
        node: NodeName::from(decode(node)?),
        storage: StorageId::from(decode(storage)?),
        content: ContentKind::from_api(wire.get("content")?)?,
        name: clean_name(name),
        checksum: wire.get("checksum").and_then(Checksum::parse),
    })
}

/// Endings that the server accepts for a kind of content; none for what can't be uploaded.
pub fn endings(content: ContentKind) -> &'static [&'static str] {
    match content {
        ContentKind::Iso => &[".iso", ".img"],
        ContentKind::Vztmpl => &[".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tar"],
        ContentKind::Import => &[".qcow2", ".raw", ".vmdk", ".ova"],
        _ => &[],
    }
}

/// The kind of content that a file's name speaks for.
pub fn kind_of(name: &str) -> Option<ContentKind> {
    let name = name.to_lowercase();
    [ContentKind::Iso, ContentKind::Vztmpl, ContentKind::Import]
        .into_iter()
        .find(|kind| endings(*kind).iter().any(|ending| name.ends_with(ending)))
}

/// The name of a packed image without its ending, and the compression that the ending means: `disk.img` and `zst` of
/// `disk.img.zst`. The server unpacks nothing but what becomes an ISO image.
pub fn packed(name: &str) -> Option<(&str, &str)> {
    let (rest, ending) = name.rsplit_once('.')?;
    let compression = ["gz", "lzo", "zst", "bz2"].into_iter().find(|c| ending.eq_ignore_ascii_case(c))?;
    (kind_of(rest) == Some(ContentKind::Iso)).then_some((rest, compression))
}

/// Why the server would refuse a file of this name, if it would.
pub fn wrong_name(content: ContentKind, name: &str) -> Option<String> {
    let fits = endings(content).iter().any(|ending| name.to_lowercase().ends_with(ending) && name.len() > ending.len());
    (!fits).then(|| format!("the name must end in {}", endings(content).join(", ")))
}

/// The name that the server makes of a file's name: the last part of the path, with `_` for everything unusual.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |b: u8| if b.is_ascii_alphanumeric() || b"_.-".contains(&b) { char::from(b) } else { '_' };
    last.bytes().map(plain).collect()
}

/// The file name that an address ends in.
pub fn name_in_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
    rest.split_once('/').map_or_else(String::new, |(_, path)| clean_name(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn packed_images() {
        assert_eq!(packed("disk.img.zst"), Some(("disk.img", "zst")));
        assert_eq!(packed("OPNsense.iso.BZ2"), Some(("OPNsense.iso", "bz2")));
        for other in ["debian.tar.zst", "disk.qcow2.gz", "debian.iso", "notes.gz", ".zst", ""] {
            assert_eq!(packed(other), None, "{other}");
        }
    }

    #[test]
    fn endpoints_as_text() {
        let (node, local) = (NodeName::from("n"), StorageId::from("local"));
        let sum = Checksum::parse(SUM).unwrap();
        let mut what = Download {
            url: "https://h/x.iso".into(),
            content: ContentKind::Iso,
            filename: "x.iso".into(),
            checksum: None,
            compression: None,
            verify: true,
        };
        let begin = "POST /nodes/n/storage/local/download-url content=iso filename=x.iso url=https://h/x.iso";
        assert_eq!(download(&node, &local, &what).to_string(), begin);
        what = Download { checksum: Some(sum.clone()), compression: Some("zst".into()), verify: false, ..what };
        assert_eq!(
            download(&node, &local, &what).to_string(),
            format!("{begin} compression=zst checksum-algorithm=sha256 checksum={SUM} verify-certificates=0")
        );
        assert_eq!(metadata(&node, "http://h/x", true).to_string(), "GET /nodes/n/query-url-metadata url=http://h/x");
        assert_eq!(catalogue(&node).to_string(), "GET /nodes/n/aplinfo");
        assert_eq!(
            download_appliance(&node, &local, "a.tar.zst").to_string(),
            "POST /nodes/n/aplinfo storage=local template=a.tar.zst"
        );
        assert_eq!(oci_tags(&node, "debian").to_string(), "GET /nodes/n/query-oci-repo-tags reference=debian");
        assert_eq!(
            oci_pull(&node, &local, "debian:13", None).to_string(),
            "POST /nodes/n/storage/local/oci-registry-pull reference=debian:13"
        );
        let file = Attachment {
            path: "/tmp/x.iso".into(),
            name: "x.iso".into(),
            size: 7,
            meter: Default::default(),
            offer: None,
        };
        assert_eq!(
            upload(&node, &local, ContentKind::Iso, Some(&sum), file).to_string(),
            format!(
                "POST /nodes/n/storage/local/upload content=iso checksum-algorithm=sha256 checksum={SUM} filename=x.iso"
            )
        );
    }

    #[test]
    fn where_a_call_brings_a_file() {
        let (node, local) = (NodeName::from("n"), StorageId::from("lo cal"));
        let sum = Checksum::parse(SUM);
        let file =
            Attachment { path: "/x".into(), name: "x y.iso".into(), size: 7, meter: Default::default(), offer: None };
        let there = Destination {
            node: node.clone(),
            storage: local.clone(),
            content: ContentKind::Iso,
            name: "x_y.iso".into(),
            checksum: sum.clone(),
        };
        let call = upload(&node, &local, ContentKind::Iso, sum.as_ref(), file).wire;
        assert_eq!(destination(&call), Some(there.clone()));
        let what = Download {
            url: "https://h/z.iso".into(),
            content: ContentKind::Iso,
            filename: "x y.iso".into(),
            checksum: sum,
            compression: None,
            verify: true,
        };
        assert_eq!(destination(&download(&node, &local, &what).wire), Some(there));
        assert_eq!(destination(&catalogue(&node).wire), None);
    }

    #[test]
    fn sums_and_lists_of_them() {
        assert_eq!(Checksum::parse(&format!("SHA256:{}", SUM.to_uppercase())), Checksum::parse(SUM));
        assert_eq!(Checksum::parse(&format!("md5:{SUM}")), None);
        assert_eq!(Checksum::parse("zz"), None);
        for line in [format!("{SUM}  x.iso"), format!("{SUM} *./x.iso"), format!("SHA256 (x.iso) = {SUM}")] {
            let list = format!("# a comment\n{}  y.iso\n{line}\n", "0".repeat(64));
            assert_eq!(Checksum::in_list(&list, "x.iso").unwrap().sum, SUM, "{line}");
            assert_eq!(Checksum::in_list(&list, "z.iso"), None);
        }
    }

    #[test]
    fn names() {
        assert_eq!(clean_name("/home/me/My Größe.iso"), "My_Gr____e.iso");
        assert_eq!(name_in_url("https://h/a/b%20c.iso?x=/y"), "b_20c.iso");
        assert_eq!(name_in_url("https://h"), "");
        assert_eq!(kind_of("X.ISO"), Some(ContentKind::Iso));
        assert_eq!(kind_of("a.tar.zst"), Some(ContentKind::Vztmpl));
        assert_eq!(kind_of("a.qcow2"), Some(ContentKind::Import));
        assert_eq!(kind_of("a.exe"), None);
        assert_eq!(wrong_name(ContentKind::Iso, "a.iso"), None);
        assert!(wrong_name(ContentKind::Iso, ".iso").is_some() && wrong_name(ContentKind::Backup, "a.vma").is_some());
    }
}
