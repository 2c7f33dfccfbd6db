use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use tower_auth::core::{
    AuthKind, Clock, ConfigError, Connection, FilledProvider, HttpClient, HttpTransport, Origin, RequestLog, Secret,
    TokenCache, TokenError, TokenResponse,
};
use tower_auth::{AuthLayer, BodyCredentialLayer, Credentials, ProviderLayer};

use crate::explain;
use crate::failure::Failure;
use crate::origins::Origins;
use crate::state::StateFile;
use crate::tap::Tap;

/// A provider to talk to: its credential, and the connections that carry it.
pub struct Session {
    pub(crate) connection: Connection,
    pub(crate) http: HttpClient,
    pub(crate) tap: Tap,
    pub(crate) setup: Setup,
    /// Made when it is known where the API is.
    site: OnceLock<Site>,
}

/// Puts the credential on requests to the API.
pub(crate) enum Site {
    /// The provider's own.
    Provider(ProviderLayer),
    /// The provider's own, which wants a key in bodies.
    Bodies(BodyCredentialLayer),
    /// The origins that the user named, of a provider without a base URL.
    Named(AuthLayer),
}

/// How a session talks.
#[derive(Debug)]
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
    /// Scopes to ask for instead of the provider file's default ones.
    pub scopes: Vec<String>,
    /// Gets every token request with its answer, without secrets.
    pub log: Option<RequestLog>,
    /// Tokens of an earlier run.
    pub resumed: Option<TokenResponse>,
    /// Where tokens are kept.
    pub state: Option<Arc<StateFile>>,
}

