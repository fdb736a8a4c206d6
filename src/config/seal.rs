//! Secrets encrypted with a passphrase: PBKDF2-HMAC-SHA256 makes the key, ChaCha20-Poly1305 encrypts. Pure.

use std::num::NonZeroU32;

use base64::{Engine, engine::general_purpose::STANDARD};
use rand::RngCore;
use ring::{aead, pbkdf2};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use serde::{Deserialize, Serialize};

/// How often the passphrase is hashed: a guess takes as long as a login.
pub const ROUNDS: u32 = 600_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u32,
    rounds: u32,
    salt: String,
    nonce: String,
    text: String,
}

/// Why a sealed secret stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The file is not one of ours, or was cut.
    #[error("the stored secret is damaged: store it again with `proxmux profile secret`")]
    Damaged,
    /// It can't be told from a changed file.
    #[error("the passphrase is wrong, or the stored secret was changed")]
    Passphrase,
    /// The system gives no random numbers, or the like.
    #[error("the secret can't be encrypted")]
    Failed,
}

/// The name is part of what is authenticated: a file that is moved to another profile does not open.
fn bound(name: &str, rounds: u32) -> aead::Aad<Vec<u8>> {
    aead::Aad::from(format!("proxmux 1 {rounds} {name}").into_bytes())
}

fn key(passphrase: &SecretString, salt: &[u8], rounds: u32) -> Result<aead::LessSafeKey, SealError> {
    let rounds = NonZeroU32::new(rounds).ok_or(SealError::Damaged)?;
    let mut bytes = SecretBox::new(Box::new([0_u8; 32]));
    let secret = passphrase.expose_secret().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, bytes.expose_secret_mut());
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, bytes.expose_secret()).map_err(|_| SealError::Failed)?;
    Ok(aead::LessSafeKey::new(key))
}

/// Encrypts a secret of a profile; the result is a small TOML text.
///
/// # Errors
/// Practically never.
pub fn seal(name: &str, secret: &SecretString, passphrase: &SecretString, rounds: u32) -> Result<String, SealError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 12]);
    rand::rng().fill_bytes(&mut salt);
    rand::rng().fill_bytes(&mut nonce);
    let key = key(passphrase, &salt, rounds)?;
    let mut text = SecretBox::new(Box::new(secret.expose_secret().as_bytes().to_vec()));
    key.seal_in_place_append_tag(
        aead::Nonce::assume_unique_for_key(nonce),
        bound(name, rounds),
        text.expose_secret_mut(),
    )
    .map_err(|_| SealError::Failed)?;
    let sealed = Sealed {
        version: 1,
        rounds,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        text: STANDARD.encode(text.expose_secret()),
    };
    let body = toml::to_string(&sealed).map_err(|_| SealError::Failed)?;
    Ok(format!("# A secret of proxmux, encrypted with a passphrase (PBKDF2-HMAC-SHA256, ChaCha20-Poly1305).\n{body}"))
}

/// Decrypts.
///
/// # Errors
/// When the passphrase is another one, or the text was changed.
pub fn open(name: &str, sealed: &str, passphrase: &SecretString) -> Result<SecretString, SealError> {
    let damaged = |_| SealError::Damaged;
    let sealed: Sealed = toml::from_str(sealed).map_err(|_| SealError::Damaged)?;
    // A changed number must not keep the console busy for hours.
    if sealed.version != 1 || sealed.rounds > 100 * ROUNDS {
        return Err(SealError::Damaged);
    }
    let salt = STANDARD.decode(&sealed.salt).map_err(damaged)?;
    let nonce: [u8; 12] =
        STANDARD.decode(&sealed.nonce).map_err(damaged)?.try_into().map_err(|_| SealError::Damaged)?;
    let mut text = SecretBox::new(Box::new(STANDARD.decode(&sealed.text).map_err(damaged)?));
    let key = key(passphrase, &salt, sealed.rounds)?;
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let plain = key.open_in_place(nonce, bound(name, sealed.rounds), text.expose_secret_mut());
    let plain = plain.map_err(|_| SealError::Passphrase)?;
    std::str::from_utf8(plain).map(SecretString::from).map_err(|_| SealError::Damaged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_passphrase_opens_it() {
        let (secret, right) = (SecretString::from("hunter2"), SecretString::from("correct horse"));
        let sealed = seal("lab", &secret, &right, 10).unwrap();
        assert!(!sealed.contains("hunter2") && !sealed.contains("horse"));
        assert_ne!(sealed, seal("lab", &secret, &right, 10).unwrap(), "salt and nonce are new each time");
        assert_eq!(open("lab", &sealed, &right).unwrap().expose_secret(), "hunter2");
        let no = |name: &str, text: &str, pass: &str| open(name, text, &pass.into()).unwrap_err();
        assert_eq!(no("lab", &sealed, "wrong"), SealError::Passphrase);
        assert_eq!(no("other", &sealed, "correct horse"), SealError::Passphrase);
        assert_eq!(no("lab", &sealed.replace("rounds = 10", "rounds = 11"), "correct horse"), SealError::Passphrase);
        for damaged in ["", "x", &sealed[..sealed.len() - 40], &sealed.replace("rounds = 10", "rounds = 0")] {
            assert_eq!(no("lab", damaged, "correct horse"), SealError::Damaged, "{damaged}");
        }
    }
}
