use std::sync::Arc;

use super::assertion;
use super::builder::Options;
use super::dialect::ProviderDialect;
use super::scope::Scope;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::{BasicHalf, ClientAuth, OAuthClient, OAuthClientBuilder};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::{ClientProof, UrlKey};
use crate::{Clock, Secret, SourceRequest, Token, TokenError, TokenErrorKind, TokenResponse};
#[cfg(feature = "http")]
use crate::{HttpClient, HttpTransport};

/// The client of the token endpoint that a description names.
pub(super) fn describe(filled: &Arc<FilledProvider>, options: &Options) -> Result<OAuthClientBuilder, ConfigError> {
    described(filled, options, ProviderDialect::new(Arc::clone(filled), options))
}

/// The same for the secondary token of that number, which has parameters and perhaps a URL of its own.
pub(super) fn describe_secondary(
    filled: &Arc<FilledProvider>,
    options: &Options,
    number: usize,
) -> Result<OAuthClientBuilder, ConfigError> {
    let dialect = ProviderDialect::of_secondary(Arc::clone(filled), options, number);
    let client = described(filled, options, dialect)?;
    let own = filled.method().secondary_tokens.get(number).and_then(|token| token.url.as_ref());
    let Some(own) = own else { return Ok(client) };
    let url = Scope::new(filled, &options.clock).filling().url(&own.value);
    let url = url.map_err(|why| invalid(format!("the URL of a secondary token cannot be filled: {why}")))?;
    Ok(client.refresh_endpoint(url.to_string()))
}

fn described(
    filled: &Arc<FilledProvider>,
    options: &Options,
    dialect: ProviderDialect,
) -> Result<OAuthClientBuilder, ConfigError> {
    let method = filled.method();
    let id = filled.value("client_id").map_or_else(|| filled.spec().id().to_owned(), text);
    let mut client = OAuthClient::builder(id)
        .clock(options.clock.clone())
        .scope_separator(method.token.scope_separator)
        .dialect(Arc::new(dialect));
    for (key, set) in [
        (UrlKey::Token, OAuthClientBuilder::token_endpoint as fn(OAuthClientBuilder, String) -> OAuthClientBuilder),
        (UrlKey::Refresh, OAuthClientBuilder::refresh_endpoint),
        (UrlKey::Authorize, OAuthClientBuilder::authorization_endpoint),
        (UrlKey::Revoke, OAuthClientBuilder::revocation_endpoint),
        (UrlKey::Introspect, OAuthClientBuilder::introspection_endpoint),
        (UrlKey::Device, OAuthClientBuilder::device_authorization_endpoint),
        (UrlKey::Issuer, OAuthClientBuilder::issuer),
    ] {
        let Some(url) = filled.url_of(key) else { continue };
        let alternative = || Scope::new(filled, &options.clock).filling().url(&url.template).ok();
        match url.text.clone().or_else(alternative) {
            Some(url) => client = set(client, url),
            // The dialect makes it when it is needed, of what the provider told by then.
            None if !matches!(key, UrlKey::Token | UrlKey::Authorize) => {}
            None => return Err(unknown_yet(key)),
        }
    }
    if let Some(timeout) = options.timeout {
        client = client.timeout(timeout);
    }
    if method.token.skip_empty {
        client = client.skip_empty();
    }
    #[cfg(feature = "dpop")]
    if let Some(key) = &options.dpop {
        client = client.dpop(key.clone());
    }
    if options.plaintext.loopback {
        client = client.allow_loopback_http();
    }
    for origin in &options.plaintext.origins {
        client = client.dangerous().allow_plaintext(origin.as_str());
    }
    client = authenticate(client, filled, options)?;
    Ok(match &options.http {
        Some(http) => client.http_client(http.clone()),
        None => client,
    })
}

