use std::fmt::Display;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::any_certificate::AnyCertificate;
use crate::config::ClientCertificates;

/// Makes of PEM what connections need. No provider of cryptography is installed for the process.
///
/// # Errors
/// What is wrong with which of the texts.
pub(crate) fn server_config(
    chain: &[u8],
    key: &[u8],
    client_certificates: ClientCertificates,
    roots: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(default_provider());
    let chain = certificates(chain).map_err(|message| format!("cert: {message}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "key: there is no private key in PEM".to_owned())?;
    let is_required = client_certificates == ClientCertificates::Required;
    let verifier: Option<Arc<dyn ClientCertVerifier>> = match (client_certificates, roots) {
        (ClientCertificates::None, _) => None,
        (_, None) => Some(Arc::new(AnyCertificate { provider: Arc::clone(&provider), is_required })),
        (_, Some(roots)) => {
            let wrong = |error: &dyn Display| format!("client_ca: {error}");
            let mut store = RootCertStore::empty();
            for root in certificates(roots).map_err(|message| wrong(&message))? {
                store.add(root).map_err(|error| wrong(&error))?;
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider));
            let builder = if is_required { builder } else { builder.allow_unauthenticated() };
            Some(builder.build().map_err(|error| wrong(&error))?)
        }
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| format!("cert and key: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| "there is no certificate in PEM".to_owned())
}
