use std::time::Duration;

use super::ProtectedResourceMetadata;
use super::guarded_http::GuardedHttp;
use crate::error::{ConfigError, printable};
use crate::http::{Endpoint, HttpClient, PlaintextOptions, PlaintextRules};
use crate::metadata::resource_address;
use crate::oauth::limit::Limit;
use crate::oauth::metadata::DocumentRequest;
use crate::{Clock, TokenError, TokenErrorKind};

/// A fetch of a protected resource's metadata, described. Made by [`ProtectedResourceMetadata::request`].
#[derive(Clone)]
#[must_use = "a description does nothing before `fetch`"]
pub struct ResourceMetadataRequest {
    url: String,
    announced: Option<String>,
    identifier: Option<String>,
    http: Option<HttpClient>,
    guarded: Option<GuardedHttp>,
    clock: Clock,
    timeout: Duration,
    loopback: bool,
}

impl ResourceMetadataRequest {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            announced: None,
            identifier: None,
            http: None,
            guarded: None,
            clock: Clock::system(),
            timeout: Duration::from_secs(15),
            loopback: false,
        }
    }

    /// Fetches the document from `url`, which a challenge named as `resource_metadata` (RFC 9728 section 5.1), and not from the well-known
    /// place.
    pub fn announced_at(mut self, url: impl Into<String>) -> Self {
        self.announced = Some(url.into());
        self
    }

    /// The identifier of the resource, if it is another than the URL that is requested: for APIs that publish one document for a whole
    /// host.
    ///
    /// # Security
    /// Write what is documented, never what the document says: that it says just this is what is checked.
    pub fn identifier(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }

    /// Fetches by `http`. Default: a default transport that connects to public addresses only (feature `http`).
    ///
    /// # Security
    /// The URL may be anybody's choice: a client of your own must not follow redirects, nor reach into your network where others can name
    /// URLs. [`HttpTransport::public_addresses_only`](crate::HttpTransport::public_addresses_only) does that.
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    pub(super) fn guarded_http(mut self, http: GuardedHttp) -> Self {
        self.guarded = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long it may take. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Allows plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`), for tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Fetches the metadata. It is used only if its `resource` is the identifier, code point by code point; without one, the URL that is
    /// requested (RFC 9728 section 3.3).
    ///
    /// # Errors
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): a URL is not `https`, there is no document, or it is that of another resource; the address is
    ///   not public.
    /// - [`Unparsable`](TokenErrorKind::Unparsable): what is there is no metadata, or larger than 256 KiB.
    /// - The transient kinds: the resource cannot be asked at this time.
    ///
    /// # Cancel safety
    /// Dropping the future gives the fetch up; nothing else is lost.
    pub async fn fetch(&self) -> Result<ProtectedResourceMetadata, TokenError> {
        let (endpoint, http) = self.prepare().map_err(|error| {
            TokenError::new(TokenErrorKind::Misconfigured, "the metadata of the resource cannot be asked for")
                .with_source(error)
        })?;
        let site = endpoint.site();
        let limit = Limit::new(&self.clock, self.timeout);
        let request = DocumentRequest { http: http.of(&endpoint), site, clock: &self.clock, limit };
        let body = request.send(endpoint.uri()).await.map_err(|failed| failed.into_error())?;
        let metadata = ProtectedResourceMetadata::read(&body).map_err(|error| {
            TokenError::new(TokenErrorKind::Unparsable, format!("the resource metadata of {site} {error}"))
        })?;
        let expected = self.expected();
        if metadata.resource() == expected {
            return Ok(metadata);
        }
        let message = format!(
            "the resource metadata of {site} is that of {:?}, not of {expected:?}: ask for the resource as it writes itself, or \
             configure its identifier",
            printable(metadata.resource(), 200),
        );
        Err(TokenError::new(TokenErrorKind::Misconfigured, message))
    }

    pub(super) fn expected(&self) -> &str {
        self.identifier.as_ref().unwrap_or(&self.url)
    }

    /// Checks what was given: where the document is.
    pub(super) fn address(&self) -> Result<Endpoint, ConfigError> {
        let rules = self.rules()?;
        Endpoint::parse("resource", &self.url, &rules)?;
        Endpoint::parse("resource (its identifier)", self.expected(), &rules)?;
        match &self.announced {
            Some(url) => Endpoint::parse("resource metadata (resource_metadata of the challenge)", url, &rules),
            None => Endpoint::parse("resource metadata", &resource_address(self.expected()), &rules),
        }
    }

    fn prepare(&self) -> Result<(Endpoint, GuardedHttp), ConfigError> {
        let endpoint = self.address()?;
        let http = match &self.guarded {
            Some(http) => http.clone(),
            None => GuardedHttp::new(self.http.as_ref(), &self.clock, self.timeout, self.loopback)?,
        };
        Ok((endpoint, http))
    }

    fn rules(&self) -> Result<PlaintextRules, ConfigError> {
        PlaintextOptions { loopback: self.loopback, ..PlaintextOptions::default() }.rules()
    }
}

impl std::fmt::Debug for ResourceMetadataRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceMetadataRequest")
            .field("url", &self.url)
            .field("identifier", &self.identifier)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
