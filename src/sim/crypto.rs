//! The little cryptography that the simulated cluster needs: SHA-1, HMAC, base32, TOTP (RFC 6238) and a seeded generator.

use sha2::{Digest, Sha256};

/// A running SHA-1, for configuration digests and TOTP. Not for anything that must be safe.
#[derive(Clone)]
pub struct Sha1 {
    state: [u32; 5],
    block: Vec<u8>,
    length: u64,
}

impl Default for Sha1 {
    fn default() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0],
            block: Vec::with_capacity(64),
            length: 0,
        }
    }
}

impl Sha1 {
    /// Adds bytes.
    pub fn update(&mut self, mut data: &[u8]) {
        self.length += data.len() as u64;
        while !data.is_empty() {
            let take = (64 - self.block.len()).min(data.len());
            self.block.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.block.len() == 64 {
                compress(&mut self.state, &self.block);
                self.block.clear();
            }
        }
    }

    /// The digest of everything added.
    pub fn finish(mut self) -> [u8; 20] {
        let bits = self.length * 8;
        self.update(&[0x80]);
        while self.block.len() != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        let mut out = [0; 20];
        for (i, word) in self.state.iter().enumerate() {
            out[i * 4..i * 4 + 4].copy_from_slice(&word.to_be_bytes());
        }
        out
    }
}

fn compress(state: &mut [u32; 5], block: &[u8]) {
    let mut w = [0u32; 80];
    for (i, chunk) in block.chunks_exact(4).enumerate() {
        w[i] = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    }
    for i in 16..80 {
        w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (i, word) in w.iter().enumerate() {
        let (f, k) = match i / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6u32),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
        e = d;
        d = c;
        c = b.rotate_left(30);
        b = a;
        a = next;
    }
    for (s, v) in state.iter_mut().zip([a, b, c, d, e]) {
        *s = s.wrapping_add(v);
    }
}

/// A running MD5, for checksums of uploads only.
#[derive(Clone)]
pub struct Md5 {
    state: [u32; 4],
    block: Vec<u8>,
    length: u64,
}

impl Default for Md5 {
    fn default() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self { state, block: Vec::with_capacity(64), length: 0 }
    }
}

impl Md5 {
    /// Adds bytes.
    pub fn update(&mut self, mut data: &[u8]) {
        self.length += data.len() as u64;
        while !data.is_empty() {
            let take = (64 - self.block.len()).min(data.len());
            self.block.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.block.len() == 64 {
                md5_block(&mut self.state, &self.block);
                self.block.clear();
            }
        }
    }

    /// The digest of everything added.
    pub fn finish(mut self) -> [u8; 16] {
        let bits = self.length * 8;
        self.update(&[0x80]);
        while self.block.len() != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_le_bytes());
        let mut out = [0; 16];
        for (i, word) in self.state.iter().enumerate() {
            out[i * 4..i * 4 + 4].copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

fn md5_block(state: &mut [u32; 4], block: &[u8]) {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let word = |i: usize| u32::from_le_bytes([block[i * 4], block[i * 4 + 1], block[i * 4 + 2], block[i * 4 + 3]]);
    let [mut a, mut b, mut c, mut d] = *state;
    for i in 0..64usize {
        let (f, g) = match i / 16 {
            0 => ((b & c) | (!b & d), i),
            1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
            2 => (b ^ c ^ d, (3 * i + 5) % 16),
            _ => (c ^ (b | !d), (7 * i) % 16),
        };
        // the constants are the sines of 1 to 64
        let k = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
        let sum = a.wrapping_add(f).wrapping_add(k).wrapping_add(word(g));
        a = d;
        d = c;
        c = b;
        b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
    }
    for (s, v) in state.iter_mut().zip([a, b, c, d]) {
        *s = s.wrapping_add(v);
    }
}

/// SHA-1 of `data`, 20 bytes.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::default();
    hash.update(data);
    hash.finish()
}

/// SHA-1 of a text as 40 lower case hex digits: the `digest` of configuration files.
pub fn digest(text: &str) -> String {
    hex(&sha1(text.as_bytes()))
}

/// Lower case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// HMAC (RFC 2104) over any hash with 64 byte blocks.
fn hmac(hash: impl Fn(&[u8]) -> Vec<u8>, key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    if key.len() > 64 {
        let short = hash(key);
        block[..short.len()].copy_from_slice(&short);
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut inner: Vec<u8> = block.iter().map(|b| b ^ 0x36).collect();
    inner.extend_from_slice(data);
    let mut outer: Vec<u8> = block.iter().map(|b| b ^ 0x5c).collect();
    outer.extend(hash(&inner));
    hash(&outer)
}

/// HMAC-SHA-256, signs tickets.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac(|d| Sha256::digest(d).to_vec(), key, data)
}

/// The time based one-time password of a base32 secret (RFC 6238, SHA-1).
pub fn totp(secret: &str, now: u64, digits: u32, period: u64) -> Option<String> {
    let key = base32(secret)?;
    let counter = (now / period.max(1)).to_be_bytes();
    let mac = hmac(|d| sha1(d).to_vec(), &key, &counter);
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

/// A small deterministic generator (splitmix64): the same seed gives the same cluster.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n` (0 when `n` is 0).
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.bits() % n }
    }

    /// A number in 0..1.
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
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

/// Scrambles 64 bits; used to derive independent values from a seed and a name.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 64 random bits as a number in 0..1.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
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
    fn known_md5() {
        let mut md5 = Md5::default();
        md5.update(b"abc");
        assert_eq!(hex(&md5.finish()), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn totp_of_rfc_6238() {
        // the RFC's secret 12345678901234567890 in base32
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(totp(secret, 59, 8, 30).unwrap(), "94287082");
        assert_eq!(totp(secret, 1_111_111_109, 8, 30).unwrap(), "07081804");
    }
}
