use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::jwt_bearer::JWT_BEARER;
use super::options::{grant_options, request_options};
use super::supply::Supply;
use super::terms::{Agreed, Terms};
use super::token_type::TokenType;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::OAuthClient;
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::endpoints::Target;
use crate::oauth::request::{Grant, Params};
use crate::{
    Lifetime, MonotonicTime, RefreshCause, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse,
    TokenSource,
};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Token exchange (RFC 8693): a token about somebody is exchanged for one that another API takes.
///
/// Use it to call on behalf of whoever called (`on_behalf_of`, with the feature `verify`), and to turn a platform's
/// identity token into a cloud's access token ([`subject`](Self::subject)). Do not use it to act in the program's own name, and do not
/// pass a caller's token on as it is: it is meant for this service, and whoever gets it can be this service's caller (confused deputy).
///
/// With an [`actor`](Self::actor) the new token says who acts for whom (delegation, section 1.1); without one the program is
/// not seen in it (impersonation).
///
/// ```
/// use tower_auth_core::{FileToken, TokenExchange, TokenType};
///
/// # #[cfg(feature = "http")] {
/// let tokens = TokenExchange::new("https://login.example.com/oauth/token", "orders", "correct horse")
///     .subject(FileToken::new("/var/run/secrets/tokens/workload"))
///     .subject_type(TokenType::JWT)
///     .audience("stock")
///     .cached()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// No refresh token is kept: the grant itself is the way to the next token.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct TokenExchange {
    terms: Terms,
    subject: Option<Supply>,
    exchange: Exchange,
}

/// What is said of the tokens in an exchange.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) flavour: Flavour,
    pub(super) subject_type: TokenType,
    pub(super) actor: Option<(Supply, TokenType)>,
    pub(super) requested_type: Option<TokenType>,
    needs_issued_type: bool,
}

/// How an exchange is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Rfc8693,
    /// The on-behalf-of flow of Microsoft Entra.
    Entra,
}

/// Obtains tokens by token exchange: a source for a [`TokenCache`](crate::TokenCache).
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct TokenExchangeSource(Arc<Inner>);

struct Inner {
    agreed: Arc<Agreed>,
    exchange: Arc<Exchange>,
    subject: Supply,
    /// When the subject's token ends, if that is known: no token that came of it lives longer.
    ends_at: Option<SystemTime>,
}

impl TokenExchange {
    /// An exchange at the token endpoint `token_url` by the confidential client `id`.
    pub fn new(token_url: impl Into<String>, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).secret(secret))
    }

    /// An exchange over a described client.
    pub fn over(client: OAuthClientBuilder) -> Self {
        Self {
            terms: Terms::over(client),
            subject: None,
            exchange: Exchange {
                flavour: Flavour::Rfc8693,
                subject_type: TokenType::ACCESS_TOKEN,
                actor: None,
                requested_type: None,
                needs_issued_type: true,
            },
        }
    }

    /// Where the token comes from that is exchanged; asked before each attempt. `on_behalf_of` needs none.
    pub fn subject(mut self, source: impl TokenSource) -> Self {
        self.subject = Some(Supply::source(source));
        self
    }

    /// What kind of token it is. Default [`TokenType::ACCESS_TOKEN`].
    pub fn subject_type(mut self, kind: TokenType) -> Self {
        self.exchange.subject_type = kind;
        self
    }

    /// Who acts for the subject (delegation): the source of a token about it, asked before each attempt.
    pub fn actor(mut self, source: impl TokenSource, kind: TokenType) -> Self {
        self.exchange.actor = Some((Supply::source(source), kind));
        self
    }

    /// What kind of token is wanted. If not set, the server decides.
    pub fn requested_type(mut self, kind: TokenType) -> Self {
        self.exchange.requested_type = Some(kind);
        self
    }

    /// Takes answers that do not say what kind of token they hold, against RFC 8693 section 2.2.1.
    pub fn allow_missing_issued_type(mut self) -> Self {
        self.exchange.needs_issued_type = false;
        self
    }

    /// Writes the request as the on-behalf-of flow of Microsoft Entra does: by the JWT bearer grant, with
    /// `requested_token_use=on_behalf_of`. The API that is called is named by [`scopes`](Self::scopes).
    pub fn entra(mut self) -> Self {
        self.exchange.flavour = Flavour::Entra;
        self
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - there is no [`subject`](Self::subject),
    /// - with [`entra`](Self::entra) an option is set that it has no parameter for,
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats one of this grant.
    pub fn build(self) -> Result<TokenExchangeSource, ConfigError> {
        let Some(subject) = self.subject.clone() else {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "the token to exchange (subject) is missing"));
        };
        let (agreed, exchange) = self.agree()?;
        Ok(TokenExchangeSource(Arc::new(Inner { agreed, exchange, subject, ends_at: None })))
    }

    pub(super) fn agree(self) -> Result<(Arc<Agreed>, Arc<Exchange>), ConfigError> {
        let own: &[&str] = match self.exchange.flavour {
            Flavour::Rfc8693 => {
                &["subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type"]
            }
            Flavour::Entra => &["assertion", "requested_token_use"],
        };
        let is_entra = self.exchange.flavour == Flavour::Entra;
        if is_entra && (self.exchange.actor.is_some() || self.exchange.requested_type.is_some()) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "the on-behalf-of flow of Entra knows neither an actor nor a requested type",
            ));
        }
        Ok((Arc::new(self.terms.agree(own)?), Arc::new(self.exchange)))
    }
}

