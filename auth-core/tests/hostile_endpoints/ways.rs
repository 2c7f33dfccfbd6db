//! Every request that the client makes, with secrets to lose.

use std::error::Error;
use std::sync::Arc;

use http::Uri;
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    AuthorizationCallback, AuthorizationRequest, ClientAuth, ClientCredentials, Clock, HttpClient, JwtAssertion,
    JwtBearer, OAuthClient, OAuthClientBuilder, RefreshToken, Rotation, Secret, StaticCode, StaticToken, Token,
    TokenError, TokenExchange, TokenResponse, TokenType, TokenTypeHint,
};

use super::capture::everything;
use super::peer::decode;

/// Printable ASCII, as client secrets are, with what encodings touch.
pub(crate) const CLIENT_SECRET: &str = "cl1ent+s3cret/ %\\\"x&y";
const VERIFIER: &str = "ver1fier-0123456789-0123456789-0123456789-01";

/// One way to make the client ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ClientCredentials(ClientAuth),
    Refresh,
    StableRefresh,
    StaticCode,
    CodeExchange,
    #[cfg(feature = "password-grant")]
    Password,
    JwtBearer,
    SuppliedAssertion,
    TokenExchange,
    Push,
    Revoke,
    Introspect,
}

impl Way {
    pub(crate) const ALL: &[Self] = &[
        Self::ClientCredentials(ClientAuth::Basic),
        Self::ClientCredentials(ClientAuth::Body),
        Self::ClientCredentials(ClientAuth::PrivateKeyJwt),
        Self::ClientCredentials(ClientAuth::Auto),
        Self::Refresh,
        Self::StableRefresh,
        Self::StaticCode,
        Self::CodeExchange,
        #[cfg(feature = "password-grant")]
        Self::Password,
        Self::JwtBearer,
        Self::SuppliedAssertion,
        Self::TokenExchange,
        Self::Push,
        Self::Revoke,
        Self::Introspect,
    ];

    /// How many requests it may send: only a client that tries out how to authenticate sends a second one.
    pub(crate) fn most_requests(self) -> usize {
        if self == Self::ClientCredentials(ClientAuth::Auto) { 2 } else { 1 }
    }
}

/// What came of it.
pub(crate) enum Outcome {
    Token(TokenResponse),
    /// A success without a token.
    Done,
    Failed(Failed),
}

pub(crate) struct Failed {
    pub(crate) error: TokenError,
    /// All that it and the error around it show.
    pub(crate) shown: String,
}

impl Failed {
    fn within(outer: &(dyn Error + 'static)) -> Self {
        let error = outer.source().unwrap().downcast_ref::<TokenError>().unwrap().clone();
        Self { shown: everything(outer), error }
    }
}

impl From<Result<TokenResponse, TokenError>> for Outcome {
    fn from(result: Result<TokenResponse, TokenError>) -> Self {
        match result {
            Ok(response) => Self::Token(response),
            Err(error) => Self::Failed(Failed { shown: everything(&error), error }),
        }
    }
}

/// Where the endpoints are.
pub(crate) struct Place {
    pub(crate) base: String,
    /// Keys are made once: each costs more than a case.
    key: Arc<SigningKey>,
    assertion: JwtAssertion,
}

impl Place {
    pub(crate) fn new(base: impl Into<String>) -> Self {
        let key = || SigningKey::generate(Algorithm::EdDsa).unwrap();
        let assertion = JwtAssertion::new(key(), "orders").audience("https://login.example.com");
        Self { base: base.into(), key: Arc::new(key()), assertion }
    }

    /// A client with every endpoint.
    fn client(&self, http: &HttpClient, clock: &Clock) -> OAuthClientBuilder {
        let base = &self.base;
        OAuthClient::builder("orders")
            .issuer("https://login.example.com")
            .token_endpoint(format!("{base}/token"))
            .authorization_endpoint(format!("{base}/authorize"))
            .pushed_authorization_request_endpoint(format!("{base}/par"))
            .revocation_endpoint(format!("{base}/revoke"))
            .introspection_endpoint(format!("{base}/introspect"))
            .allow_loopback_http()
            .http_client(http.clone())
            .clock(clock.clone())
    }

