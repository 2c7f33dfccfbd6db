use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::client::{describe, invalid, listed};
use super::connection::{Connection, Held, Inner};
use super::credential::CredentialMaker;
use super::grantor::ProviderGrantor;
use super::log::{RequestLog, logged};
use super::runner::Runner;
use super::secondary::Makings;
use super::signers::Signers;
use super::source::{ProviderSource, Shared, Way, captured};
use crate::error::{BoxError, ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient, PlaintextOptions, PlaintextRules};
use crate::oauth::{Agreed, OAuthClient, Once, Params, Redactor, Renewal, Rotation as Spending};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::{AuthKind, Refresh, Rotation, UrlKey};
use crate::{Clock, Credential, ScopeSet, Secret, TokenCache, TokenResponse};

/// Makes a [`Connection`] of a description and its values. Every option has a default.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ConnectionBuilder {
    filled: Arc<FilledProvider>,
    options: Options,
    scopes: Vec<String>,
    resumed: Option<TokenResponse>,
    persist: Option<Persist>,
    log: Option<RequestLog>,
    signers: Signers,
}

/// What clients and caches of a connection share.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) http: Option<HttpClient>,
    pub(super) clock: Clock,
    pub(super) plaintext: PlaintextOptions,
    pub(super) timeout: Option<Duration>,
    /// Asked for beside those that the description always asks for.
    pub(super) scopes: Vec<String>,
    #[cfg(feature = "dpop")]
    pub(super) dpop: Option<crate::DpopKey>,
}

pub(super) type Persist =
    Arc<dyn Fn(Arc<TokenResponse>) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send + Sync>;

impl FilledProvider {
    /// Begins a connection: a token cache, and what the API wants on each request. Sends nothing.
    pub fn connect(self) -> ConnectionBuilder {
        ConnectionBuilder {
            filled: Arc::new(self),
            options: Options {
                http: None,
                clock: Clock::system(),
                plaintext: PlaintextOptions::default(),
                timeout: None,
                scopes: Vec::new(),
                #[cfg(feature = "dpop")]
                dpop: None,
            },
            scopes: Vec::new(),
            resumed: None,
            persist: None,
            log: None,
            signers: Signers::default(),
        }
    }
}

impl ConnectionBuilder {
    /// Sends requests by `http`. Default: a transport of its own with the description's client certificate (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.options.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }

    /// Asks for these scopes instead of the description's default ones. Those that it always asks for are asked for too.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Goes on with tokens of an earlier run, as [`persist`](Self::persist) got them.
    pub fn resume(mut self, response: TokenResponse) -> Self {
        self.resumed = Some(response);
        self
    }

    /// Makes each response durable before its token is used; see [`TokenCacheBuilder::persist`](crate::TokenCacheBuilder::persist).
    pub fn persist<F, Fut>(mut self, persist: F) -> Self
    where
        F: Fn(Arc<TokenResponse>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.persist = Some(Arc::new(move |response| Box::pin(persist(response))));
        self
    }

    /// Hands every token request and its answer to `log`, with all secrets masked. Off by default.
    pub fn request_log(mut self, log: RequestLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Registers the signer that descriptions call `name` (`signer = { kind = "custom", name = "…" }`). `make` gets the description's parameters with their
    /// values, and makes a [`Credential::signer`](crate::Credential::signer) of them: with each token anew where there are tokens.
    ///
    /// ```
    /// use tower_auth_core::{Credential, ProviderSpec, ProviderValues};
    /// # use tower_auth_core::{RequestSigner, SigningError, SigningRequest, Secret, HttpClient};
    /// # struct Wsse(Secret);
    /// # impl RequestSigner for Wsse {
    /// #     fn is_present_in(&self, headers: &http::HeaderMap) -> bool { headers.contains_key("x-wsse") }
    /// #     fn sign(&self, _: &mut SigningRequest<'_>) -> Result<(), SigningError> { Ok(()) }
    /// # }
    ///
    /// # fn connect(spec: ProviderSpec, values: ProviderValues) -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = spec
    ///     .fill(&values)?
    ///     .connect()
    ///     .signer("wsse", |params| Ok(Credential::signer(Wsse(params["secret"].clone()))))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn signer<F>(mut self, name: impl Into<String>, make: F) -> Self
    where
        F: Fn(&BTreeMap<String, Secret>) -> Result<Credential, ConfigError> + Send + Sync + 'static,
    {
        self.signers.register(name.into(), make);
        self
    }

    /// Allows plain `http` on literal loopback addresses (`127.0.0.0/8`, `[::1]`), for tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.options.plaintext.loopback = true;
        self
    }

