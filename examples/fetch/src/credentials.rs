use std::time::Duration;

use tower_auth::Credentials;
use tower_auth::core::{Basic, ClientCredentials, ConfigError, Credential, HttpClient, OAuthClient, Token, TokenCache};

use crate::failure::Failure;
use crate::fill::Filled;
use crate::provider::{GrantType, Kind};
use crate::session::Setup;

/// What a session authenticates with.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Nothing,
    /// A Basic pair or an API key: it never changes.
    Fixed(Credential),
    Cached(TokenCache),
}

impl Held {
    pub(crate) fn cache(&self) -> Option<&TokenCache> {
        match self {
            Self::Cached(cache) => Some(cache),
            Self::Nothing | Self::Fixed(_) => None,
        }
    }

    /// What goes into a layer.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        match self {
            Self::Nothing => None,
            Self::Fixed(credential) => Some(credential.clone().into()),
            Self::Cached(cache) => Some(cache.into()),
        }
    }
}

/// The credential that a filled method describes.
pub(crate) fn hold(filled: &Filled, setup: &Setup, http: &HttpClient, timeout: Duration) -> Result<Held, Failure> {
    let held = match filled.method.kind {
        Kind::None => Ok(Held::Nothing),
        Kind::Basic => basic(filled).map(Held::Fixed),
        Kind::ApiKey => api_key(filled).map(Held::Fixed),
        Kind::ClientCredentials => client_credentials(filled, setup, http, timeout).map(Held::Cached),
    };
    held.map_err(|error| Failure::usage(format!("{}, method {}: {error}", filled.provider, filled.method.key)))
}

fn basic(filled: &Filled) -> Result<Credential, ConfigError> {
    let (user, password) = &filled.method.basic;
    let (user, password) = (filled.text(user), filled.text(password));
    Credential::basic(&Basic::new(user.as_str(), password.as_str())?)
}

fn api_key(filled: &Filled) -> Result<Credential, ConfigError> {
    let key = Token::new(filled.value("api_key").unwrap_or_default())?;
    Credential::from_token(&key, &filled.method.placement.clone().unwrap_or_default())
}

fn client_credentials(
    filled: &Filled,
    setup: &Setup,
    http: &HttpClient,
    timeout: Duration,
) -> Result<TokenCache, ConfigError> {
    let method = &filled.method;
    let request = &method.request;
    let token_url = filled.token_url.as_ref().map(|url| url.uri.to_string()).unwrap_or_default();
    let mut client = OAuthClient::builder(filled.value("client_id").unwrap_or_default())
        .secret(filled.value("client_secret").unwrap_or_default())
        .token_endpoint(token_url)
        .client_auth(request.client_auth)
        .body_format(request.body_format)
        .scope_separator(request.scope_separator)
        .http_client(http.clone())
        .clock(setup.clock.clone())
        .timeout(timeout);
    if request.skip_empty {
        client = client.skip_empty();
    }
    for (name, template) in &request.params {
        client = client.param(name.as_str(), filled.text(template).as_str());
    }
    for (name, template) in &request.headers {
        client = client.header(name.clone(), filled.text(template).as_str());
    }
    for origin in setup.origins.plaintext() {
        client = client.dangerous().allow_plaintext(origin.to_string());
    }
    let mut grant = ClientCredentials::over(client).scopes(request.scopes.iter().map(String::as_str));
    match &request.grant_type {
        GrantType::Usual => {}
        GrantType::Other(name) => grant = grant.grant_type(name.as_str()),
        GrantType::Omitted => grant = grant.omit_grant_type(),
    }
    let mut cache = grant
        .build()?
        .cache_builder()
        .clock(setup.clock.clone())
        .name("fetch")
        .exchange_timeout(timeout)
        .wait_timeout(timeout);
    if let Some(lifetime) = method.default_lifetime {
        cache = cache.default_lifetime(lifetime);
    }
    if let Some(margin) = method.refresh_margin {
        cache = cache.refresh_margin(margin);
    }
    if let Some(placement) = &method.placement {
        cache = cache.placement(placement.clone());
    }
    cache.build()
}
