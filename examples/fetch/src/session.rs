use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};
use tower_auth::core::{Clock, HttpClient, HttpTransport, Origin, TokenCache, TokenError};
use tower_auth::{AuthLayer, Credentials};

use crate::credentials::{self, Held};
use crate::failure::Failure;
use crate::fill::Filled;
use crate::origins::Origins;

/// A provider to talk to: its credential, and the connections that carry it.
pub struct Session {
    pub(crate) filled: Filled,
    pub(crate) http: HttpClient,
    pub(crate) held: Held,
    /// Puts the credential on requests to the API; `None` if there is no credential.
    pub(crate) layer: Option<AuthLayer>,
    pub(crate) setup: Setup,
}

/// How a session talks.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where plain `http` may go.
    pub origins: Origins,
    /// PEM certificates to trust beside the platform's.
    pub roots: Option<Vec<u8>>,
    /// How long one exchange may take, in place of what the provider file says.
    pub timeout: Option<Duration>,
    /// Where tokens take the time from.
    pub clock: Clock,
    /// URLs that the user named. Where the provider has no base URL the credential goes to their origins.
    pub targets: Vec<Uri>,
}

/// The largest answer of an API that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long one exchange may take if nobody says.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Setup {
    /// Every default: https only, the platform's roots, the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self { origins: Origins::default(), roots: None, timeout: None, clock: Clock::system(), targets: Vec::new() }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Prepares the credential. Nothing is sent.
    ///
    /// # Errors
    /// When values, URLs or options cannot be used.
    pub fn open(filled: Filled, setup: Setup) -> Result<Self, Failure> {
        let timeout = timeout(&filled, &setup);
        let http = transport(&setup, timeout)?;
        let held = credentials::hold(&filled, &setup, &http, timeout)?;
        let layer = held.credentials().map(|credentials| layer(credentials, &filled, &setup)).transpose()?.flatten();
        Ok(Self { filled, http, held, layer, setup })
    }

    /// The token cache, unless the credential never changes.
    #[must_use]
    pub fn cache(&self) -> Option<&TokenCache> {
        self.held.cache()
    }

    /// How long one exchange may take.
    pub(crate) fn timeout(&self) -> Duration {
        timeout(&self.filled, &self.setup)
    }

    /// Waits until there is a token, if the method has tokens.
    ///
    /// # Errors
    /// Why none could be had.
    pub async fn ready(&self) -> Result<(), TokenError> {
        match self.cache() {
            Some(cache) => cache.ready().await,
            None => Ok(()),
        }
    }

    /// The URL that `text` means: a whole one, or a path below the API's base URL.
    ///
    /// # Errors
    /// When the URL cannot be used, or its origin is not one that the credential is for.
    pub fn resolve(&self, text: &str) -> Result<Uri, Failure> {
        let base = self.filled.base_url.as_ref();
        let whole = match base {
            Some(base) if !is_absolute(text) => join(&base.uri, text),
            _ => text.to_owned(),
        };
        let uri = self.setup.origins.check(&whole).map_err(|why| Failure::usage(format!("{text}: {why}")))?;
        let allowed = base.and_then(|base| Origin::of(&base.uri));
        match allowed {
            Some(origin) if self.layer.is_some() && !origin.matches(&uri) => Err(Failure::usage(format!(
                "{text}: the credential of {} goes to {origin} only; give another base_url if the API is elsewhere",
                self.filled.provider
            ))),
            _ => Ok(uri),
        }
    }

    /// The headers that every request to the API gets.
    ///
    /// # Errors
    /// When a value has a character that no header can have.
    pub(crate) fn api_headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.filled.method.api_headers {
            let value = self.filled.text(template);
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                Failure::usage(format!("the value of the header {name} has a character that cannot be sent"))
            })?;
            value.set_sensitive(template.names().next().is_some());
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The user's word, or the provider file's, or ours.
fn timeout(filled: &Filled, setup: &Setup) -> Duration {
    setup.timeout.or(filled.method.timeout).unwrap_or(TIMEOUT)
}

/// Whether `text` is a URL of its own.
pub(crate) fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn join(base: &Uri, path: &str) -> String {
    let base = base.to_string();
    let base = base.trim_end_matches('/');
    if path.is_empty() || path.starts_with('?') {
        format!("{base}{path}")
    } else {
        format!("{base}/{}", path.trim_start_matches('/'))
    }
}

fn transport(setup: &Setup, timeout: Duration) -> Result<HttpClient, Failure> {
    let mut transport = HttpTransport::new().total_timeout(timeout).max_body(MAX_ANSWER);
    if let Some(roots) = &setup.roots {
        transport = transport.extra_roots(roots.clone());
    }
    for origin in setup.origins.plaintext() {
        transport = transport.dangerous().allow_plaintext(origin.to_string());
    }
    transport.build().map_err(|error| Failure::usage(error.to_string()))
}

/// The layer for the API's origin. A request elsewhere is refused, since it can only be a mistake.
fn layer(credentials: Credentials, filled: &Filled, setup: &Setup) -> Result<Option<AuthLayer>, Failure> {
    let origins: Vec<Origin> = match &filled.base_url {
        Some(base) => Origin::of(&base.uri).into_iter().collect(),
        None => setup.targets.iter().filter_map(Origin::of).collect(),
    };
    if origins.is_empty() {
        return Ok(None);
    }
    // Each plain one among them was named by the user.
    let layer =
        AuthLayer::insecure_plaintext(credentials, origins).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(layer.refuse_other_origins()))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("filled", &self.filled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_base_url() {
        let base = |base: &str, path: &str| join(&base.parse().unwrap(), path);
        assert_eq!(base("https://a", "/v1/me"), "https://a/v1/me");
        assert_eq!(base("https://a/v1/", "me?x=http://b"), "https://a/v1/me?x=http://b");
        assert_eq!(base("https://a/v1", "?x=1"), "https://a/v1?x=1");
        assert!(is_absolute("https://a/") && !is_absolute("/x?u=https://a/") && !is_absolute("me"));
    }
}