    /// How long one exchange may take, in place of what the description says. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Binds the tokens to `key` (RFC 9449): token requests show it, and each request to the API gets a proof of its own. A token that comes back as Bearer is
    /// refused. A program that [goes on](Self::resume) with tokens goes on with their key.
    #[cfg(feature = "dpop")]
    pub fn dpop(mut self, key: crate::DpopKey) -> Self {
        self.options.dpop = Some(key);
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// The connection. Spawns nothing and asks nobody.
    ///
    /// # Errors
    /// When a chosen scope is none that the description offers, a URL needs values that are known only after connecting, a
    /// key or credential cannot be used, or no HTTP client can be made.
    pub fn build(mut self) -> Result<Connection, ConfigError> {
        let filled = Arc::clone(&self.filled);
        let method = filled.method();
        if let Some(scope) = self.scopes.iter().find(|scope| {
            let available = method.available_scopes();
            !available.is_empty() && !available.iter().any(|own| own == *scope)
        }) {
            return Err(invalid(format!(
                "the scope {scope:?} is not one of: {}",
                method.available_scopes().join(", ")
            )));
        }
        if self.scopes.is_empty() {
            self.scopes = listed(&self.filled, &self.options.clock, &method.token.default_scopes)
                .map_err(|error| invalid(error.to_string()))?;
        }
        self.options.scopes.clone_from(&self.scopes);
        self.options.timeout = self.options.timeout.or(method.limits.timeout);
        let plaintext = self.plaintext_rules()?;
        let http = self.http()?;
        let timeout = self.options.timeout.unwrap_or(Duration::from_secs(15));
        if let Some(signer) = &method.signer {
            self.signers.check(signer)?;
        }
        let maker = Arc::new(CredentialMaker {
            filled: Arc::clone(&self.filled),
            clock: self.options.clock.clone(),
            signers: std::mem::take(&mut self.signers),
            plaintext: plaintext.clone(),
            #[cfg(feature = "dpop")]
            key: self.options.dpop.clone().map(|key| key.with_clock(self.options.clock.clone())),
        });
        let held = match method.kind().has_token_request() {
            true => self.cached(&http, timeout, &maker)?,
            false => Held::Static(maker.make(&method.placement, None, &BTreeMap::new())?),
        };
        Ok(Connection(Arc::new(Inner {
            runner: self.runner(http, timeout),
            clock: self.options.clock.clone(),
            options: self.options,
            plaintext,
            persist: self.persist,
            scopes: self.scopes,
            found: std::sync::Mutex::default(),
            held,
            maker,
            filled: self.filled,
        })))
    }

    /// Where plain `http` may go. Other requests than token requests go to the URLs that are looked at here.
    fn plaintext_rules(&self) -> Result<PlaintextRules, ConfigError> {
        let rules = self.options.plaintext.rules()?;
        for key in [UrlKey::Base, UrlKey::Introspect] {
            let Some(url) = self.filled.url_of(key).and_then(|url| url.text.as_deref()) else { continue };
            let uri: http::Uri = url.parse().map_err(|_| invalid(format!("{} is not a URL", key.as_str())))?;
            if rules.check(&uri).is_err() {
                let text = format!("{} is plain http: use https, or allow it for this origin", key.as_str());
                return Err(ConfigError::new(ConfigErrorKind::InsecureUrl, text));
            }
        }
        Ok(rules)
    }

    fn http(&mut self) -> Result<HttpClient, ConfigError> {
        let http = match &self.options.http {
            Some(http) => http.clone(),
            None => default_http(&self.filled, &self.options)?,
        };
        let http = match self.log.take() {
            Some(log) => logged(http, log, &self.filled, &self.options.clock),
            None => http,
        };
        self.options.http = Some(http.clone());
        Ok(http)
    }

    fn cached(&self, http: &HttpClient, timeout: Duration, maker: &Arc<CredentialMaker>) -> Result<Held, ConfigError> {
        let (filled, clock) = (&self.filled, &self.options.clock);
        let method = filled.method();
        let client = match filled.url_of(UrlKey::Token) {
            Some(_) => Some(describe(filled, &self.options)?.build()?),
            None => None,
        };
        let grantor = ProviderGrantor {
            filled: Arc::clone(filled),
            client: client.clone(),
            runner: self.runner(http.clone(), timeout),
            clock: clock.clone(),
            chosen_scopes: self.scopes.clone(),
            code: (method.kind() == AuthKind::OAuth2StaticCode)
                .then(|| filled.value("code").cloned())
                .flatten()
                .map(|code| Once::new("typed-in code", code)),
        };
        let budget = method.limits.token_calls.map(|(count, per)| Arc::new(Budget::new(count, per)));
        let way = way(filled, client.as_ref(), grantor);
        let renewal = match &way {
            Way::ByRefreshToken(renewal) => Some(Arc::clone(renewal)),
            _ => None,
        };
        let source =
            Arc::new(ProviderSource { filled: Arc::clone(filled), way, budget: budget.clone(), clock: clock.clone() });
        let own = Arc::clone(maker);
        let present = move |response: &TokenResponse| {
            own.make(&own.filled.method().placement, Some(response.token()), &captured(response))
        };
        let mut cache = TokenCache::builder(Shared(Arc::clone(&source)))
            .name(filled.spec().id())
            .clock(clock.clone())
            .present_by(Arc::new(present))
            .exchange_timeout(timeout);
        if let Some(margin) = method.renewal.margin {
            cache = cache.refresh_margin(margin);
        }
        if let Some(persist) = &self.persist {
            let persist = Arc::clone(persist);
            cache = cache.persist(move |response| persist(response));
        }
        let cache = cache.build()?;
        if let Some(response) = &self.resumed {
            cache.publish(response.clone());
        }
        let secondary = match &renewal {
            Some(renewal) => Makings {
                filled,
                options: &self.options,
                main: &cache,
                renewal,
                budget: &budget,
                persist: &self.persist,
                maker,
                timeout,
            }
            .caches()?,
            None => BTreeMap::new(),
        };
        Ok(Held::Cached { cache, client, source, secondary })
    }

    fn runner(&self, http: HttpClient, timeout: Duration) -> Runner {
        let filled = &self.filled;
        let secrets = filled.method().fields().iter().filter(|field| field.is_secret());
        let secrets = secrets.filter_map(|field| filled.value(field.name()).cloned());
        let redactor = Redactor::default().and(secrets);
        let retry_after = filled.method().limits.retry_after.clone();
        Runner { http, clock: self.options.clock.clone(), timeout, redactor, retry_after }
    }
}

fn way(filled: &FilledProvider, client: Option<&OAuthClient>, grantor: ProviderGrantor) -> Way {
    let renewal = &filled.method().renewal;
    let Some(client) = client else { return Way::Alone(grantor) };
    let agreed = || Agreed {
        client: client.clone(),
        scope: ScopeSet::default(),
        params: Params::default(),
        resources: Params::default(),
        default_lifetime: None,
        rotation: match renewal.rotation {
            Rotation::Rotating => Spending::Rotating,
            Rotation::Stable => Spending::Stable,
            Rotation::Unknown => Spending::Unknown,
        },
        reuse_grace: renewal.reuse_grace,
    };
    match renewal.refresh {
        Refresh::ByRefreshToken => Way::ByRefreshToken(Arc::new(Renewal::new(agreed(), grantor))),
        Refresh::ByAccessToken => Way::ByAccessToken(grantor, agreed()),
        Refresh::Regrant => Way::Regrant(grantor),
        Refresh::None => Way::Never(grantor),
    }
}

impl Dangerous<ConnectionBuilder> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service mesh. It is
    /// logged when the connection is built.
    ///
    /// An HTTP client given by [`http_client`](ConnectionBuilder::http_client) has its own rule beside this one.
    ///
    /// # Security
    /// Credentials and tokens cross the network as they are.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> ConnectionBuilder {
        let mut builder = self.into_inner();
        builder.options.plaintext.origins.push(origin.into());
        builder
    }
}

#[cfg(feature = "http")]
fn default_http(filled: &FilledProvider, options: &Options) -> Result<HttpClient, ConfigError> {
    super::client::transport(filled, options)
}

#[cfg(not(feature = "http"))]
fn default_http(_: &FilledProvider, _: &Options) -> Result<HttpClient, ConfigError> {
    Err(ConfigError::new(
        ConfigErrorKind::MissingOption,
        "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
    ))
}

impl fmt::Debug for ConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionBuilder").field("provider", &self.filled).finish_non_exhaustive()
    }
}
