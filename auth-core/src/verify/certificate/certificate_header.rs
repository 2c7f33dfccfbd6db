use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use super::network::Network;
use super::{PeerAddress, PeerCertificate, envoy, field};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::rejection::{Fault, RejectionKind};

/// The header in which a proxy that ends TLS passes on the certificate of its client.
///
/// ```
/// use tower_auth_core::CertificateHeader;
///
/// let header = CertificateHeader::client_cert().trusted_proxy("10.1.0.0/16")?.trusted_proxy("127.0.0.1")?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Rules
/// 1. The header counts only in requests of a trusted proxy, known by the [`PeerAddress`] in their extensions. In those
///    of anybody else it is ignored, and a warning logged once: a certificate is then what the TLS session showed
///    ([`PeerCertificate`]).
/// 2. In a request of a trusted proxy only the header counts, since the certificate of that TLS session is the proxy's.
///    Without the header the client showed none.
/// 3. The header is looked at for tokens that are bound to a certificate. One that stands twice or cannot be read is
///    then refused with [`InvalidRequest`](RejectionKind::InvalidRequest).
///
/// # Security
/// The proxy must remove the header from requests of its clients, and demand a proof of the key (any TLS handshake with
/// a client certificate has one). Whoever can connect from a trusted address can be any client.
#[must_use = "a description does nothing before a verifier has it"]
pub struct CertificateHeader {
    name: HeaderName,
    form: Form,
    proxies: Vec<Network>,
    has_warned: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    ByteSequence,
    EscapedPem,
    Envoy,
}

/// Longest field that is looked at, in bytes.
const MAX_LEN: usize = 32 * 1024;

impl CertificateHeader {
    /// `Client-Cert`, the standard one (RFC 9440).
    pub fn client_cert() -> Self {
        Self::new(HeaderName::from_static("client-cert"), Form::ByteSequence)
    }

    /// A header of any name with the certificate in PEM, percent-encoded: what nginx has in `$ssl_client_escaped_cert`,
    /// usually sent as `X-SSL-Client-Cert`, and AWS in `X-Amzn-Mtls-Clientcert-Leaf`.
    ///
    /// # Errors
    /// When `name` is no name of a header.
    pub fn escaped_pem(name: &str) -> Result<Self, ConfigError> {
        let name = name.parse().map_err(|error: http::header::InvalidHeaderName| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "the name of the certificate header is not one")
                .with_source(error)
        })?;
        Ok(Self::new(name, Form::EscapedPem))
    }

    /// `x-forwarded-client-cert` of Envoy and meshes made of it, with `Hash` or `Cert`. It must have one element: set
    /// `forward_client_cert_details` to `SANITIZE_SET`.
    pub fn envoy() -> Self {
        Self::new(HeaderName::from_static("x-forwarded-client-cert"), Form::Envoy)
    }

    fn new(name: HeaderName, form: Form) -> Self {
        Self { name, form, proxies: Vec::new(), has_warned: AtomicBool::new(false) }
    }

    /// Trusts the proxies in this network (`10.1.0.0/16`, `fd00::/8`), or at this one address, beside those trusted
    /// before.
    ///
    /// # Errors
    /// When `network` is none, has bits behind the fixed ones, or is every address.
    pub fn trusted_proxy(mut self, network: &str) -> Result<Self, ConfigError> {
        self.proxies.push(Network::parse(network)?);
        Ok(self)
    }

    /// # Errors
    /// When no proxy is trusted: the header would never count.
    pub(in crate::verify) fn check(&self) -> Result<(), ConfigError> {
        if self.proxies.is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "no proxy is trusted to pass on certificates: name them with `trusted_proxy`",
            ));
        }
        Ok(())
    }

    /// The certificate of the client, if it showed one.
    pub(in crate::verify) fn certificate(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Option<PeerCertificate>, Fault> {
        let peer = extensions.get::<PeerAddress>();
        let is_trusted = peer.is_some_and(|peer| self.proxies.iter().any(|proxy| proxy.contains(peer.ip())));
        if !is_trusted {
            if headers.contains_key(&self.name) {
                self.warn(peer);
            }
            return Ok(extensions.get().cloned());
        }
        let mut fields = headers.get_all(&self.name).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => self.read(field).map(Some).ok_or_else(|| self.unusable("cannot be read")),
            (Some(_), Some(_)) => Err(self.unusable("stands more than once")),
        }
    }

    fn read(&self, field: &HeaderValue) -> Option<PeerCertificate> {
        let text = field.to_str().ok().filter(|text| text.len() <= MAX_LEN)?;
        match self.form {
            Form::ByteSequence => field::from_byte_sequence(text),
            Form::EscapedPem => field::from_escaped_pem(text),
            Form::Envoy => envoy::from_element(text),
        }
    }

    fn unusable(&self, what: &str) -> Fault {
        Fault::new(RejectionKind::InvalidRequest, format!("the certificate header {} of the proxy {what}", self.name))
    }

    #[cold]
    fn warn(&self, peer: Option<&PeerAddress>) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let peer = peer.map(|peer| peer.ip().to_string());
            tracing::warn!(
                header = %self.name,
                peer = peer.as_deref().unwrap_or("unknown: no PeerAddress in the request's extensions"),
                "a certificate header is ignored, since its sender is no trusted proxy; this is said once"
            );
        }
    }
}

