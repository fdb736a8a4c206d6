//! The user's own SSH keys in the wizard: offered, and made when there are none.

use super::{Context, Msg};
use crate::{
    shell::{Hosted, Level, Pick, Picker, World, dialog::Msg as Heard},
    ssh_key::{self, Found, Strength},
    ui::{Choice, Choices, Wizard},
};

/// Looks into the folder of keys.
pub async fn find(world: World) -> Msg {
    let Some(folder) = world.ssh_folder().map(ToOwned::to_owned) else { return Msg::Keys(Ok(vec![])) };
    let work = move || ssh_key::find(&folder).map_err(|error| format!("{} can't be read: {error}", folder.display()));
    Msg::Keys(tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string())))
}

/// Makes a key pair with a name that is free.
pub async fn make(world: World, strength: Strength) -> Msg {
    let Some(folder) = world.ssh_folder().map(ToOwned::to_owned) else {
        return Msg::KeyMade(Err("There is no home folder to put a key into.".into()));
    };
    let work = move || {
        let name = ssh_key::free_name(&folder, strength);
        ssh_key::generate(&folder, &name, strength, "proxmux").map(Box::new).map_err(|error| error.to_string())
    };
    Msg::KeyMade(tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string())))
}

/// Offers the keys.
pub fn show(keys: &[Found], wizard: &mut Wizard) {
    for key in keys {
        wizard.set_fact(format!("trouble.{}", key.name), key.trouble.as_deref().unwrap_or_default());
    }
    // The names of chosen ones are joined by commas.
    let named = keys.iter().filter(|key| !key.name.contains([',', ';', ' ']));
    let choice = |key: &Found| {
        let trouble = key.trouble.as_ref().map(|trouble| format!(" ! {trouble}")).unwrap_or_default();
        let detail = format!("{} {} {}{trouble}", key.kind, key.comment, key.fingerprint);
        Choice::new(key.name.as_str()).detail(detail)
    };
    wizard.set_choices("ssh.keys", Choices::Ready(named.map(choice).collect()));
}

/// Asks which kind of key to make.
pub fn ask(cx: &mut Context) {
    let pick = |cx: &mut Context, letter, title: &str, detail: &str, strength| {
        let effect = cx.reply_effect(Heard::Own(Msg::MakeKey(strength)));
        Pick::new(title, move || effect).letter(letter).detail(detail)
    };
    let picks = vec![
        pick(cx, 'e', "ED25519", "short and strong", Strength::Ed25519),
        pick(cx, 'r', "RSA, 4096 bits", "for old systems", Strength::Rsa(4096)),
        pick(cx, '3', "RSA, 3072 bits", "for old systems", Strength::Rsa(3072)),
        pick(cx, '2', "RSA, 2048 bits", "the least", Strength::Rsa(ssh_key::LEAST_RSA)),
        Pick::closing("No, make none").letter('n'),
    ];
    cx.emit(Hosted::open(Picker::menu("Make a key pair without passphrase in your key folder?", picks)));
}

/// It was made: it is offered, and chosen.
pub fn made(key: Found, keys: &mut Vec<Found>, wizard: &mut Wizard, cx: &mut Context) {
    cx.toast(Level::Ok, format!("{} was made", key.name.trim_end_matches(".pub")));
    let values = wizard.values();
    let mut chosen: Vec<&str> = values.get("ssh.keys").split(',').filter(|name| !name.is_empty()).collect();
    chosen.push(&key.name);
    let chosen = chosen.join(",");
    keys.insert(0, key);
    show(keys, wizard);
    wizard.set("ssh.keys", &chosen);
}
