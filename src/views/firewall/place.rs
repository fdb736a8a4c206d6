//! Moving a rule.

use crate::{
    api::firewall::{self as api, Rule, Scope},
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Form, Wizard},
};

/// The call that gives a rule the position `to` of the `count` that there are.
pub fn request(scope: &Scope, rule: &Rule, to: u64) -> crate::api::Request<()> {
    // The server takes the rule before which it is put, counted with the rule still in its old place.
    let before = if to > rule.pos { to + 1 } else { to };
    api::move_rule(scope, rule.pos, before, &rule.digest)
}

/// Asks where a rule goes.
pub struct Place {
    scope: Scope,
    label: String,
    rule: Rule,
}

impl Place {
    /// The dialog for one of these rules.
    pub fn dialog(scope: &Scope, label: &str, rule: &Rule, rules: &[Rule]) -> Dialog<Self> {
        let places: Vec<Choice> =
            rules.iter().map(|r| Choice::labelled(r.pos.to_string(), format!("{}: {}", r.pos, r.words()))).collect();
        let form = Form::new()
            .note(&format!("Rule {}: {}", rule.pos, rule.words()))
            .select("to", "To the place of", places)
            .initial(&rule.pos.to_string())
            .required()
            .help("The first rule that fits a packet decides.");
        let ask = Self { scope: scope.clone(), label: label.to_owned(), rule: rule.clone() };
        Dialog::new(ask, Wizard::single(form))
    }
}

impl Ask for Place {
    type Msg = ();
    const NAME: &'static str = "Move rule";

    fn title(&self) -> String {
        format!("Move rule {}: {}", self.rule.pos, self.label)
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let to: u64 = wizard.values().get("to").parse().ok()?;
        if to == self.rule.pos {
            return None;
        }
        let label = format!("Move rule {} to {to}: {}", self.rule.pos, self.label);
        let write = Write::new(label.clone(), request(&self.scope, &self.rule, to));
        Some(Proposal::new(format!("{label}?"), vec![write]).note(self.rule.words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_as_the_server_counts_them() {
        let call =
            |to| request(&Scope::Cluster, &Rule { pos: 1, digest: "d".into(), ..Rule::default() }, to).to_string();
        assert_eq!(call(0), "PUT /cluster/firewall/rules/1 moveto=0 digest=d");
        assert_eq!(call(2), "PUT /cluster/firewall/rules/1 moveto=3 digest=d");
    }
}
