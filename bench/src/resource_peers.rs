//! Crates that verify access tokens, set up so that they check what ours checks: signature, issuer, audience and times.

use std::collections::HashMap;

use http::{HeaderMap, Method, Uri};
use huskarl_reqwest::ReqwestClient;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};
use jwt_authorizer::{Authorizer, JwtAuthorizer};
use serde::Deserialize;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use crate::incoming::{AUDIENCE, ISSUER, Issuer};
use crate::{at_once, block_on};

/// The claims that a service would look at.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the claims of RFC 9068")]
pub struct PeerClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
    pub client_id: String,
    pub scope: String,
}

/// `jsonwebtoken` with the cryptography of ours.
#[derive(Debug)]
pub struct JsonWebToken {
    key: DecodingKey,
    by_id: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl JsonWebToken {
    /// With the key of `issuer`.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    pub fn new(issuer: &Issuer) -> Self {
        let set: JwkSet = serde_json::from_str(&issuer.jwks()).expect("a key set");
        let jwk = &set.keys[0];
        let key = DecodingKey::from_jwk(jwk).expect("a key");
        let id = jwk.common.key_id.clone().expect("an id");
        let mut validation = Validation::new(issuer.algorithm().name().parse().expect("an algorithm that both have"));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Self { by_id: HashMap::from([(id, key.clone())]), key, validation }
    }

    /// Its verdict, with the key at hand.
    #[inline]
    #[must_use]
    pub fn decode(&self, token: &str) -> Option<TokenData<PeerClaims>> {
        decode(token, &self.key, &self.validation).ok()
    }

    /// Its verdict, with the key that the token names.
    #[inline]
    #[must_use]
    pub fn decode_by_id(&self, token: &str) -> Option<TokenData<PeerClaims>> {
        let key = self.by_id.get(&decode_header(token).ok()?.kid?)?;
        decode(token, key, &self.validation).ok()
    }
}

/// `jwt-authorizer`, whose cryptography is ring's.
///
/// # Panics
/// When it cannot be set up.
#[must_use]
pub fn jwt_authorizer(issuer: &Issuer) -> Authorizer<PeerClaims> {
    let validation = jwt_authorizer::Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]).nbf(true);
    let builder = match issuer.secret() {
        Some(secret) => JwtAuthorizer::from_secret(secret),
        None => JwtAuthorizer::from_jwks_text(&issuer.jwks()),
    };
    block_on(builder.validation(validation).build()).expect("jwt-authorizer has a key")
}

/// `tower-oauth2-resource-server`, which is a layer and nothing else.
///
/// # Panics
/// When it cannot be set up.
#[must_use]
pub fn tower_oauth2_resource_server(issuer: &Issuer) -> OAuth2ResourceServer<PeerClaims> {
    let claims = ClaimsValidationSpec::new().exp(true).iss(ISSUER).aud(&vec![AUDIENCE.to_owned()]);
    let tenant =
        TenantConfiguration::static_builder(issuer.jwks()).claims_validation(claims).build().expect("a tenant");
    let server = OAuth2ResourceServer::<PeerClaims>::builder().add_tenant(tenant).build();
    block_on(server).expect("tower-oauth2-resource-server has a key")
}

/// `huskarl-resource-server`, whose cryptography is `RustCrypto`'s.
#[allow(missing_debug_implementations, reason = "the validator has none")]
pub struct Huskarl {
    validator: Rfc9068Validator,
    uri: Uri,
}

impl Huskarl {
    /// With keys that it has fetched.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn new(issuer: &Issuer) -> Self {
        let validator = Rfc9068Validator::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .jwks_uri(issuer.jwks_uri().parse().expect("a URL"))
            .jwks_source(ReqwestClient::builder().build().await.expect("a client"))
            .build()
            .await
            .expect("huskarl has a key");
        Self { validator, uri: Uri::from_static("https://orders.api.example.com/orders") }
    }

    /// Whether it accepts the token in `headers`.
    #[inline]
    #[must_use]
    pub fn accepts(&self, headers: &HeaderMap) -> bool {
        let validation = at_once(self.validator.validate_request(headers, &Method::GET, &self.uri, None));
        matches!(validation.outcome, Ok(Some(_)))
    }
}
