use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};

use super::ServerMetadata;
use crate::clock::race;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::retry_after;
use crate::http::{
    Dangerous, Endpoint, HttpClient, PlaintextOptions, PlaintextRules, TransportError, TransportErrorKind,
};
use crate::metadata::{DocumentError, MAX_METADATA, addresses};
use crate::oauth::failure::ForeignError;
use crate::oauth::limit::Limit;
use crate::oauth::redact::Redactor;
use crate::{Clock, Origin, TokenError, TokenErrorKind};

/// A fetch of an authorization server's metadata, described. Made by [`ServerMetadata::discovery`].
#[derive(Clone, Debug)]
#[must_use = "a description does nothing before `fetch`"]
pub struct ServerDiscovery {
    issuer: String,
    http: Option<HttpClient>,
    clock: Clock,
    timeout: Duration,
    plaintext: PlaintextOptions,
}

/// Why one address yielded nothing.
enum Failed {
    /// Another address may have it.
    Elsewhere(TokenError),
    /// The document there cannot be used.
    Wrong(TokenError),
    /// The server cannot be asked at this time.
    Now(TokenError),
}

impl ServerDiscovery {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            http: None,
            clock: Clock::system(),
            timeout: Duration::from_secs(15),
            plaintext: PlaintextOptions::default(),
        }
    }

    /// Fetches by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long it may take, all addresses together. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Allows an issuer and endpoints over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    pub(in crate::oauth) fn plaintext(mut self, options: PlaintextOptions) -> Self {
        self.plaintext = options;
        self
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.timeout
    }

    pub(super) fn time(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Fetches the metadata: first from where RFC 8414 has it, then from the places of OpenID Connect.
    ///
    /// # Errors
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): the issuer is not an `https` URL without query and fragment, it has no
    ///   metadata, or the metadata there is another issuer's.
    /// - [`Unparsable`](TokenErrorKind::Unparsable): what is there is no metadata: not JSON, larger than 256 KiB, a member of the
    ///   wrong type, an endpoint that is not `https`.
    /// - The transient kinds: the server cannot be asked at this time.
    ///
    /// # Cancel safety
    /// Dropping the future gives the fetch up; nothing else is lost.
    pub async fn fetch(&self) -> Result<ServerMetadata, TokenError> {
        self.plaintext.announce();
        self.fetch_again().await
    }

    /// As [`fetch`](Self::fetch), without saying again what weakens the protection.
    pub(super) async fn fetch_again(&self) -> Result<ServerMetadata, TokenError> {
        let prepared = self.prepare();
        let (issuer, rules, http) = prepared.map_err(|error| {
            TokenError::new(TokenErrorKind::Misconfigured, "the metadata cannot be asked for").with_source(error)
        })?;
        let limit = Limit::new(&self.clock, self.timeout);
        let (mut wrong, mut absent) = (None, None);
        for uri in addresses(issuer.uri()) {
            let got = match race(self.get(&http, issuer.site(), &uri), limit.passed()).await {
                Some(got) => got.and_then(|response| self.read(&issuer, &rules, &response)),
                None => Err(Failed::Now(TokenError::new(
                    TokenErrorKind::TimedOut,
                    format!("{} did not give its metadata within {:?}", issuer.site(), self.timeout),
                ))),
            };
            match got {
                Ok(metadata) => return Ok(metadata),
                Err(Failed::Now(error)) => return Err(error),
                // A document that is wrong says more than one that is absent.
                Err(Failed::Wrong(error)) => wrong = wrong.or(Some(error)),
                Err(Failed::Elsewhere(error)) => absent = Some(error),
            }
        }
        Err(wrong.or(absent).unwrap_or_else(|| {
            TokenError::new(TokenErrorKind::Misconfigured, "the issuer has no address to ask for metadata")
        }))
    }

    fn prepare(&self) -> Result<(Endpoint, PlaintextRules, HttpClient), ConfigError> {
        let rules = self.plaintext.rules()?;
        let issuer = self.checked_issuer(&rules)?;
        let http = match &self.http {
            Some(http) => http.clone(),
            None => self.default_http()?,
        };
        Ok((issuer, rules, http))
    }

    /// The issuer, if metadata can be asked of it (RFC 8414 section 2).
    pub(in crate::oauth) fn checked_issuer(&self, rules: &PlaintextRules) -> Result<Endpoint, ConfigError> {
        let issuer = Endpoint::parse("issuer", &self.issuer, rules)?;
        if self.issuer.contains('?') {
            return Err(ConfigError::new(ConfigErrorKind::InvalidUrl, "the issuer has a query: an issuer has none"));
        }
        Ok(issuer)
    }

    #[cfg(feature = "http")]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        crate::http::HttpTransport::new()
            .plaintext(self.plaintext.clone())
            .clock(self.clock.clone())
            .total_timeout(self.timeout)
            .max_body(MAX_METADATA)
            .build()
    }

    #[cfg(not(feature = "http"))]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        Err(ConfigError::new(
            ConfigErrorKind::MissingOption,
            "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
        ))
    }

    async fn get(&self, http: &HttpClient, site: &str, uri: &Uri) -> Result<Response<Bytes>, Failed> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        let response = http.send(request).await.map_err(|error| Failed::Now(unreachable(site, &*error)))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let elsewhere = (status.is_client_error() || status.is_redirection())
            && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => TokenErrorKind::Throttled,
            _ if elsewhere => TokenErrorKind::Misconfigured,
            _ => TokenErrorKind::ServerError,
        };
        let message = format!("{site} gave no metadata: it answered with status {}", status.as_u16());
        let mut error = TokenError::new(kind, message).with_status(status.as_u16());
        if let Some(wait) = retry_after(response.headers(), self.clock.wall()) {
            error = error.with_retry_after(wait);
        }
        Err(if elsewhere { Failed::Elsewhere(error) } else { Failed::Now(error) })
    }

    fn read(
        &self,
        issuer: &Endpoint,
        rules: &PlaintextRules,
        response: &Response<Bytes>,
    ) -> Result<ServerMetadata, Failed> {
        let site = issuer.site();
        let unparsable =
            |what: &str| TokenError::new(TokenErrorKind::Unparsable, format!("the metadata of {site} {what}"));
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(Failed::Wrong(unparsable("is compressed, which nobody asked for")));
        }
        if response.body().len() > MAX_METADATA {
            return Err(Failed::Wrong(unparsable("is larger than 256 KiB")));
        }
        // A server may answer with a web page for whatever it does not know.
        if !is_json(response) {
            return Err(Failed::Elsewhere(unparsable("is not JSON by its type")));
        }
        let origin = Origin::of(issuer.uri());
        ServerMetadata::read(response.body(), &self.issuer, origin, rules).map_err(|error| {
            Failed::Wrong(match error {
                DocumentError::OtherIssuer(found) => TokenError::new(
                    TokenErrorKind::Misconfigured,
                    format!(
                        "the metadata of {site} is that of the issuer {found:?}, not of {:?}: write the issuer as it writes itself",
                        self.issuer
                    ),
                ),
                other => unparsable(&other.to_string()),
            })
        })
    }
}

