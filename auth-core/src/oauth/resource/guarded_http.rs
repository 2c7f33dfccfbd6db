use std::time::Duration;

use crate::Clock;
use crate::error::ConfigError;
use crate::http::{Endpoint, HttpClient};

/// HTTP clients for URLs that somebody else named.
#[derive(Clone)]
pub(super) struct GuardedHttp {
    /// For `https`, to public addresses only unless the user gave it.
    open: HttpClient,
    /// For plain `http` on loopback, which a switch allowed.
    loopback: Option<HttpClient>,
}

impl GuardedHttp {
    pub(super) fn new(
        given: Option<&HttpClient>,
        clock: &Clock,
        timeout: Duration,
        loopback: bool,
    ) -> Result<Self, ConfigError> {
        match given {
            Some(http) => Ok(Self { open: http.clone(), loopback: loopback.then(|| http.clone()) }),
            None => Self::default(clock, timeout, loopback),
        }
    }

    #[cfg(feature = "http")]
    fn default(clock: &Clock, timeout: Duration, loopback: bool) -> Result<Self, ConfigError> {
        let transport = || {
            let transport = crate::http::HttpTransport::new().clock(clock.clone()).total_timeout(timeout);
            transport.max_body(crate::metadata::MAX_METADATA)
        };
        Ok(Self {
            open: transport().public_addresses_only().build()?,
            loopback: if loopback { Some(transport().allow_loopback_http().build()?) } else { None },
        })
    }

    #[cfg(not(feature = "http"))]
    fn default(_: &Clock, _: Duration, _: bool) -> Result<Self, ConfigError> {
        Err(ConfigError::new(
            crate::ConfigErrorKind::MissingOption,
            "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
        ))
    }

    /// The client for `endpoint`, which passed the rules for plain `http`.
    pub(super) fn of(&self, endpoint: &Endpoint) -> &HttpClient {
        let plain = endpoint.uri().scheme_str() == Some("http");
        self.loopback.as_ref().filter(|_| plain).unwrap_or(&self.open)
    }

    /// The client for public addresses.
    pub(super) fn open(&self) -> &HttpClient {
        &self.open
    }
}
