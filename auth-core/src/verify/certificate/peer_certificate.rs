use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// The certificate that a client showed when it connected, in the extensions of its requests: put there by the server,
/// from the TLS session.
///
/// Tokens that are bound to a certificate (`cnf` with `x5t#S256`, RFC 8705 section 3.1) are accepted with it and no
/// other. Make one for each connection, not for each request: that hashes once, and a clone counts a reference.
///
/// `Debug` shows the thumbprint only.
///
/// ```
/// use tower_auth_core::PeerCertificate;
///
/// let der = b"the certificate, DER"; // of rustls: `connection.peer_certificates()`, the first of them
/// let certificate = PeerCertificate::from_der(der);
/// let mut request = http::Request::get("/").body(())?;
/// request.extensions_mut().insert(certificate);
/// # Ok::<(), http::Error>(())
/// ```
///
/// # Security
/// It says that the connection's other end has the key. It does not say that anybody vouches for the certificate, unless
/// the server has verified that: for tokens bound to it, neither is needed (RFC 8705 section 6.4).
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    sha256: [u8; 32],
    der: Option<Box<[u8]>>,
}

impl PeerCertificate {
    /// The certificate with this DER encoding: the first of the chain, which is the client's own.
    pub fn from_der(der: impl AsRef<[u8]>) -> Self {
        let der = der.as_ref();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, der).as_ref());
        Self(Arc::new(Inner { sha256, der: Some(der.into()) }))
    }

    /// A certificate of which only the SHA-256 of the DER encoding is known.
    #[must_use]
    pub fn from_sha256(sha256: [u8; 32]) -> Self {
        Self(Arc::new(Inner { sha256, der: None }))
    }

    /// The DER encoding, if it is known.
    #[must_use]
    pub fn der(&self) -> Option<&[u8]> {
        self.0.der.as_deref()
    }

    /// The SHA-256 of the DER encoding.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// The same in base64url, as it stands in `cnf` under `x5t#S256`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sha256)
    }

    /// Whether `thumbprint` is its own. Takes the same time for all of the right length.
    #[must_use]
    pub fn has_thumbprint(&self, thumbprint: &str) -> bool {
        self.thumbprint().as_bytes().ct_eq(thumbprint.as_bytes()).into()
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeerCertificate").field(&self.thumbprint()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R8705-3a
    #[test]
    fn a_certificate_is_known_by_the_hash_of_its_der() {
        let certificate = PeerCertificate::from_der(b"abc");
        let thumbprint = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        assert_eq!(certificate.thumbprint(), thumbprint);
        assert!(certificate.has_thumbprint(thumbprint));
        let padded = format!("{thumbprint}=");
        for other in ["", &thumbprint[1..], &padded, &thumbprint.replace('_', "/"), &thumbprint.to_uppercase()] {
            assert!(!certificate.has_thumbprint(other), "{other}");
        }
        assert_eq!(certificate.der(), Some(&b"abc"[..]));
        let by_hash = PeerCertificate::from_sha256(*certificate.sha256());
        assert!(by_hash.has_thumbprint(thumbprint));
        assert_eq!(by_hash.der(), None);
    }

    // THREAT-L1
    #[test]
    fn debug_shows_the_thumbprint_only() {
        let shown = format!("{:?}", PeerCertificate::from_der(b"abc"));
        assert_eq!(shown, "PeerCertificate(\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\")");
    }
}
