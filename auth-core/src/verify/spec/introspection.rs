use std::fmt;
use std::time::Duration;

use crate::config::{At, Lookup, Reader, SecretSpec};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{Algorithm, SigningKey};
use crate::oauth::{ClientAuth, FileSecret, OAuthClient, OAuthClientBuilder};
use crate::verify::IntrospectionVerifier;
use crate::{FileToken, StaticToken, Token, TokenCache};

/// `[[introspection]]`: an endpoint that is asked about tokens.
#[derive(Clone)]
pub(super) struct IntrospectionSpec {
    pub(super) at: At,
    url: Option<String>,
    issuer: Option<String>,
    auth: Auth,
    client_id: Option<String>,
    client_secret: Option<SecretSpec>,
    private_key: Option<SecretSpec>,
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    bearer_token: Option<SecretSpec>,
    audience: Vec<String>,
    allow_missing_audience: bool,
    any_audience: bool,
    scope_claims: Vec<String>,
    roles_claim: Vec<String>,
    subject_claims: Vec<String>,
    token_prefix: Vec<String>,
    leeway: Option<Duration>,
    timeout: Option<Duration>,
    cache: Option<Duration>,
    refusal_cache: Option<Duration>,
    max_in_flight: Option<u64>,
    max_per_second: Option<u64>,
}

/// How requests are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    By(ClientAuth),
    /// By a token that does not change.
    Bearer,
}

/// As provider files name them.
const AUTHS: &[(&str, Auth)] = &[
    ("basic", Auth::By(ClientAuth::Basic)),
    ("basic_raw", Auth::By(ClientAuth::BasicRaw)),
    ("body", Auth::By(ClientAuth::Body)),
    ("both", Auth::By(ClientAuth::Both)),
    ("auto", Auth::By(ClientAuth::Auto)),
    ("none", Auth::By(ClientAuth::None)),
    ("client_secret_jwt", Auth::By(ClientAuth::SecretJwt)),
    ("private_key_jwt", Auth::By(ClientAuth::PrivateKeyJwt)),
    ("bearer", Auth::Bearer),
];

