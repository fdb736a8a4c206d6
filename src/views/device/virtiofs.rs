//! Directories of the node in the guest: `virtiofs0=share,cache=always,expose-acl=1`.

use super::{Device, Prop, check, choices};
use crate::ui::{Choices, Form, Values};

/// A setting `virtiofsN`.
pub const VIRTIOFS: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::bare("fs.dir", "dirid"),
        Prop::text("fs.cache", "cache"),
        Prop::flag("fs.direct", "direct-io", false),
        Prop::flag("fs.xattr", "expose-xattr", false),
        Prop::flag("fs.acl", "expose-acl", false),
    ],
};

fn about_xattr(values: &Values) -> Option<String> {
    (values.is_on("fs.acl") && !values.is_on("fs.xattr")).then(|| "on, as ACLs need it".into())
}

fn fields(form: Form) -> Form {
    form.select("fs.dir", "Directory", Choices::Loading)
        .free()
        .required()
        .help("A directory mapping of the cluster. While the VM has it, it can't be migrated or saved with its memory.")
        .check(check::part)
        .select(
            "fs.cache",
            "Cache",
            choices(&[
                ("", "auto (default)"),
                ("auto", "auto"),
                ("always", "always"),
                ("metadata", "metadata only"),
                ("never", "never"),
            ]),
        )
        .toggle("fs.xattr", "Extended attributes")
        .hint(about_xattr)
        .toggle("fs.acl", "ACLs")
        .help("POSIX access control lists; brings extended attributes along. Not for Windows guests.")
        .toggle("fs.direct", "Direct IO")
        .help("Lets the guest's programs go round the caches.")
        .advanced()
}