impl Dangerous<ServerDiscovery> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way.
    ///
    /// # Security
    /// Whoever is on the way decides where the client's secret and its tokens go.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> ServerDiscovery {
        let mut discovery = self.into_inner();
        discovery.plaintext.origins.push(origin.into());
        discovery
    }
}

/// Whether the media type is `application/json`, parameters aside (RFC 8414 section 3.2).
fn is_json(response: &Response<Bytes>) -> bool {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn unreachable(site: &str, error: &(dyn std::error::Error + 'static)) -> TokenError {
    let message = format!("{site} cannot be asked for its metadata");
    let Some(transport) = TransportError::find(error) else {
        let source = ForeignError::new(error, &Redactor::default());
        return TokenError::new(TokenErrorKind::Unreachable, message).with_source(source);
    };
    let kind = match transport.kind() {
        TransportErrorKind::TimedOut => TokenErrorKind::TimedOut,
        TransportErrorKind::TooLarge | TransportErrorKind::Encoded => TokenErrorKind::Unparsable,
        TransportErrorKind::Forbidden => TokenErrorKind::Misconfigured,
        TransportErrorKind::Connect | TransportErrorKind::Tls | TransportErrorKind::Protocol => {
            TokenErrorKind::Unreachable
        }
    };
    TokenError::new(kind, format!("{message}: {transport}")).with_source(transport.clone())
}
