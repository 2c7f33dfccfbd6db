use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::TestCertificate;
use crate::acceptor::{Acceptor, AnyCertificate};

/// A certificate authority for the length of a test.
///
/// ```
/// use tower_auth_core::HttpTransport;
/// use tower_auth_testing::{AuthorizationServer, TestCa};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let ca = TestCa::new();
/// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
/// let listening = server.listen_tls(&ca).await?;
/// assert!(server.token_url().starts_with("https://127.0.0.1:"));
/// let http = HttpTransport::new().only_roots(ca.pem()).build()?;
/// server.client_credentials("orders").http_client(http).build()?.request_token().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Security
/// Its key exists in memory only. Trust it in tests and nowhere else.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl TestCa {
    /// A new authority.
    ///
    /// # Panics
    /// If the cryptographic library fails, which a working system does not show.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a working library makes keys");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a working library signs").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate, PEM: the root to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a client with the subject `CN=common_name`.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn client_certificate(&self, common_name: &str) -> TestCertificate {
        TestCertificate::new(common_name, |params, key| params.signed_by(key, &self.issuer))
    }

    /// Accepts connections with a certificate for `127.0.0.1` and `localhost`.
    pub(crate) fn acceptor(&self) -> io::Result<Acceptor> {
        self.accepting(None)
    }

    /// As [`acceptor`](Self::acceptor), and asks for a client certificate.
    pub(crate) fn asking_acceptor(&self) -> io::Result<Acceptor> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.pem.as_bytes()).map_err(io::Error::other)?;
        roots.add(root).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chains = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        self.accepting(Some(chains.map_err(io::Error::other)?))
    }

    fn accepting(&self, chains: Option<Arc<dyn ClientCertVerifier>>) -> io::Result<Acceptor> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(io::Error::other)?;
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let chain = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let mut config = match &chains {
            None => config.with_no_client_auth(),
            Some(chains) => config.with_client_cert_verifier(Arc::new(AnyCertificate(Arc::clone(chains)))),
        }
        .with_single_cert(vec![CertificateDer::from(chain.der().to_vec())], key)
        .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Acceptor { tls: TlsAcceptor::from(Arc::new(config)), chains })
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}
