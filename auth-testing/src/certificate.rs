use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Extensions;

/// The certificate that a client showed when it connected; in the extensions of its requests.
#[derive(Clone)]
pub(crate) struct PeerCertificate {
    pub(crate) der: Bytes,
}

impl PeerCertificate {
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Its SHA-256 thumbprint, as it stands in `cnf` (RFC 8705 section 3.1).
    pub(crate) fn thumbprint(&self) -> String {
        thumbprint(&self.der)
    }
}

/// The SHA-256 of a certificate, base64url.
pub(crate) fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}
