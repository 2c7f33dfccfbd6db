use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use super::identity::{ClientIdentity, Pair};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::{Clock, MonotonicTime};

/// Whom to trust, and who we are.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    pub(super) roots: Roots,
    /// PEM texts.
    pub(super) own_roots: Vec<Vec<u8>>,
    pub(super) client: Option<ClientIdentity>,
}

/// Which roots are trusted beside our own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the platform, or the bundled ones if it has none.
    #[default]
    Platform,
    Bundled,
    None,
}

impl TlsOptions {
    /// A configuration with the aws-lc-rs provider in it, so that no process-wide one is looked for.
    /// `pair` is shown as ours.
    pub(super) fn config(&self, pair: Option<&Pair>) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(self.store()?, Arc::clone(&provider))
            .build()
            .map_err(|error| invalid("there is no trusted root certificate").with_source(error))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid("the TLS versions cannot be used").with_source(error))?
            .with_webpki_verifier(verifier);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair.certified()?))),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn store(&self) -> Result<Arc<RootCertStore>, ConfigError> {
        let mut store = match self.roots {
            Roots::Platform => platform_roots(),
            Roots::Bundled => Arc::new(bundled_roots()),
            Roots::None => Arc::new(RootCertStore::empty()),
        };
        if self.roots == Roots::Platform && store.is_empty() {
            tracing::warn!("the platform has no trusted root certificates; the bundled ones are used");
            store = Arc::new(bundled_roots());
        }
        for pem in &self.own_roots {
            let roots = certificates(pem).ok_or_else(|| invalid("a root certificate is not PEM with certificates"))?;
            for root in roots {
                Arc::make_mut(&mut store)
                    .add(root)
                    .map_err(|error| invalid("a root certificate cannot be used").with_source(error))?;
            }
        }
        Ok(store)
    }
}

/// For how long the platform's roots are not read again. Short, since they may be replaced together with a client certificate.
const ROOTS_MAX_AGE: Duration = Duration::from_secs(60);

/// Those of the platform. To read them takes milliseconds and more than a hundred files, and a program may have a transport for each system that it calls: so
/// those read a moment ago do, and the same ones are kept once.
fn platform_roots() -> Arc<RootCertStore> {
    static LAST: Mutex<Option<(MonotonicTime, Arc<RootCertStore>)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Clock::system().now();
    let known = match &*last {
        Some((read, roots)) if now.saturating_since(*read) < ROOTS_MAX_AGE => return Arc::clone(roots),
        known => known.as_ref().map(|(_, roots)| Arc::clone(roots)),
    };
    let read = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (_added, _ignored) = store.add_parsable_certificates(read.certs);
    let store = known.filter(|known| known.roots == store.roots).unwrap_or_else(|| Arc::new(store));
    // What could not all be read may be half-way through its replacement.
    let is_whole = read.errors.is_empty() && !store.is_empty();
    *last = is_whole.then(|| (now, Arc::clone(&store)));
    store
}

fn bundled_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// The certificates of a PEM text; `None` if it has none, or a broken one.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

pub(super) fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Tls, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(options: &TlsOptions) -> Option<ConfigErrorKind> {
        options.config(None).err().map(|error| error.kind())
    }

    // R6750-5.3a
    #[test]
    fn default_and_bundled_roots_make_a_configuration_without_a_process_wide_provider() {
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
        assert_eq!(kind(&TlsOptions::default()), None);
        let config = TlsOptions { roots: Roots::Bundled, ..TlsOptions::default() }.config(None).unwrap();
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }

    #[test]
    fn the_roots_of_the_platform_are_shared_and_own_ones_are_not_among_them() {
        let plain = TlsOptions::default();
        let before = plain.store().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let own = TlsOptions { own_roots: vec![root.pem().into_bytes()], ..TlsOptions::default() };
        assert_eq!(own.store().unwrap().len(), before.len() + 1);
        let after = plain.store().unwrap();
        assert_eq!(after.len(), before.len());
        // A machine without any, or with broken ones, has others each time.
        let read = rustls_native_certs::load_native_certs();
        assert!(Arc::ptr_eq(&before, &after) || read.certs.is_empty() || !read.errors.is_empty());
    }

    #[test]
    fn broken_material_is_an_error_and_never_a_panic() {
        let tls = Some(ConfigErrorKind::Tls);
        assert_eq!(kind(&TlsOptions { roots: Roots::None, ..TlsOptions::default() }), tls);
        let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        for pem in [b"".to_vec(), b"sentinel".to_vec(), junk.clone()] {
            assert_eq!(kind(&TlsOptions { own_roots: vec![pem], ..TlsOptions::default() }), tls);
        }
        for (chain, key) in [(b"".to_vec(), ""), (junk, "sentinel")] {
            let pair = Pair { chain, key: key.into() };
            let error = TlsOptions::default().config(Some(&pair)).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::Tls);
            assert!(!format!("{error:?}").contains("sentinel"));
        }
    }
}
