//! The certificate that a client showed: from the TLS connection, or from a proxy that ended it and is trusted
//! (RFC 8705 section 3).

mod certificate_header;
mod envoy;
mod field;
mod network;
mod peer_address;
mod peer_certificate;

pub use self::certificate_header::CertificateHeader;
pub use self::peer_address::PeerAddress;
pub use self::peer_certificate::PeerCertificate;
