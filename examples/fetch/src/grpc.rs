use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer;
use tower_auth::core::Origin;
use tower_auth_tonic::GrpcAuthLayer;

use crate::channel::CountedChannel;
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::sends::SendLog;
use crate::session::{Session, is_absolute};

/// What a health service answered.
#[derive(Clone, Debug)]
pub struct Health {
    /// The address that was asked.
    pub address: Uri,
    /// `SERVING`, `NOT_SERVING`, …, or the code and the message of an error.
    pub status: Result<&'static str, (Code, String)>,
    /// How often the request was sent.
    pub sends: u32,
    /// Which of the cache's tokens went with the last send.
    pub generation: Option<u64>,
}

/// How much of an error's message is shown, in characters.
const MAX_MESSAGE: usize = 300;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Session {
    /// Asks the standard health service at `address` with the credential; `service` is empty for the server as a whole.
    ///
    /// # Errors
    /// When the address or the TLS options cannot be used, or no token could be had.
    pub async fn health(&self, address: &str, service: &str, timeout: Duration) -> Result<Health, Failure> {
        let wrong = |why: String| Failure::usage(format!("--grpc-health {address}: {why}"));
        let whole = if is_absolute(address) { address.to_owned() } else { format!("https://{address}") };
        let uri = self.setup.origins.check(&whole).map_err(wrong)?;
        let origin = Origin::of(&uri).ok_or_else(|| wrong("this is not host:port".to_owned()))?;
        self.ready().await.map_err(|error| self.no_token(&error))?;

        let mut endpoint = Endpoint::from(uri.clone()).connect_timeout(CONNECT_TIMEOUT).timeout(timeout);
        if origin.is_https() {
            endpoint = endpoint.tls_config(self.tls()).map_err(|error| wrong(explain::chain(&error)))?;
        }
        let log = Arc::new(SendLog::new(self.cache()));
        let channel = CountedChannel::new(endpoint.connect_lazy(), Arc::clone(&log));
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = match self.credentials() {
            None => HealthClient::with_origin(channel, uri.clone()).check(request).await,
            Some(credentials) => {
                let layer = GrpcAuthLayer::insecure_plaintext(credentials, origin)
                    .map_err(|error| Failure::usage(error.to_string()))?
                    .clock(self.setup.clock.clone());
                HealthClient::with_origin(layer.layer(channel), uri.clone()).check(request).await
            }
        };
        let status = match answer {
            Ok(answer) => Ok(match answer.into_inner().status() {
                ServingStatus::Serving => "SERVING",
                ServingStatus::NotServing => "NOT_SERVING",
                ServingStatus::ServiceUnknown => "SERVICE_UNKNOWN",
                ServingStatus::Unknown => "UNKNOWN",
            }),
            Err(status) => Err((status.code(), self.printable(status.message(), &log))),
        };
        Ok(Health { address: uri, status, sends: log.sends(), generation: log.generation() })
    }

    /// What a server said, without our secrets, which some repeat, and fit for a terminal.
    fn printable(&self, text: &str, log: &SendLog) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets().iter().chain(&log.credentials()).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.expose_secret(), "[redacted]");
        }
        text.chars().filter(|c| matches!(c, ' '..='~')).take(MAX_MESSAGE).collect()
    }

    fn tls(&self) -> ClientTlsConfig {
        match &self.setup.roots {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        }
    }
}

impl Health {
    /// How the program ends after this answer.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if matches!(self.status, Ok("SERVING")) { Exit::Success } else { Exit::CallFailed }
    }
}
