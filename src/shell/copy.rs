//! Calls as text for elsewhere: `pvesh`, `curl` or JSON, without secrets.

use super::{
    context::Cx,
    effect::Effect,
    layer::Hosted,
    picker::{Pick, Picker},
};
use crate::api::{Wire, preview};

/// Lets the user choose how calls are copied.
pub fn menu<M: Send + 'static>(wires: Vec<Wire>, cx: &mut Cx<'_, M>) {
    if wires.is_empty() {
        return;
    }
    let server = cx.store().address.clone();
    let all = |show: &dyn Fn(&Wire) -> String| wires.iter().map(show).collect::<Vec<_>>().join("\n");
    let pick = |letter, title: &str, text: String| Pick::new(title, move || Effect::Copy(text)).letter(letter);
    let picks = vec![
        pick('p', "pvesh, to be run on a node", all(&preview::pvesh)),
        pick('c', "curl, with the token in $PVE_TOKEN", all(&|wire| preview::curl(wire, &server))),
        pick('j', "JSON", all(&preview::json)),
    ];
    cx.emit(Hosted::open(Picker::menu("Copy the call as", picks)));
}
