//! Random numbers from the node: `rng0=source=/dev/urandom,max_bytes=1024,period=1000`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `rng0`.
pub const RNG: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::named("rng.source", "source"),
        Prop::text("rng.bytes", "max_bytes"),
        Prop::text("rng.period", "period"),
    ],
};

fn warn_source(source: &str, _: &Values) -> Option<String> {
    match source {
        "/dev/random" => Some("a guest that takes too much leaves the node waiting for numbers".into()),
        "/dev/hwrng" => Some("needs such a device in the node, and the right to use it".into()),
        _ => None,
    }
}

fn fields(form: Form) -> Form {
    form.select(
        "rng.source",
        "Random numbers",
        choices(&[
            ("/dev/urandom", "/dev/urandom (usual)"),
            ("/dev/random", "/dev/random"),
            ("/dev/hwrng", "/dev/hwrng (hardware)"),
        ]),
    )
    .initial("/dev/urandom")
    .required()
    .warn(warn_source)
    .number("rng.bytes", "Limit", 0..=i64::from(i32::MAX))
    .unit("bytes")
    .placeholder("1024")
    .help("As many bytes in each period; 0 is no limit.")
    .number("rng.period", "Period", 1..=i64::from(i32::MAX))
    .unit("ms")
    .placeholder("1000")
}
