//! The cryptography and chance that the simulated cluster needs: digests, HMAC, base32, TOTP (RFC 6238), a seeded generator.

use hmac::{Hmac, KeyInit, Mac};
use rand::{Rng as _, RngCore, SeedableRng, rngs::SmallRng};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// SHA-1 of a text as 40 lower case hex digits: the `digest` of configuration files.
pub fn digest(text: &str) -> String {
    hex(&Sha1::digest(text))
}

/// Lower case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// HMAC-SHA-256, signs tickets.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    // a key of any length is valid, so there always is a result
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|m| m.chain_update(data).finalize().into_bytes().to_vec());
    mac.unwrap_or_default()
}

/// The time based one-time password of a base32 secret (RFC 6238, SHA-1).
pub fn totp(secret: &str, now: u64, digits: u32, period: u64) -> Option<String> {
    let key = base32(secret)?;
    let counter = (now / period.max(1)).to_be_bytes();
    let mac = Hmac::<Sha1>::new_from_slice(&key).ok()?.chain_update(counter).finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let word = u32::from_be_bytes([mac[at], mac[at + 1], mac[at + 2], mac[at + 3]]) & 0x7fff_ffff;
    let code = u64::from(word) % 10u64.pow(digits.min(9));
    Some(format!("{code:0width$}", width = digits as usize))
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = match c.to_ascii_uppercase() {
            c @ b'A'..=b'Z' => c - b'A',
            c @ b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    Some(out)
}

/// A small deterministic generator: the same seed gives the same cluster.
#[derive(Clone, Debug)]
pub struct Rng(SmallRng);

impl Rng {
    /// A generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n` (0 when `n` is 0).
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// A number in 0..1.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// `n` lower case hex digits.
    pub fn hex(&mut self, n: usize) -> String {
        (0..n).map(|_| format!("{:x}", self.bits() & 15)).collect()
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        format!(
            "{}-{}-4{}-{:x}{}-{}",
            self.hex(8),
            self.hex(4),
            self.hex(3),
            8 + (self.bits() & 3),
            self.hex(3),
            self.hex(12)
        )
    }

    /// A MAC address with the given prefix, such as `BC:24:11`.
    pub fn mac(&mut self, prefix: &str) -> String {
        let mut out = prefix.to_uppercase();
        while out.len() < 17 {
            out.push_str(&format!(":{:02X}", self.bits() & 255));
        }
        out
    }
}

/// A number in 0..1 that belongs to a seed, a thing and a moment.
pub fn noise(seed: u64, who: u64, moment: u64) -> f64 {
    let own = SmallRng::seed_from_u64(seed ^ who).next_u64();
    SmallRng::seed_from_u64(own ^ moment).random()
}

/// 64 bits that belong to a text, spread evenly.
pub fn number_of(text: &str) -> u64 {
    Sha1::digest(text).iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_digests() {
        assert_eq!(digest(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(digest("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn hmac_of_rfc_4231() {
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn chance_repeats_itself() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert_eq!((a.uuid(), a.mac("BC:24:11"), a.below(10)), (b.uuid(), b.mac("BC:24:11"), b.below(10)));
        assert_eq!(noise(7, 100, 3), noise(7, 100, 3));
        assert_ne!(noise(7, 100, 3), noise(7, 101, 3));
    }

    #[test]
    fn totp_of_rfc_6238() {
        // the RFC's secret 12345678901234567890 in base32
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(totp(secret, 59, 8, 30).unwrap(), "94287082");
        assert_eq!(totp(secret, 1_111_111_109, 8, 30).unwrap(), "07081804");
    }
}
