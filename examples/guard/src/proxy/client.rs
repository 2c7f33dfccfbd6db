use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_auth::core::BoxError;

use super::sent_body::SentBody;
use crate::config::UpstreamSpec;

/// What speaks to the upstream.
pub(super) type UpstreamClient = Client<HttpsConnector<HttpConnector>, SentBody>;

/// # Errors
/// When the roots are none.
pub(super) fn client(spec: &UpstreamSpec) -> Result<UpstreamClient, BoxError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(spec.connect_timeout));
    let provider = Arc::new(default_provider());
    let https = match &spec.ca {
        Some((path, pem)) => {
            let mut roots = RootCertStore::empty();
            for root in CertificateDer::pem_slice_iter(pem) {
                roots.add(root?)?;
            }
            if roots.is_empty() {
                return Err(format!("{path}: there is no certificate in PEM").into());
            }
            let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
            HttpsConnectorBuilder::new().with_tls_config(builder.with_root_certificates(roots).with_no_client_auth())
        }
        None => HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider)?,
    };
    let https = https.https_or_http();
    let connector =
        if spec.http2 { https.enable_http2().wrap_connector(http) } else { https.enable_http1().wrap_connector(http) };
    Ok(Client::builder(TokioExecutor::new())
        .http2_only(spec.http2)
        .pool_idle_timeout(Duration::from_secs(30))
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// How a failure on the way to the upstream is answered.
pub(super) fn status_of(error: &hyper_util::client::legacy::Error) -> StatusCode {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return StatusCode::GATEWAY_TIMEOUT;
        }
        cause = one.source();
    }
    StatusCode::BAD_GATEWAY
}