    /// Goes one way once, with a client of its own.
    pub(crate) async fn go(&self, way: Way, http: &HttpClient, clock: &Clock) -> Outcome {
        let client = self.client(http, clock);
        let confidential = client.clone().secret(CLIENT_SECRET);
        let public = client.clone().client_auth(ClientAuth::None);
        match way {
            Way::ClientCredentials(ClientAuth::PrivateKeyJwt) => {
                ClientCredentials::over(client.private_key(Arc::clone(&self.key)))
                    .build()
                    .unwrap()
                    .request_token()
                    .await
                    .into()
            }
            Way::ClientCredentials(auth) => {
                let grant =
                    ClientCredentials::over(confidential).client_auth(auth).scopes(["a"]).param("otp", "0tp-s3cret-9");
                grant.build().unwrap().request_token().await.into()
            }
            Way::Refresh => RefreshToken::over(confidential, "r3fresh-0123456789-0123")
                .build()
                .unwrap()
                .request_token()
                .await
                .into(),
            Way::StableRefresh => {
                let grant = RefreshToken::over(public, "r3fresh-0123456789-0123").rotation(Rotation::Stable);
                grant.build().unwrap().request_token().await.into()
            }
            Way::StaticCode => {
                let grant = StaticCode::over(confidential, "c0de/+s3cret").code_verifier(VERIFIER);
                grant.build().unwrap().request_token().await.into()
            }
            Way::CodeExchange => code_exchange(&public.build().unwrap()).await,
            #[cfg(feature = "password-grant")]
            Way::Password => {
                let grant = tower_auth_core::Password::over(confidential, "alice", "passw\u{f6}rd-s3cret \"\\/");
                grant.build().unwrap().request_token().await.into()
            }
            Way::JwtBearer => {
                JwtBearer::over(public, self.assertion.clone()).build().unwrap().request_token().await.into()
            }
            Way::SuppliedAssertion => JwtBearer::over_source(confidential, token("ass3rtion.of.the.platform"))
                .build()
                .unwrap()
                .request_token()
                .await
                .into(),
            Way::TokenExchange => {
                let grant = TokenExchange::over(confidential)
                    .subject(token("subj3ct.token.of.alice"))
                    .actor(token("act0r.token.of.the.service"), TokenType::JWT)
                    .audience("stock")
                    .allow_missing_issued_type();
                grant.build().unwrap().request_token().await.into()
            }
            Way::Push => {
                match AuthorizationRequest::new(&confidential.build().unwrap(), CALLBACK).pushed().start().await {
                    Ok(started) => {
                        let host = Uri::try_from(format!("{}/", self.base)).unwrap().host().unwrap().to_owned();
                        assert_eq!(started.url.host(), Some(&*host), "the user is sent elsewhere");
                        Outcome::Done
                    }
                    Err(error) => Outcome::Failed(Failed::within(&error)),
                }
            }
            Way::Revoke => {
                let token = Secret::from("r3voked-0123456789-0123");
                match confidential.build().unwrap().revoke(&token, Some(TokenTypeHint::RefreshToken)).await {
                    Ok(()) => Outcome::Done,
                    Err(error) => Outcome::Failed(Failed { shown: everything(&error), error }),
                }
            }
            Way::Introspect => {
                let token = Secret::from("c4ller-0123456789-0123");
                match confidential.build().unwrap().introspect(&token, Some(TokenTypeHint::AccessToken)).await {
                    Ok(_) => Outcome::Done,
                    Err(error) => Outcome::Failed(Failed { shown: everything(&error), error }),
                }
            }
        }
    }
}

pub(crate) const CALLBACK: &str = "https://app.example.com/callback";

async fn code_exchange(client: &OAuthClient) -> Outcome {
    let started = AuthorizationRequest::new(client, CALLBACK).start().await.unwrap();
    let state = state(&started.url);
    let callback = AuthorizationCallback::from_query(&format!("code=c0de-of-the-callback-01&state={state}")).unwrap();
    match started.transaction.finish(client, &callback).await {
        Ok(response) => Outcome::Token(response),
        Err(error) => Outcome::Failed(Failed::within(&error)),
    }
}

/// The state in the URL to which a user is sent.
pub(crate) fn state(url: &Uri) -> String {
    url.query().unwrap().split('&').find_map(|pair| pair.strip_prefix("state=")).map(decode).unwrap()
}

pub(crate) fn token(value: &str) -> StaticToken {
    StaticToken::new(Token::new(value).unwrap())
}
