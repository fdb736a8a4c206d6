//! Addresses that other guests have in their configurations, for forms in which somebody types one.

use std::collections::VecDeque;

use super::address;
use crate::{
    api::{
        ApiError,
        guest::{self, Config},
        ids::{GuestRef, VmId},
    },
    shell::Cx,
    ui::{Values, Wizard},
};

/// So many guests are asked at most, and so many at once.
const AT_MOST: usize = 200;
const AT_ONCE: usize = 4;

/// The configuration of another guest.
pub struct Came(VmId, Result<Config, ApiError>);

/// The addresses of the other guests. They are read when somebody types one.
#[derive(Default)]
pub struct Addresses {
    begun: bool,
    left: VecDeque<(GuestRef, String)>,
    asked: Vec<(VmId, String)>,
    own: Option<VmId>,
}

impl Addresses {
    /// Those of all guests but this one.
    pub fn but_of(own: VmId) -> Self {
        Self { own: Some(own), ..Self::default() }
    }

    /// A field has changed; `wrap` makes the host's message of an answer, which belongs to [`Addresses::came`] then.
    pub fn look<M, N>(&mut self, values: &Values, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
    where
        M: Send + 'static,
        N: Into<M> + 'static,
    {
        let is_fixed =
            |(key, value): (&str, &str)| value == "static" && (key.ends_with("ipv4") || key.ends_with("ipv6"));
        if self.begun || !values.iter().any(is_fixed) {
            return;
        }
        self.begun = true;
        let others = cx.store().resources.guests.iter().filter(|g| !g.template && Some(g.vmid) != self.own);
        self.left = others.take(AT_MOST).map(|g| (g.reference(), g.label())).collect();
        for _ in 0..AT_ONCE {
            self.next(cx, wrap);
        }
    }

    fn next<M, N>(&mut self, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
    where
        M: Send + 'static,
        N: Into<M> + 'static,
    {
        let Some((guest, label)) = self.left.pop_front() else { return };
        let vmid = guest.vmid;
        self.asked.push((vmid, label));
        cx.send(guest::config(&guest, &guest::Which::Pending), move |answer| wrap(Came(vmid, answer)));
    }

    /// A configuration came: its addresses become facts. One that can't be read has none.
    pub fn came<M, N>(&mut self, came: Came, wizard: &mut Wizard, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
    where
        M: Send + 'static,
        N: Into<M> + 'static,
    {
        self.next(cx, wrap);
        let Came(vmid, answer) = came;
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == vmid) else { return };
        let (_, label) = self.asked.swap_remove(at);
        let Ok(config) = answer else { return };
        for (_, setting) in config.numbered("net").into_iter().chain(config.numbered("ipconfig")) {
            for address in address::fixed(setting) {
                wizard.set_fact(format!("used.{address}"), &label);
            }
        }
    }
}
