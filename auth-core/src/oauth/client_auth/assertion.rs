use std::sync::Arc;
use std::time::Duration;

use super::ClientAuth;
#[cfg(feature = "jwt")]
use crate::Clock;
use crate::clock::race;
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "jwt")]
use crate::jose::{Algorithm, SigningKey};
use crate::oauth::limit::Limit;
use crate::source::ErasedSource;
use crate::{RefreshCause, Secret, SourceRequest, TokenError, TokenErrorKind};

/// For whom a client's assertions are (`aud`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer identifier of the authorization server, at each of its endpoints.
    ///
    /// # Security
    /// The only value that no other server can lure out of a client (draft-ietf-oauth-rfc7523bis section 4).
    #[default]
    Issuer,
    /// The URL of the token endpoint, as RFC 7523 section 3 suggested, at each endpoint.
    TokenEndpoint,
    /// Any other text.
    Custom(String),
}

/// What assertions a client makes.
#[derive(Clone)]
pub(in crate::oauth) struct AssertionOptions {
    pub(in crate::oauth) audience: AssertionAudience,
    pub(in crate::oauth) typ: String,
    pub(in crate::oauth) lifetime: Duration,
    #[cfg(feature = "jwt")]
    pub(in crate::oauth) key: Option<Arc<SigningKey>>,
    pub(in crate::oauth) key_id: Option<String>,
    /// Of `client_secret_jwt`.
    #[cfg(feature = "jwt")]
    pub(in crate::oauth) hmac: Algorithm,
    pub(in crate::oauth) source: Option<AssertionSource>,
}

/// Where assertions come from that others made.
pub(in crate::oauth) type AssertionSource = Arc<dyn ErasedSource>;

/// The longest life of an assertion. It is used at once, and only clocks that differ need more than seconds.
const MAX_LIFETIME: Duration = Duration::from_secs(300);

impl Default for AssertionOptions {
    fn default() -> Self {
        Self {
            audience: AssertionAudience::default(),
            typ: "client-authentication+jwt".to_owned(),
            lifetime: Duration::from_secs(120),
            #[cfg(feature = "jwt")]
            key: None,
            key_id: None,
            #[cfg(feature = "jwt")]
            hmac: Algorithm::Hs256,
            source: None,
        }
    }
}

impl AssertionOptions {
    /// Whether assertions name the server's issuer, or its token endpoint.
    pub(in crate::oauth) fn check(&self, method: ClientAuth, has_issuer: bool) -> Result<(), ConfigError> {
        let missing = |what: &str| Err(ConfigError::new(ConfigErrorKind::MissingOption, what));
        let invalid = |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        match method {
            ClientAuth::Assertion if self.source.is_none() => {
                return missing("the source of client assertions (assertion) is missing");
            }
            #[cfg(feature = "jwt")]
            ClientAuth::PrivateKeyJwt if self.key.is_none() => {
                return missing("the key of the client (private_key) is missing");
            }
            #[cfg(not(feature = "jwt"))]
            ClientAuth::PrivateKeyJwt | ClientAuth::SecretJwt => {
                return invalid("signed client assertions need the feature `jwt` of tower-auth-core");
            }
            _ => {}
        }
        if !matches!(method, ClientAuth::PrivateKeyJwt | ClientAuth::SecretJwt) {
            return Ok(());
        }
        #[cfg(feature = "jwt")]
        {
            if self
                .key
                .as_ref()
                .is_some_and(|key| method == ClientAuth::PrivateKeyJwt && key.algorithm().is_symmetric())
            {
                return invalid("the key of the client (private_key) is a shared secret: use `ClientAuth::SecretJwt`");
            }
            if !self.hmac.is_symmetric() {
                return invalid("assertions that the client secret signs use HS256, HS384 or HS512");
            }
        }
        if self.audience == AssertionAudience::Issuer && !has_issuer {
            return missing(
                "the issuer (issuer) is missing: client assertions name it, unless `assertion_audience` says otherwise",
            );
        }
        if self.lifetime > MAX_LIFETIME || self.lifetime < Duration::from_secs(1) {
            return invalid("a client assertion lives between one second and five minutes (assertion_lifetime)");
        }
        Ok(())
    }

    /// What signs the assertions of a client whose secret is `secret`.
    #[cfg(feature = "jwt")]
    pub(super) fn key_of(&self, method: ClientAuth, secret: &Secret) -> Result<Option<SigningKey>, ConfigError> {
        if method != ClientAuth::SecretJwt {
            return Ok(None);
        }
        // RFC 7518 section 3.2 and RFC 8725 section 3.5: a secret that people remember can be guessed from one assertion.
        SigningKey::from_hmac_secret(self.hmac, secret.expose_secret().as_bytes()).map(Some).map_err(|error| {
            let message = format!("the client secret cannot sign assertions with {}", self.hmac.name());
            ConfigError::new(ConfigErrorKind::InvalidCredential, message).with_source(error)
        })
    }

    /// A new assertion, signed by `key` (RFC 7523 section 3).
    #[cfg(feature = "jwt")]
    pub(super) fn sign(&self, key: &SigningKey, id: &str, audience: &str, clock: &Clock) -> Result<Secret, TokenError> {
        use crate::jose::TokenHeader;

        /// `aud` is one text and no list, so that no server among several can take the assertion elsewhere.
        #[derive(serde::Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            sub: &'a str,
            aud: &'a str,
            iat: u64,
            exp: u64,
            jti: String,
        }

        let now = clock.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut header = TokenHeader::new().typ(&self.typ);
        if let Some(kid) = &self.key_id {
            header = header.kid(kid);
        }
        let signed = random_id().and_then(|jti| {
            let exp = now.saturating_add(self.lifetime.as_secs());
            key.sign(&header, &Claims { iss: id, sub: id, aud: audience, iat: now, exp, jti })
        });
        signed.map(Secret::new).map_err(|error| {
            TokenError::new(TokenErrorKind::Aborted, "the client's assertion could not be signed").with_source(error)
        })
    }

    /// What the source delivers.
    pub(super) async fn fetch(&self, limit: Limit<'_>) -> Result<Secret, TokenError> {
        let Some(source) = &self.source else {
            return Err(TokenError::new(TokenErrorKind::Misconfigured, "there is no source of client assertions"));
        };
        let request = SourceRequest::new(RefreshCause::First, None, limit.deadline());
        match race(source.fetch_boxed(request), limit.passed()).await {
            Some(Ok(response)) => Ok(response.token().secret().clone()),
            Some(Err(error)) => {
                Err(TokenError::new(error.kind(), "the client's assertion could not be had from its source")
                    .with_source(error))
            }
            None => Err(TokenError::new(
                TokenErrorKind::TimedOut,
                "the client's assertion did not come from its source in time",
            )),
        }
    }
}

/// 128 random bits.
#[cfg(feature = "jwt")]
fn random_id() -> Result<String, crate::jose::JoseError> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| crate::jose::JoseError::CryptoFailed)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