/// The largest answer of an API that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long one exchange may take if nobody says.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Setup {
    /// Every default: https only, the platform's roots, the system's clock, nothing kept.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origins: Origins::default(),
            roots: None,
            timeout: None,
            clock: Clock::system(),
            targets: Vec::new(),
            scopes: Vec::new(),
            log: None,
            resumed: None,
            state: None,
        }
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
    pub fn open(filled: FilledProvider, mut setup: Setup) -> Result<Self, Failure> {
        check_urls(&filled, &setup.origins)?;
        let provider = filled.spec().display_name().to_owned();
        let method = filled.method().key().to_owned();
        let wrong = |error| Failure::usage(format!("{provider}, method {method}: {}", explain::chain(&error)));
        let timeout = setup.timeout.or(filled.method().timeout()).unwrap_or(TIMEOUT);
        setup.timeout = Some(timeout);
        let mut transport = HttpTransport::new().total_timeout(timeout).max_body(MAX_ANSWER);
        if let Some(roots) = &setup.roots {
            transport = transport.extra_roots(roots.clone());
        }
        if let Some((chain, key)) = filled.client_certificate().map_err(wrong)? {
            transport = transport.client_certificate(chain.expose_secret().as_bytes(), key);
        }
        for origin in setup.origins.plaintext() {
            transport = transport.dangerous().allow_plaintext(origin.to_string());
        }
        let http = transport.build().map_err(|error| Failure::usage(explain::chain(&error)))?;
        let tap = Tap::default();
        let mut builder = filled
            .connect()
            .http_client(tap.on(http.clone()))
            .clock(setup.clock.clone())
            .timeout(timeout)
            .scopes(setup.scopes.iter().cloned());
        for origin in setup.origins.plaintext() {
            builder = builder.dangerous().allow_plaintext(origin.to_string());
        }
        if let Some(log) = &setup.log {
            builder = builder.request_log(log.clone());
        }
        if let Some(response) = setup.resumed.take() {
            builder = builder.resume(response);
        }
        if let Some(state) = &setup.state {
            let (state, clock) = (Arc::clone(state), setup.clock.clone());
            builder = builder.persist(move |response| {
                let (state, text) = (Arc::clone(&state), response.to_secret_json(clock.wall()));
                async move { Ok(tokio::task::spawn_blocking(move || state.write(&text)).await??) }
            });
        }
        let connection = builder.build().map_err(wrong)?;
        Ok(Self { connection, http, tap, setup, site: OnceLock::new() })
    }

    /// What the connection was made of.
    pub(crate) fn filled(&self) -> &FilledProvider {
        self.connection.provider()
    }

    /// The token cache, unless the credential never changes.
    #[must_use]
    pub fn cache(&self) -> Option<&TokenCache> {
        self.connection.tokens()
    }

    /// How long one exchange may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.setup.timeout.unwrap_or(TIMEOUT)
    }

    /// Waits until there is a token, if the method has tokens.
    ///
    /// # Errors
    /// Why none could be had.
    pub async fn ready(&self) -> Result<(), TokenError> {
        self.connection.credential().await.map(drop)
    }

    /// Finds out where the API is, if that comes with the token or has to be asked.
    ///
    /// # Errors
    /// Why it cannot be known.
    pub(crate) async fn locate(&self) -> Result<(), Failure> {
        if !self.connection.is_base_url_late() || self.connection.base_url().is_some() {
            return Ok(());
        }
        self.ready().await.map_err(|error| self.no_token(&error))?;
        if self.connection.base_url().is_none() {
            self.connection.probe().await.map_err(|error| self.no_token(&error))?;
        }
        match self.connection.base_url() {
            Some(_) => Ok(()),
            None => Err(self.without_base_url()),
        }
    }

    /// Why no token could be had, and what it was asked for with.
    pub(crate) fn no_token(&self, error: &TokenError) -> Failure {
        explain::no_token(self.filled(), error)
    }

    /// Whether the method has no credential.
    pub(crate) fn is_open(&self) -> bool {
        self.filled().method().kind() == AuthKind::None
    }

    /// What goes into a layer; `None` if there is no credential.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        if self.is_open() {
            return None;
        }
        Some(Credentials::from(&self.connection))
    }

    /// The values that are secret.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let filled = self.filled();
        let fields = filled.method().fields().iter().filter(|field| field.is_secret());
        let tokens = self.connection.response();
        let tokens = tokens.iter().flat_map(|response| {
            [Some(response.token().secret()), response.refresh_token(), response.id_token()].into_iter().flatten()
        });
        fields.filter_map(|field| filled.value(field.name())).chain(tokens).cloned().collect()
    }

    /// What puts the credential on requests to the API. A request elsewhere is refused, since it can only be a mistake. `None` if it is
    /// not known where the API is.
    pub(crate) fn site(&self) -> Result<Option<&Site>, Failure> {
        if let Some(site) = self.site.get() {
            return Ok(Some(site));
        }
        let wrong = |error: ConfigError| Failure::usage(explain::chain(&error));
        let site = if self.connection.base_url().is_some() || self.connection.is_base_url_late() {
            let strict = |layer: ProviderLayer| if self.is_open() { layer } else { layer.refuse_other_origins() };
            if self.connection.puts_credential_into_bodies() {
                Site::Bodies(BodyCredentialLayer::new(&self.connection).map_err(wrong)?.provider(strict))
            } else {
                Site::Provider(strict(ProviderLayer::new(&self.connection).map_err(wrong)?))
            }
        } else {
            let origins: Vec<Origin> = self.setup.targets.iter().filter_map(Origin::of).collect();
            let Some(credentials) = self.credentials().filter(|_| !origins.is_empty()) else { return Ok(None) };
            // Each plain one among them was named by the user.
            let layer = AuthLayer::insecure_plaintext(credentials, origins).map_err(wrong)?;
            Site::Named(layer.refuse_other_origins())
        };
        Ok(Some(self.site.get_or_init(|| site)))
    }

    fn base_url(&self) -> Option<Uri> {
        self.connection.base_url()?.parse().ok()
    }

    fn without_base_url(&self) -> Failure {
        let spec = self.filled().spec();
        Failure::usage(format!(
            "{} needs a value for base_url (where the API is); set {}, write base_url into a values file, or give --set base_url=…",
            spec.display_name(),
            spec.variable("base_url")
        ))
    }

    /// The URL that `text` means: a whole one, or a path below the API's base URL.
    ///
    /// # Errors
    /// When the URL cannot be used, or its origin is not one that the credential is for.
    pub fn resolve(&self, text: &str) -> Result<Uri, Failure> {
        let base = self.base_url();
        let whole = match &base {
            _ if is_absolute(text) => text.to_owned(),
            Some(base) => join(base, text),
            None => return Err(self.without_base_url()),
        };
        let uri = self.setup.origins.check(&whole).map_err(|why| Failure::usage(format!("{text}: {why}")))?;
        let allowed = base.as_ref().and_then(Origin::of);
        match allowed {
            Some(origin) if !self.is_open() && !origin.matches(&uri) => Err(Failure::usage(format!(
                "{text}: the credential of {} goes to {origin} only; give another base_url if the API is elsewhere",
                self.filled().spec().display_name()
            ))),
            _ => Ok(uri),
        }
    }
}

/// Objects to plain `http` that the user did not allow.
fn check_urls(filled: &FilledProvider, origins: &Origins) -> Result<(), Failure> {
    let names = [
        "base_url",
        "authorize_url",
        "token_url",
        "refresh_url",
        "revoke_url",
        "introspect_url",
        "device_url",
        "issuer",
    ];
    let mistakes: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let why = origins.check(filled.url(name)?).err()?;
            Some(format!("{name} ({}): {why}", explain::origin_of(filled, name)))
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::usage(mistakes.join("\n"))) }
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

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connection", &self.connection).finish_non_exhaustive()
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
