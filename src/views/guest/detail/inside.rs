//! What a guest says from inside: its agent, or for a container the node.

use ratatui::text::{Line, Span};

use crate::{
    api::{
        ApiError,
        agent::{self, Interface},
        ids::{GuestKind, GuestRef},
    },
    ui::{Look, Role, text},
};

/// One answer from inside.
pub enum Said {
    /// Interfaces and addresses.
    Interfaces(Result<Vec<Interface>, ApiError>),
    /// The system.
    Os(Result<agent::Os, ApiError>),
    /// Its name.
    Name(Result<agent::HostName, ApiError>),
    /// Its time zone.
    Zone(Result<agent::Zone, ApiError>),
    /// Who is logged in.
    Users(Result<Vec<agent::User>, ApiError>),
    /// File systems.
    Files(Result<Vec<agent::FileSystem>, ApiError>),
}

/// What was said so far.
#[derive(Default)]
pub struct Inside {
    interfaces: Option<Result<Vec<Interface>, ApiError>>,
    os: Option<Result<agent::Os, ApiError>>,
    name: Option<Result<agent::HostName, ApiError>>,
    zone: Option<Result<agent::Zone, ApiError>>,
    users: Option<Result<Vec<agent::User>, ApiError>>,
    files: Option<Result<Vec<agent::FileSystem>, ApiError>>,
}

impl Inside {
    /// Takes an answer in; an older good one stays when the new one is none.
    pub fn hear(&mut self, said: Said) {
        fn keep<T>(slot: &mut Option<Result<T, ApiError>>, answer: Result<T, ApiError>) {
            if answer.is_ok() || !matches!(slot, Some(Ok(_))) {
                *slot = Some(answer);
            }
        }
        match said {
            // Whether anything answers at all shall be true now.
            Said::Interfaces(answer) => self.interfaces = Some(answer),
            Said::Os(answer) => keep(&mut self.os, answer),
            Said::Name(answer) => keep(&mut self.name, answer),
            Said::Zone(answer) => keep(&mut self.zone, answer),
            Said::Users(answer) => keep(&mut self.users, answer),
            Said::Files(answer) => keep(&mut self.files, answer),
        }
    }

    /// The addresses by which others reach the guest, with the interface's name.
    pub fn addresses(&self) -> Vec<String> {
        let Some(Ok(list)) = &self.interfaces else { return vec![] };
        let useful = list.iter().filter(|i| !i.is_loopback());
        let pairs = useful.flat_map(|i| i.ip_addresses.iter().filter(|a| !a.is_link_local()).map(move |a| (i, a)));
        pairs.map(|(i, a)| format!("{}/{} ({})", a.ip_address, a.prefix, i.name)).collect()
    }

    /// Everything, for people.
    pub fn lines(&self, guest: &GuestRef, runs: bool, look: &Look, width: u16) -> Vec<Line<'static>> {
        let muted = |words: String| {
            let lines = text::wrap(&text::clean(&words), usize::from(width).saturating_sub(2).max(10));
            lines.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::Muted))).collect::<Vec<_>>()
        };
        if !runs {
            return [vec![Line::raw("")], muted("The guest does not run: nothing inside answers.".into())].concat();
        }
        let mut out = vec![Line::raw("")];
        let interfaces = match &self.interfaces {
            None => return [out, muted("asking the guest".into())].concat(),
            Some(Err(error)) => {
                out.extend(muted(error.explained()));
                if guest.kind == GuestKind::Vm {
                    out.push(Line::raw(""));
                    out.extend(muted(
                        "What is shown here comes from the QEMU guest agent: switch it on in the options (e, Options, Guest \
                         agent), install qemu-guest-agent inside, and start the VM anew."
                            .into(),
                    ));
                }
                return out;
            }
            Some(Ok(list)) => list,
        };
        let mut fact = |label: &str, value: String| {
            out.push(Line::from(vec![
                Span::styled(format!(" {label:<12}"), look.style(Role::Muted)),
                Span::styled(text::clean(&value).into_owned(), look.style(Role::Text)),
            ]));
        };
        if let Some(Ok(name)) = &self.name {
            fact("Host name", name.host_name.clone());
        }
        if let Some(Ok(os)) = &self.os {
            fact("System", os.pretty_name.clone());
            fact("Kernel", format!("{} {}", os.kernel_release, os.machine));
        }
        if let Some(Ok(zone)) = &self.zone {
            let hours = zone.offset as f64 / 3600.0;
            fact("Time zone", format!("{} (UTC{hours:+})", zone.zone));
        }
        if let Some(Ok(users)) = &self.users {
            let name = |u: &agent::User| match u.domain.as_deref().filter(|d| !d.is_empty()) {
                Some(domain) => format!("{domain}\\{}", u.user),
                None => u.user.clone(),
            };
            let since = |u: &agent::User| text::local_time(u.login_time as i64);
            let all: Vec<String> = users.iter().map(|u| format!("{} since {}", name(u), since(u))).collect();
            fact("Logged in", if all.is_empty() { "nobody".into() } else { all.join(", ") });
        }
        out.push(Line::raw(""));
        out.push(Line::styled(" Network", look.style(Role::Title)));
        for i in interfaces {
            let addresses: Vec<String> =
                i.ip_addresses.iter().map(|a| format!("{}/{}", a.ip_address, a.prefix)).collect();
            let addresses = if addresses.is_empty() { "no address".to_owned() } else { addresses.join("  ") };
            out.push(Line::from(vec![
                Span::styled(format!(" {:<12}", text::clean(&i.name)), look.style(Role::Accent)),
                Span::styled(format!("{:<19}", text::clean(&i.hardware_address)), look.style(Role::Muted)),
                Span::styled(text::clean(&addresses).into_owned(), look.style(Role::Text)),
            ]));
        }
        if let Some(Ok(files)) = self.files.as_ref().filter(|_| guest.kind == GuestKind::Vm) {
            out.push(Line::raw(""));
            out.push(Line::styled(" File systems", look.style(Role::Title)));
            let label = files.iter().map(|f| text::width(&f.mountpoint)).max().unwrap_or(0).clamp(9, 24);
            for f in files {
                let mount = text::fit(&text::clean(&f.mountpoint), label, look.glyphs.ellipsis) + " ";
                let (used, total) = (f.used_bytes.unwrap_or(0), f.total_bytes.unwrap_or(0));
                let words = format!("{} of {}  {}", text::bytes(used), text::bytes(total), f.kind);
                out.push(super::summary::gauge(look, &mount, used as f64 / total.max(1) as f64, &words, width));
            }
        }
        out
    }
}
