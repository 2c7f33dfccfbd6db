//! An issuer, verifiers, and requests to a router.
#![allow(dead_code, reason = "no test uses all of it")]

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_auth_axum::core::jose::{Algorithm, JwkSet};
use tower_auth_axum::core::{ApiKeyVerifier, BasicVerifier, JwtVerifier, Secret, Verifier};
use tower_auth_testing::{Mint, TestClock, TokenMinter};

pub(crate) const API_KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";
/// `batch:s3cret`
pub(crate) const BASIC: &str = "Basic YmF0Y2g6czNjcmV0";
/// `batch:wrong`
pub(crate) const WRONG_BASIC: &str = "Basic YmF0Y2g6d3Jvbmc=";

/// An issuer of tokens and the clock that everybody goes by.
pub(crate) struct Issuer {
    pub(crate) minter: TokenMinter,
    pub(crate) time: TestClock,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self::named("https://login.test")
    }

    pub(crate) fn named(issuer: &str) -> Self {
        let time = TestClock::new();
        Self { minter: TokenMinter::with_keys(issuer, &[Algorithm::Es256], time.clock()).unwrap(), time }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        self.described().build().unwrap()
    }

    /// A verifier that keeps the tokens themselves.
    pub(crate) fn keeping_verifier(&self) -> Verifier {
        self.described().keep_subject_token().build().unwrap()
    }

    fn described(&self) -> JwtVerifier {
        JwtVerifier::issuer(self.minter.issuer())
            .unwrap()
            .audience("orders")
            .realm("orders")
            .roles_claim("roles")
            .clock(self.time.clock())
            .jwks(JwkSet::parse(self.minter.jwks().as_bytes()).unwrap())
    }

    /// A good token, unless something is done to it.
    pub(crate) fn token(&self) -> Mint {
        self.minter.token().audience("orders").subject("alice").scopes(["orders:read"])
    }

    pub(crate) fn bearer(&self) -> String {
        bearer(self.token())
    }
}

pub(crate) fn bearer(token: Mint) -> String {
    format!("Bearer {}", token.sign())
}

pub(crate) fn basic() -> Verifier {
    BasicVerifier::new().user("batch", "s3cret").realm("orders").build().unwrap()
}

pub(crate) fn api_key() -> Verifier {
    let digest = ApiKeyVerifier::digest(&Secret::from(API_KEY));
    ApiKeyVerifier::new().key("partner-1", digest).realm("orders").build().unwrap()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn challenges(&self) -> Vec<&str> {
        self.headers.get_all(WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// Sends a request with these header lines.
pub(crate) async fn send(app: &Router, path: &str, lines: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for (name, value) in lines {
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Sends a request with this `Authorization`, or none.
pub(crate) async fn get(app: &Router, path: &str, authorization: Option<&str>) -> Answer {
    match authorization {
        Some(value) => send(app, path, &[(AUTHORIZATION.as_str(), value)]).await,
        None => send(app, path, &[]).await,
    }
}