impl fmt::Debug for CertificateHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateHeader")
            .field("name", &self.name)
            .field("form", &self.form)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const ABC: &str = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    const PROXY: &str = "10.0.0.7:1";
    const STRANGER: &str = "11.0.0.7:1";

    fn header() -> CertificateHeader {
        CertificateHeader::client_cert().trusted_proxy("10.0.0.0/8").unwrap()
    }

    fn found(
        header: &CertificateHeader,
        peer: Option<&str>,
        fields: &[&str],
        session: Option<&[u8]>,
    ) -> Result<Option<String>, RejectionKind> {
        let headers: HeaderMap = fields.iter().map(|field| (header.name.clone(), field.parse().unwrap())).collect();
        let mut extensions = Extensions::new();
        extensions.extend(
            session
                .map(PeerCertificate::from_der)
                .map(|certificate| {
                    let mut one = Extensions::new();
                    one.insert(certificate);
                    one
                })
                .unwrap_or_default(),
        );
        if let Some(peer) = peer {
            extensions.insert(PeerAddress::from(peer.parse::<SocketAddr>().unwrap()));
        }
        let certificate = header.certificate(&headers, &extensions).map_err(|fault| fault.kind)?;
        Ok(certificate.map(|certificate| certificate.thumbprint()))
    }

    // R8705-P1, THREAT-T10
    #[test]
    fn the_header_counts_in_requests_of_trusted_proxies_and_of_nobody_else() {
        let header = header();
        assert_eq!(found(&header, Some(PROXY), &[":YWJj:"], None), Ok(Some(ABC.to_owned())));
        assert_eq!(found(&header, Some("[::ffff:10.0.0.7]:1"), &[":YWJj:"], None), Ok(Some(ABC.to_owned())));
        assert_eq!(found(&header, Some(STRANGER), &[":YWJj:"], None), Ok(None));
        assert_eq!(found(&header, None, &[":YWJj:"], None), Ok(None));
        assert_eq!(found(&header, Some(STRANGER), &["nonsense", "twice"], None), Ok(None));
        let session = PeerCertificate::from_der(b"session").thumbprint();
        for peer in [None, Some(STRANGER)] {
            assert_eq!(found(&header, peer, &[":YWJj:"], Some(b"session")), Ok(Some(session.clone())), "{peer:?}");
        }
    }

    // R8705-P1
    #[test]
    fn the_certificate_of_the_proxy_itself_is_not_its_clients() {
        let header = header();
        assert_eq!(found(&header, Some(PROXY), &[], Some(b"proxy")), Ok(None));
        assert_eq!(found(&header, Some(PROXY), &[":YWJj:"], Some(b"proxy")), Ok(Some(ABC.to_owned())));
    }

    // R8705-P1
    #[test]
    fn a_header_that_is_repeated_or_malformed_is_refused() {
        let header = header();
        let long = format!(":{}:", "A".repeat(MAX_LEN));
        for fields in [&[":YWJj:", ":YWJj:"][..], &[":YWJj:, :YWJj:"], &[""], &["YWJj"], &[&long]] {
            assert_eq!(found(&header, Some(PROXY), fields, None), Err(RejectionKind::InvalidRequest), "{fields:?}");
        }
    }

    // R8705-P1
    #[test]
    fn other_proxies_have_other_forms() {
        let pem = "-----BEGIN%20CERTIFICATE-----%0AYWJj%0A-----END%20CERTIFICATE-----%0A";
        let nginx = CertificateHeader::escaped_pem("X-SSL-Client-Cert").unwrap().trusted_proxy("10.0.0.7").unwrap();
        assert_eq!(found(&nginx, Some(PROXY), &[pem], None), Ok(Some(ABC.to_owned())));
        let envoy = CertificateHeader::envoy().trusted_proxy("10.0.0.7").unwrap();
        assert_eq!(found(&envoy, Some(PROXY), &[&format!("Cert=\"{pem}\"")], None), Ok(Some(ABC.to_owned())));
        assert_eq!(found(&envoy, Some(PROXY), &[pem], None), Err(RejectionKind::InvalidRequest));
    }

    #[test]
    fn somebody_must_be_trusted_and_not_everybody() {
        assert!(CertificateHeader::envoy().check().is_err());
        assert!(CertificateHeader::envoy().trusted_proxy("0.0.0.0/0").is_err());
        assert!(CertificateHeader::escaped_pem("not a name").is_err());
        header().check().unwrap();
    }
}
