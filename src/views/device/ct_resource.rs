//! Processors and memory of containers: `cores`, `cpulimit`, `cpuunits`, `memory`, `swap`. Plain settings.

use super::check;
use crate::ui::{Form, Values, text};

/// The plain settings of [`cpu`].
pub const CPU: [&str; 3] = ["cores", "cpulimit", "cpuunits"];

/// The plain settings of [`memory`].
pub const MEMORY: [&str; 2] = ["memory", "swap"];

fn warn_cores(text: &str, values: &Values) -> Option<String> {
    let (cores, node): (u64, u64) = (text.parse().ok()?, values.get("node.cpus").parse().ok()?);
    (cores > node).then(|| format!("the node has only {node}"))
}

fn check_limit(text: &str, values: &Values) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(n) if n > 8192.0 => Err("must not be more than 8192".into()),
        Ok(0.0) => Ok(()),
        _ => check::positive(text, values),
    }
}

fn in_words(mib: &str) -> Option<String> {
    let mib: u64 = mib.parse().ok()?;
    (mib >= 1024).then(|| text::bytes(mib << 20))
}

fn memory_in_words(values: &Values) -> Option<String> {
    in_words(values.get("memory"))
}

fn swap_in_words(values: &Values) -> Option<String> {
    in_words(values.get("swap"))
}

fn warn_memory(wanted: &str, values: &Values) -> Option<String> {
    let wanted = wanted.parse::<u64>().ok()? << 20;
    let of = |key: &str| values.get(key).parse::<u64>().ok();
    let (all, free) = (of("node.memory")?, of("node.free")?);
    let has = |bytes: u64, words: &str| format!("{} has {}{words}", values.get("node"), text::bytes(bytes));
    if wanted > all {
        return Some(has(all, " in all"));
    }
    (wanted > free).then(|| has(free, " free now"))
}

/// Adds the fields for processors.
pub fn cpu(form: Form) -> Form {
    form.number("cores", "Cores", 1..=8192)
        .placeholder("all of the node")
        .help("How many processors the container sees; empty: all.")
        .warn(warn_cores)
        .text("cpulimit", "CPU limit")
        .placeholder("unlimited")
        .unit("cores")
        .help("Time that all its processes may use together: 1.5 is one and a half cores.")
        .check(check_limit)
        .advanced()
        .number("cpuunits", "CPU units", 0..=500_000)
        .placeholder("100")
        .help("Its share when processors are scarce; the others have 100.")
        .advanced()
}

/// Adds the fields for memory.
pub fn memory(form: Form) -> Form {
    form.number("memory", "Memory", 16..=4_194_304)
        .initial("512")
        .unit("MiB")
        .required()
        .hint(memory_in_words)
        .warn(warn_memory)
        .number("swap", "Swap", 0..=4_194_304)
        .initial("512")
        .unit("MiB")
        .required()
        .hint(swap_in_words)
        .help("Of the node's swap space; 0: none.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn capacity_is_known() {
        let node = Values::from_iter([("node.cpus", "8"), ("swap", "2048")]);
        assert_eq!(warn_cores("9", &node).unwrap(), "the node has only 8");
        assert_eq!((warn_cores("8", &node), swap_in_words(&node).as_deref()), (None, Some("2.00 GiB")));
        assert!(
            check_limit("0", &node).is_ok() && check_limit("1.5", &node).is_ok() && check_limit("x", &node).is_err()
        );
    }
}
