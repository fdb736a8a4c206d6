//! Whom to trust: certificates signed by a known authority, or exactly one known certificate.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::api::error::ApiError;

/// The SHA-256 of a certificate, shown as `AB:CD:..` like `pvenode cert info` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a fingerprint is the SHA-256 of the certificate: 32 bytes in hexadecimal, with or without colons (`pvenode cert info` shows it)"
)]
pub struct FingerprintError;

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Takes upper and lower case, colons, blanks or nothing between the bytes, and a prefix such as `sha256:` or
/// `SHA256 Fingerprint=`.
impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("sha256").or_else(|| text.strip_prefix("sha-256")).unwrap_or(&text);
        let text = text.trim_start().strip_prefix("fingerprint").unwrap_or(text);
        let digits: Vec<char> = text.chars().filter(|c| !matches!(c, ':' | '=' | '-') && !c.is_whitespace()).collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(FingerprintError);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let (high, low) = (pair[0].to_digit(16), pair[1].to_digit(16));
            *byte = high.zip(low).map(|(h, l)| (h * 16 + l) as u8).ok_or(FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

/// How a server proves that it is the right one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// A certificate that an authority known to this machine has signed, for this name.
    #[default]
    System,
    /// The same, with the authorities in a PEM file besides, for example a copy of `/etc/pve/pve-root-ca.pem`.
    CaFile(PathBuf),
    /// Exactly this certificate, whatever its name, age and signer.
    Pinned(Fingerprint),
    /// Any certificate. Everybody on the way can then read and change everything.
    Insecure,
}

/// TLS settings for a kind of trust, for HTTPS and for websockets.
///
/// # Errors
/// [`ApiError::NotSent`] when the file of authorities can't be used.
pub fn config(trust: &Trust) -> Result<ClientConfig, ApiError> {
    // The provider is handed over explicitly: a process-wide default could be set by anybody, or by nobody.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let rule = match trust {
        Trust::Pinned(fingerprint) => Rule::Pinned(*fingerprint),
        Trust::Insecure => Rule::Any,
        Trust::System => match rustls_platform_verifier::Verifier::new(provider.clone()) {
            Ok(verifier) => Rule::Signed(Arc::new(verifier)),
            // A small container without any authority: not an error as long as the user can accept a certificate.
            Err(error) => Rule::Unknown(format!("this machine's authorities can't be used: {error}")),
        },
        Trust::CaFile(path) => {
            let fail = |why: String| ApiError::NotSent(format!("the file of authorities {}: {why}", path.display()));
            let pem = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            let found = found.map_err(|e| fail(format!("is not PEM: {e}")))?;
            if found.is_empty() {
                return Err(fail("holds no certificate in PEM form".into()));
            }
            let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(found, provider.clone())
                .map_err(|e| fail(format!("can't be used: {e}")))?;
            Rule::Signed(Arc::new(verifier))
        }
    };
    let judge = Arc::new(Judge { rule, provider: provider.clone() });
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| ApiError::NotSent(format!("TLS can't be set up: {e}")))?
        .dangerous()
        .with_custom_certificate_verifier(judge)
        .with_no_client_auth())
}

/// Why a certificate was not accepted. Travels inside the TLS error, see [`find_rejection`].
#[derive(Clone, Debug, Error)]
#[error("{detail} (SHA-256 {fingerprint})")]
pub(super) struct Rejection {
    fingerprint: Fingerprint,
    detail: String,
    pinned: Option<Fingerprint>,
}

impl From<&Rejection> for ApiError {
    fn from(r: &Rejection) -> Self {
        Self::Untrusted {
            fingerprint: r.fingerprint.to_string(),
            detail: r.detail.clone(),
            pinned: r.pinned.map(|p| p.to_string()),
        }
    }
}

/// The verdict of our own verifier, when it is what made a connection fail. Works on the error of every layer above TLS,
/// so the websocket side may use it as well.
pub fn find_rejection(error: &(dyn std::error::Error + 'static)) -> Option<ApiError> {
    chain(error).find_map(|e| match e.downcast_ref::<TlsError>() {
        Some(TlsError::Other(other)) => other.0.downcast_ref::<Rejection>().map(ApiError::from),
        _ => None,
    })
}

/// An error and everything below it. `io::Error::source` leaves out the very error that it wraps, hence the detour.
pub(super) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| match e.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
        Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
        None => e.source(),
    })
}

#[derive(Debug)]
struct Judge {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Rule {
    Signed(Arc<dyn ServerCertVerifier>),
    Pinned(Fingerprint),
    Unknown(String),
    Any,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let fingerprint = Fingerprint::of(leaf);
        let (detail, pinned) = match &self.rule {
            Rule::Any => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned(pin) if *pin == fingerprint => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned(pin) => ("it is not the one that was pinned".into(), Some(*pin)),
            Rule::Unknown(why) => (why.clone(), None),
            Rule::Signed(verifier) => match verifier.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                Err(error) => (explain(&error, name), None),
            },
        };
        Err(TlsError::Other(OtherError(Arc::new(Rejection { fingerprint, detail, pinned }))))
    }

    // Without these checks anybody could show a copy of the right certificate: they prove that the server has its key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn explain(error: &TlsError, name: &ServerName<'_>) -> String {
    match error {
        TlsError::InvalidCertificate(e) => match e {
            CertificateError::UnknownIssuer => "no authority known to this machine has signed it".into(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet (is the clock right?)".into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("it is not made out to {}", name.to_str())
            }
            CertificateError::Revoked => "it has been revoked".into(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fingerprints() {
        let f = Fingerprint::of(b"abc");
        let text = f.to_string();
        assert!(text.starts_with("BA:78:16:BF:") && text.len() == 95, "{text}");
        let plain = text.replace(':', "");
        for t in [
            text.clone(),
            text.to_lowercase(),
            plain.clone(),
            format!(" {plain}\n"),
            format!("sha256:{plain}"),
            format!("SHA256 Fingerprint={text}"),
            format!("sha256 Fingerprint={text}"),
            text.replace(':', " "),
        ] {
            assert_eq!(t.parse(), Ok(f), "{t}");
        }
        for t in ["", "AB:CD", &plain[1..], &format!("{plain}0"), &plain.replace(['b', 'B'], "x")] {
            assert!(t.parse::<Fingerprint>().is_err(), "{t}");
        }
    }

    #[test]
    fn unusable_files_of_authorities() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let text = |trust| config(&trust).err().unwrap().to_string();
        assert!(text(Trust::CaFile(path.clone())).contains("ca.pem"));
        std::fs::write(&path, "hello").unwrap();
        assert!(text(Trust::CaFile(path)).contains("no certificate"));
    }
}