impl IntrospectionSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let url = reader.text("url");
        let issuer = reader.text("issuer");
        if !reader.has("url") && !reader.has("issuer") {
            reader.mistake(
                "url",
                missing("the key is missing: say where the endpoint is, or name the `issuer` whose metadata does"),
            );
        }
        let auth = reader.word("auth", AUTHS).unwrap_or(Auth::By(ClientAuth::Basic));
        let optional = |name| if reader.has(name) { reader.secret(name) } else { None };
        let spec = Self {
            at: reader.at().clone(),
            url,
            issuer,
            auth,
            client_id: reader.text("client_id"),
            client_secret: optional("client_secret"),
            private_key: optional("private_key"),
            key_id: reader.text("key_id"),
            algorithm: read_algorithm(reader),
            bearer_token: optional("bearer_token"),
            audience: reader.texts("audience"),
            allow_missing_audience: reader.boolean("allow_missing_audience").unwrap_or(false),
            any_audience: reader.boolean("dangerous_any_audience").unwrap_or(false),
            scope_claims: reader.texts("scope_claims"),
            roles_claim: reader.texts("roles_claim"),
            subject_claims: reader.texts("subject_claims"),
            token_prefix: reader.texts("token_prefix"),
            leeway: reader.duration("leeway", true),
            timeout: reader.duration("timeout", false),
            cache: reader.duration("cache", true),
            refusal_cache: reader.duration("refusal_cache", true),
            max_in_flight: reader.integer("max_in_flight"),
            max_per_second: reader.integer("max_per_second"),
        };
        spec.check_keys(reader);
        (spec.url.is_some() || spec.issuer.is_some()).then_some(spec)
    }

    /// What the way of authentication needs, and what it has no use for.
    fn check_keys(&self, reader: &Reader<'_>) {
        let (secret, key, token) = match self.auth {
            Auth::By(ClientAuth::None) => (false, false, false),
            Auth::By(ClientAuth::PrivateKeyJwt) => (false, true, false),
            Auth::By(_) => (true, false, false),
            Auth::Bearer => (false, false, true),
        };
        let needs_client = self.auth != Auth::Bearer;
        for (name, needed, may_be) in [
            ("client_id", needs_client, needs_client),
            ("client_secret", secret, secret),
            ("private_key", key, key),
            ("key_id", false, key),
            ("algorithm", key, key || self.auth == Auth::By(ClientAuth::SecretJwt)),
            ("bearer_token", token, token),
        ] {
            if needed && !reader.has(name) {
                reader.mistake(name, missing("the key is missing"));
            } else if reader.has(name) && !may_be {
                let error = invalid("the chosen `auth` has no use for this key");
                reader.mistake(name, error);
            }
        }
    }

    /// The verifier, but for what is the same for the whole description. `configure` sets the transport.
    pub(super) fn describe(
        &self,
        env: Option<&Lookup>,
        configure: impl FnOnce(OAuthClientBuilder) -> OAuthClientBuilder,
    ) -> Result<IntrospectionVerifier, ConfigError> {
        let mut client = OAuthClient::builder(self.client_id.as_deref().unwrap_or("introspection"));
        if let Some(url) = &self.url {
            client = client.introspection_endpoint(url);
        }
        if let Some(issuer) = &self.issuer {
            client = client.issuer(issuer);
        }
        client = self.authenticate(configure(client), env)?;
        let mut verifier =
            IntrospectionVerifier::over(client).scope_claims(&self.scope_claims).subject_claims(&self.subject_claims);
        verifier = self.roles_claim.iter().fold(verifier, IntrospectionVerifier::roles_claim);
        verifier = self.audience.iter().fold(verifier, IntrospectionVerifier::audience);
        verifier = self.token_prefix.iter().fold(verifier, IntrospectionVerifier::token_prefix);
        if self.allow_missing_audience {
            verifier = verifier.allow_missing_audience();
        }
        if self.any_audience {
            verifier = verifier.dangerous().any_audience();
        }
        for (time, set) in [
            (
                self.leeway,
                IntrospectionVerifier::leeway as fn(IntrospectionVerifier, Duration) -> IntrospectionVerifier,
            ),
            (self.timeout, IntrospectionVerifier::timeout),
            (self.cache, IntrospectionVerifier::cache_for),
            (self.refusal_cache, IntrospectionVerifier::refusals_for),
        ] {
            if let Some(time) = time {
                verifier = set(verifier, time);
            }
        }
        if let Some(most) = self.max_in_flight {
            verifier = verifier.max_in_flight(usize::try_from(most).unwrap_or(usize::MAX));
        }
        if let Some(most) = self.max_per_second {
            verifier = verifier.max_per_second(u32::try_from(most).unwrap_or(u32::MAX));
        }
        Ok(verifier)
    }

    fn authenticate(
        &self,
        client: OAuthClientBuilder,
        env: Option<&Lookup>,
    ) -> Result<OAuthClientBuilder, ConfigError> {
        // What is missing has been said when it was read.
        match (self.auth, &self.client_secret, &self.private_key, &self.bearer_token) {
            (Auth::Bearer, _, _, Some(token)) => {
                let now = Token::new(token.resolve(env)?)?;
                // Somebody else may replace a file.
                let tokens = match token {
                    SecretSpec::File(path) => TokenCache::new(FileToken::new(path)),
                    _ => TokenCache::new(StaticToken::new(now)),
                };
                Ok(client.client_auth(ClientAuth::None).introspection_tokens(tokens))
            }
            (Auth::By(ClientAuth::PrivateKeyJwt), _, Some(key), _) => {
                let algorithm = self.algorithm.unwrap_or(Algorithm::Es256);
                let key =
                    SigningKey::from_pkcs8_pem(algorithm, key.resolve(env)?.expose_secret()).map_err(|error| {
                        ConfigError::new(ConfigErrorKind::InvalidCredential, "the private key cannot be used")
                            .with_source(error)
                    })?;
                let client = client.private_key(key);
                Ok(match &self.key_id {
                    Some(id) => client.key_id(id),
                    None => client,
                })
            }
            (Auth::By(auth), Some(secret), _, _) => {
                let now = secret.resolve(env)?;
                let client = match secret {
                    SecretSpec::File(path) => client.secret_source(FileSecret::new(path)),
                    _ => client.secret(now),
                };
                let client = client.client_auth(auth);
                Ok(match self.algorithm {
                    Some(algorithm) if auth == ClientAuth::SecretJwt => client.assertion_algorithm(algorithm),
                    _ => client,
                })
            }
            (Auth::By(auth), None, _, _) => Ok(client.client_auth(auth)),
            (Auth::Bearer, _, _, None) => Ok(client.client_auth(ClientAuth::None)),
        }
    }
}

fn read_algorithm(reader: &Reader<'_>) -> Option<Algorithm> {
    let name = reader.text("algorithm")?;
    match Algorithm::from_name(&name) {
        Ok(algorithm) => Some(algorithm),
        Err(error) => {
            reader.mistake("algorithm", invalid("assertions cannot be signed by this algorithm").with_source(error));
            None
        }
    }
}

fn missing(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::MissingOption, message)
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for IntrospectionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionSpec")
            .field("at", &self.at)
            .field("url", &self.url.as_deref().map(without_query))
            .field("issuer", &self.issuer)
            .field("auth", &self.auth)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("private_key", &self.private_key)
            .field("bearer_token", &self.bearer_token)
            .finish_non_exhaustive()
    }
}

/// A query may hold a key.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
