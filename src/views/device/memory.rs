//! Memory: `memory`, `balloon`, `shares`, `allow-ksm`. Plain settings, no property string but `memory`'s.

use super::{Device, Prop};
use crate::ui::{Form, Values, text};

/// The setting `memory`; the form has the settings beside it, too.
pub const MEMORY: Device = Device { fields, head: None, props: &[Prop::bare("memory", "current")] };

fn balloons(values: &Values) -> bool {
    values.is_on("ballooning")
}

fn number(values: &Values, key: &str) -> u64 {
    values.get(key).parse().unwrap_or(0)
}

/// Shares only matter while the balloon may take something.
fn has_shares(values: &Values) -> bool {
    let least = number(values, "balloon");
    balloons(values) && least > 0 && least < number(values, "memory")
}

fn check_balloon(text: &str, values: &Values) -> Result<(), String> {
    if text.parse::<u64>().is_ok_and(|least| least > number(values, "memory")) {
        return Err("is more than the memory".into());
    }
    Ok(())
}

fn in_words(values: &Values) -> Option<String> {
    let mib = number(values, "memory");
    (mib >= 1024).then(|| text::bytes(mib << 20))
}

fn warn_node(text: &str, values: &Values) -> Option<String> {
    let wanted = text.parse::<u64>().ok()? << 20;
    let of = |key: &str| values.get(key).parse::<u64>().ok();
    let (all, free) = (of("node.memory")?, of("node.free")?);
    let node = values.get("node");
    if wanted > all {
        return Some(format!("{node} has only {} in all: the VM will not start there", text::bytes(all)));
    }
    if wanted > free {
        return Some(format!("{node} has {} free now", text::bytes(free)));
    }
    let promised = of("node.promised")? + wanted;
    (promised > all).then(|| {
        let (promised, all) = (text::bytes(promised), text::bytes(all));
        format!("with the guests that run there {} are promised, {node} has {}", promised.trim(), all.trim())
    })
}

fn fields(form: Form) -> Form {
    form.number("memory", "Memory", 16..=4_194_304)
        .initial("2048")
        .unit("MiB")
        .required()
        .hint(in_words)
        .warn(warn_node)
        .toggle("ballooning", "Ballooning")
        .initial("1")
        .help("Tells the node what the guest really uses, and lets it take back what is above the minimum.")
        .advanced()
        .number("balloon", "Minimum memory", 1..=4_194_304)
        .unit("MiB")
        .placeholder("all of it")
        .help("When memory gets scarce on the node, the guest may be left with this much.")
        .check(check_balloon)
        .when(balloons)
        .advanced()
        .number("shares", "Shares", 0..=50_000)
        .placeholder("1000")
        .help("Its weight when the node shares out memory; 0 leaves this guest alone.")
        .when(has_shares)
        .advanced()
        .toggle("ksm", "Allow KSM")
        .initial("1")
        .help("Lets the node merge pages that are equal in several guests.")
        .advanced()
}

/// The settings that these values make, with their names.
pub fn settings(values: &Values) -> Vec<(&'static str, String)> {
    let mut settings = vec![("memory", MEMORY.to_text(values, None))];
    match (balloons(values), values.get("balloon")) {
        (false, _) => settings.push(("balloon", "0".into())),
        (true, "") => {}
        (true, least) => settings.push(("balloon", least.into())),
    }
    if has_shares(values) && !values.get("shares").is_empty() {
        settings.push(("shares", values.get("shares").into()));
    }
    if !values.is_on("ksm") {
        settings.push(("allow-ksm", "0".into()));
    }
    settings
}