fn authenticate(
    client: OAuthClientBuilder,
    filled: &Arc<FilledProvider>,
    options: &Options,
) -> Result<OAuthClientBuilder, ConfigError> {
    let (token, clock) = (&filled.method().token, &options.clock);
    let proof = filled.client_proof();
    let client = match filled.value("client_secret").filter(|_| proof.uses_secret()) {
        Some(secret) => client.secret(secret.clone()),
        None => client,
    };
    let basic = if token.basic_form_encoded { ClientAuth::Basic } else { ClientAuth::BasicRaw };
    if matches!(proof, ClientProof::PrivateKeyJwt | ClientProof::ClientSecretJwt) {
        let (filled, clock, chosen) = (Arc::clone(filled), clock.clone(), options.scopes.clone());
        return Ok(client.assertion(move |_: SourceRequest| {
            let signed = signed(&filled, &clock, &chosen);
            async move { signed }
        }));
    }
    let client = if token.basic_form_encoded { client } else { client.raw_basic() };
    let client = client.client_auth(match proof {
        ClientProof::Basic => basic,
        ClientProof::Body => ClientAuth::Body,
        ClientProof::Both => ClientAuth::Both,
        ClientProof::None => ClientAuth::None,
        ClientProof::Auto => ClientAuth::AutoBodyFirst,
        ClientProof::MutualTls | ClientProof::PrivateKeyJwt | ClientProof::ClientSecretJwt => ClientAuth::TlsClientAuth,
    });
    let Some((user, password)) = &token.basic else { return Ok(client) };
    let scope = Scope::new(filled, clock);
    let half = |template| match scope.filling().text(template) {
        // By name where it is one of these: an id is no secret, and no message must lose it.
        Ok(text) if Some(&text) == filled.value("client_id") => Ok(BasicHalf::ClientId),
        Ok(text) if Some(&text) == filled.value("client_secret") => Ok(BasicHalf::ClientSecret),
        Ok(text) => Ok(BasicHalf::Fixed(text)),
        Err(why) => Err(invalid(format!("a half of the Basic pair cannot be filled: {why}"))),
    };
    Ok(client.basic_user(half(&user.value)?).basic_password(half(&password.value)?))
}

/// An assertion, as the answer of a source.
pub(super) fn signed(filled: &FilledProvider, clock: &Clock, chosen: &[String]) -> Result<TokenResponse, TokenError> {
    let Some(assertion) = &filled.method().assertion else {
        return Err(TokenError::new(TokenErrorKind::Misconfigured, "the description has no assertion"));
    };
    let scope = Scope::new(filled, clock).with("scopes", joined(filled, clock, chosen)?);
    let secret = assertion::sign(assertion, &scope, clock)?;
    let token = Token::new(secret).map_err(|error| {
        TokenError::new(TokenErrorKind::Misconfigured, "the assertion cannot be sent").with_source(error)
    })?;
    Ok(TokenResponse::new(token).expires_in(assertion.lifetime))
}

/// All scopes that are asked for, as one text.
pub(super) fn joined(filled: &FilledProvider, clock: &Clock, chosen: &[String]) -> Result<Secret, TokenError> {
    let mut all = scopes(filled, clock)?;
    all.extend(chosen.iter().cloned());
    Ok(Secret::new(all.join(&filled.method().token.scope_separator.to_string())))
}

/// The scopes that are asked for always.
pub(super) fn scopes(filled: &FilledProvider, clock: &Clock) -> Result<Vec<String>, TokenError> {
    listed(filled, clock, &filled.method().token.scopes)
}

/// Scopes with their values; those that are filled with nothing are left out.
pub(super) fn listed(
    filled: &FilledProvider,
    clock: &Clock,
    templates: &[crate::provider::model::Located<crate::provider::template::Template>],
) -> Result<Vec<String>, TokenError> {
    let scope = Scope::new(filled, clock);
    let mut list = Vec::new();
    for template in templates {
        let text = scope.text("a scope", &template.value)?;
        list.extend(text.expose_secret().split(' ').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    Ok(list)
}

impl FilledProvider {
    /// The client certificate and its key, both PEM, if the description wants one shown: for a program that gives a connection an
    /// HTTP client of its own, which needs it too.
    ///
    /// # Errors
    /// When they cannot be filled.
    pub fn client_certificate(&self) -> Result<Option<(Secret, Secret)>, ConfigError> {
        let Some(pair) = &self.method().client_certificate else { return Ok(None) };
        let clock = Clock::system();
        let scope = Scope::new(self, &clock);
        let text = |template| scope.filling().text(template).map_err(|why| invalid(format!("the certificate: {why}")));
        Ok(Some((text(&pair.certificate.value)?, text(&pair.key.value)?)))
    }
}

/// The transport of a connection whose program gave none.
///
/// # Security
/// Where a value that a user gives decides the host, private addresses are out of reach.
#[cfg(feature = "http")]
pub(super) fn transport(filled: &FilledProvider, options: &Options) -> Result<HttpClient, ConfigError> {
    let mut transport = HttpTransport::new().clock(options.clock.clone());
    if let Some(timeout) = options.timeout {
        transport = transport.total_timeout(timeout);
    }
    if let Some((chain, key)) = filled.client_certificate()? {
        transport = transport.client_certificate(chain.expose_secret().as_bytes(), key);
    }
    transport = transport.plaintext(options.plaintext.clone());
    if filled.is_host_chosen_by_user() && !options.plaintext.loopback {
        transport = transport.public_addresses_only();
    }
    transport.build()
}

fn text(secret: &Secret) -> String {
    secret.expose_secret().to_owned()
}

fn unknown_yet(key: UrlKey) -> ConfigError {
    invalid(format!("{} needs a value that is known only after connecting: give it as a value", key.as_str()))
}

pub(super) fn invalid(message: impl Into<String>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}