grant_options!(TokenExchange, TokenExchangeSource);
request_options!(TokenExchange);

impl TokenExchangeSource {
    #[cfg(feature = "verify")]
    pub(super) fn of(agreed: &Arc<Agreed>, exchange: &Arc<Exchange>, subject: &crate::SubjectToken) -> Self {
        Self(Arc::new(Inner {
            agreed: Arc::clone(agreed),
            exchange: Arc::clone(exchange),
            subject: Supply::Fixed(subject.secret().clone()),
            ends_at: subject.expires_at(),
        }))
    }

    /// Exchanges the subject's token, once.
    ///
    /// # Errors
    /// What the endpoint, the way to it or the source of the subject's token objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; nothing single-use is lost by that.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        self.exchange(&SourceRequest::new(RefreshCause::First, None, MonotonicTime::NEVER)).await
    }

    async fn exchange(&self, request: &SourceRequest) -> Result<TokenResponse, TokenError> {
        let Inner { agreed, exchange, subject, ends_at } = &*self.0;
        let left = || ends_at.map(|end| end.duration_since(agreed.client.clock().wall()).unwrap_or_default());
        if left().is_some_and(|left| left.is_zero()) {
            return Err(TokenError::new(
                TokenErrorKind::Refused,
                "the token of the caller has ended, and with it the access on the caller's behalf",
            ));
        }
        let subject = subject.fetch("subject token", request).await?;
        let mut params = exchange.params(subject, request).await?;
        params.extend(&agreed.params);
        let grant = Grant {
            name: "token_exchange",
            target: Target::Token,
            grant_type: Some(exchange.flavour.grant_type()),
            scope: &agreed.scope,
            params,
            keep_refresh_token: false,
            single_use: false,
        };
        let response = agreed.client.exchange(grant).await?;
        exchange.check(agreed.client.site(), &response)?;
        let response = agreed.with_lifetime(response);
        Ok(match (left(), response.lifetime()) {
            (Some(left), Lifetime::For(own)) => response.expires_in(own.min(left)),
            (Some(left), _) => response.expires_in(left),
            (None, _) => response,
        })
    }

    fn client(&self) -> &OAuthClient {
        &self.0.agreed.client
    }
}

impl Exchange {
    async fn params(&self, subject: Secret, request: &SourceRequest) -> Result<Params, TokenError> {
        let mut params = Params::default();
        match self.flavour {
            Flavour::Rfc8693 => {
                params.push("subject_token", subject);
                params.push("subject_token_type", self.subject_type.as_str());
                if let Some((actor, kind)) = &self.actor {
                    params.push("actor_token", actor.fetch("actor token", request).await?);
                    params.push("actor_token_type", kind.as_str());
                }
                if let Some(kind) = &self.requested_type {
                    params.push("requested_token_type", kind.as_str());
                }
            }
            Flavour::Entra => {
                params.push("assertion", subject);
                params.push("requested_token_use", "on_behalf_of");
            }
        }
        Ok(params)
    }

    /// Whether what came may be presented to an API (RFC 8693 section 2.2.1). A `token_type` of `N_A` was refused before.
    fn check(&self, site: &str, response: &TokenResponse) -> Result<(), TokenError> {
        let unusable = |what| Err(TokenError::new(TokenErrorKind::Unparsable, format!("{site} answered with {what}")));
        match response.extra("issued_token_type").map(Secret::expose_secret) {
            Some(kind) if TokenType::is_never_presented(kind) => unusable("a token that is not for use at an API"),
            None if self.needs_issued_type && self.flavour == Flavour::Rfc8693 => {
                unusable("a token of which it does not say the kind (issued_token_type)")
            }
            _ => Ok(()),
        }
    }
}

impl Flavour {
    pub(super) fn grant_type(self) -> &'static str {
        match self {
            Self::Rfc8693 => TOKEN_EXCHANGE,
            Self::Entra => JWT_BEARER,
        }
    }
}

impl TokenSource for TokenExchangeSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.exchange(&request).await
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("terms", &self.terms)
            .field("subject", &self.subject)
            .field("exchange", &self.exchange)
            .finish()
    }
}

impl fmt::Debug for TokenExchangeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchangeSource")
            .field("client", self.client())
            .field("exchange", &self.0.exchange)
            .finish_non_exhaustive()
    }
}
