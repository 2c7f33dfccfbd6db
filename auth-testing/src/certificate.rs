use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Extensions;

/// The certificate that a client showed when it connected; in the extensions of its requests.
#[derive(Clone)]
pub(crate) struct PeerCertificate {
    der: Bytes,
    /// Whether the authority of the listening server signed it.
    pub(crate) is_trusted: bool,
    /// Its subject, as RFC 4514 writes it.
    pub(crate) subject: Option<String>,
}

impl PeerCertificate {
    #[cfg(feature = "tls")]
    pub(crate) fn new(der: &[u8], is_trusted: bool) -> Self {
        Self { der: Bytes::copy_from_slice(der), is_trusted, subject: crate::subject::subject(der) }
    }

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
