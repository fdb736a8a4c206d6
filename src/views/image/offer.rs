//! A file of this machine that lies ready for a node, which fetches it itself: after an upload that broke, it goes on where
//! the connection was lost instead of beginning again.

use std::{io::Read as _, net::IpAddr, path::PathBuf, time::Duration};

use sha2::Digest as _;
use tokio::net::UdpSocket;

use super::target;
use crate::{
    api::{
        Wire,
        attachment::{Attachment, Meter, Offer},
        image::{self, Checksum, Destination},
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// The address of this machine from which the server is reached.
    Address(Result<IpAddr, String>),
    /// The file's sum.
    Sum(Result<String, String>),
}

type MsgOf = dialog::Msg<Msg>;

/// Lets the node fetch what was to be sent.
pub struct LetFetch {
    to: Destination,
    path: PathBuf,
    size: u64,
    secret: String,
}

impl LetFetch {
    /// A dialog for the file of an upload, or of an earlier offer.
    pub fn open(wire: &Wire) -> Option<Dialog<Self>> {
        let file = wire.file.as_ref()?;
        let to = image::destination(wire)?;
        let form = Form::new()
            .text("host", "Address of this machine")
            .required()
            .check(|host, _| {
                host.parse::<IpAddr>().map(drop).map_err(|_| "an IP address of this machine, such as 192.0.2.7".into())
            })
            .warn(|_, v| Some(v.get("host.error").to_owned()).filter(|e| !e.is_empty()))
            .help("The node must be able to reach it. By default the one from which the server is reached.")
            .number("port", "Port", 1024..=65_535)
            .initial(&rand::random_range(49_152..=65_535u16).to_string())
            .required()
            .help("Free on this machine, and open in its firewall for the node.")
            .toggle("tls", "Encrypt")
            .initial("1")
            .help("With a certificate that is made for this fetch; the node does not check it, the checksum does.")
            .text("checksum", "Checksum")
            .initial(to.checksum.as_ref().map_or("", |sum| &sum.sum))
            .placeholder("none: nothing is checked")
            .check(|sum, _| Checksum::parse(sum).map(drop).ok_or_else(|| "no sum that the server can compute".into()))
            .warn(|_, v| Some(v.get("sum.state").to_owned()).filter(|s| !s.is_empty()))
            .help(target::SUM_HELP)
            .number("minutes", "Give up after", 1..=1440)
            .initial("10")
            .required()
            .unit("min")
            .help("So long nobody comes, or nothing moves.");
        let ask = Self { to, path: file.path.clone(), size: file.size, secret: Offer::new_secret() };
        Some(Dialog::new(ask, Wizard::single(form)))
    }
}

/// The address of this machine on the way to a server. Nothing is sent for that.
async fn address_towards(host: &str, port: u16) -> std::io::Result<IpAddr> {
    let target = tokio::net::lookup_host((host, port)).await?.next();
    let target = target.ok_or_else(|| std::io::Error::other("the server's name has no address"))?;
    let any: IpAddr = if target.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(target).await?;
    Ok(socket.local_addr()?.ip())
}

fn sum_of(path: &std::path::Path) -> std::io::Result<String> {
    let (mut file, mut sum) = (std::fs::File::open(path)?, sha2::Sha256::new());
    let mut piece = vec![0; 256 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            n => sum.update(&piece[..n]),
        }
    }
    Ok(sum.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

impl Ask for LetFetch {
    type Msg = Msg;
    const NAME: &'static str = "Let the node fetch";
    const DETACHED: bool = true;

    fn title(&self) -> String {
        format!("Let {} fetch {}", self.to.node, self.to.name)
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        let session = cx.session();
        cx.job(move |world| {
            Box::pin(async move {
                Msg::Address(match world.place(session) {
                    Some(place) => {
                        let found = address_towards(place.target.host(), place.target.port()).await;
                        found.map_err(|e| e.to_string())
                    }
                    None => Err("it is not known where the server is".into()),
                })
            })
        });
        if self.to.checksum.is_none() {
            wizard.set_fact("sum.state", "reading the file for its sum");
            let path = self.path.clone();
            cx.job(move |_| {
                Box::pin(async move {
                    let sum = tokio::task::spawn_blocking(move || sum_of(&path).map_err(|e| e.to_string())).await;
                    Msg::Sum(sum.unwrap_or_else(|e| Err(e.to_string())))
                })
            });
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, MsgOf>) {
        match msg {
            Msg::Address(Ok(ip)) => {
                wizard.set_default("host", &ip.to_string());
            }
            Msg::Address(Err(why)) => wizard.set_fact("host.error", format!("not found out: {why}")),
            Msg::Sum(Ok(sum)) => {
                wizard.set_default("checksum", &sum);
                wizard.set_fact("sum.state", "sha256 of the file as it is now");
            }
            Msg::Sum(Err(why)) => wizard.set_fact("sum.state", format!("the file can't be read: {why}")),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let minutes: u64 = values.get("minutes").parse().ok()?;
        let offer = Offer {
            host: values.get("host").parse().ok()?,
            port: values.get("port").parse().ok()?,
            secret: self.secret.clone(),
            tls: values.is_on("tls"),
            patience: Duration::from_secs(minutes * 60),
        };
        let Destination { node, storage, content, name, .. } = &self.to;
        let checksum = Checksum::parse(values.get("checksum"));
        let (address, tls, unchecked) = (offer.address(), offer.tls, checksum.is_none());
        let what = image::Download {
            url: offer.url(name),
            content: *content,
            filename: name.clone(),
            checksum,
            compression: None,
            verify: !tls,
        };
        let file = Attachment {
            path: self.path.clone(),
            name: name.clone(),
            size: self.size,
            meter: Meter::default(),
            offer: Some(Box::new(offer)),
        };
        let label = format!("Let {node} fetch {name} to {storage}");
        let write = Write::new(label.clone(), image::download(node, storage, &what).file(file));
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]).degree(Degree::Careful);
        let size = text::bytes(self.size);
        proposal = proposal.note(format!(
            "This console listens on {address}: whoever knows the secret path and comes first can read {} ({}), and nothing else.",
            self.path.display(),
            size.trim()
        ));
        proposal = proposal.note(format!(
            "It ends after one whole fetch, when you stop it, when you leave the console, or after {minutes} min without movement."
        ));
        if !tls {
            proposal = proposal.note("Not encrypted: whoever is on the way can read the file.");
        }
        if unchecked {
            proposal = proposal.note("Without a checksum nobody notices when the file arrives damaged.");
        }
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, _: &crate::ui::Values) -> String {
        if parameter == "url" { "host".into() } else { parameter.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn own_address_and_sum() {
        assert_eq!(address_towards("127.0.0.1", 8006).await.unwrap(), IpAddr::from([127, 0, 0, 1]));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(sum_of(file.path()).unwrap(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
