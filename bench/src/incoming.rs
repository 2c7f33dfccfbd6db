//! What the incoming benchmarks verify: an issuer with its keys, its access tokens, and the verifiers that accept them.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_core::{IncomingCredential, JwtVerifier, Secret, Verified, Verifier};
use tower_service::Service;

use crate::{TokenServer, at_once, block_on, drive_as};

/// Who issues the tokens.
pub const ISSUER: &str = "https://login.example.com/realms/shop";

/// Whom they are for.
pub const AUDIENCE: &str = "https://orders.api.example.com";

/// How many tokens are alive where that matters.
pub const LIVE_TOKENS: usize = 10_000;

const KID: &str = "2026-05-qXbSkEd8Pz3hTn1v";
const SECRET: &str = "aZ3uYq8WbR1nVx6TgK0cPj5LhM9sDf2E";
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// An issuer that signs by one algorithm. Its public key is served on the loopback interface.
#[derive(Debug)]
pub struct Issuer {
    algorithm: Algorithm,
    key: SigningKey,
    server: TokenServer,
}

/// The claims of RFC 9068, in the order of its examples.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: &'a str,
    scope: &'a str,
}

impl Issuer {
    /// One that signs by `algorithm`.
    ///
    /// # Panics
    /// When no key can be made, which does not happen for the algorithms measured here.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Hs256 => SigningKey::from_hmac_secret(algorithm, SECRET.as_bytes()),
            _ => SigningKey::generate(algorithm),
        };
        let key = key.expect("a key");
        let server = TokenServer::answering(jwks(&key), Duration::ZERO);
        Self { algorithm, key, server }
    }

    /// By what it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// An access token as RFC 9068 has it. Each number has another one.
    #[must_use]
    pub fn token(&self, number: usize) -> String {
        self.sign("at+jwt", KID, AUDIENCE, number)
    }

    /// One of another type.
    #[must_use]
    pub fn token_of_type(&self, typ: &str) -> String {
        self.sign(typ, KID, AUDIENCE, 0)
    }

    /// One that names a key that the issuer has not.
    #[must_use]
    pub fn token_of_key(&self, kid: &str) -> String {
        self.sign("at+jwt", kid, AUDIENCE, 0)
    }

    /// One for somebody else.
    #[must_use]
    pub fn token_for(&self, audience: &str) -> String {
        self.sign("at+jwt", KID, audience, 0)
    }

    fn sign(&self, typ: &str, kid: &str, aud: &str, number: usize) -> String {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let claims = Claims {
            iss: ISSUER,
            sub: "248289761001-5ba552d67b1c",
            aud,
            exp: iat + DAY.as_secs(),
            iat,
            jti: format!("9c1b3e5a7d2f4860-{number:06}"),
            client_id: "s6BhdRkqt3-web",
            scope: "openid orders:read orders:write",
        };
        self.key.sign(&TokenHeader::new().typ(typ).kid(kid), &claims).expect("a token")
    }

    /// The set of its one key, public or not, as text.
    #[must_use]
    pub fn jwks(&self) -> String {
        jwks(&self.key)
    }

    /// Where the set is served.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("{}/keys", self.server.address())
    }

    /// The secret that it shares with its verifiers, where it has no public key.
    #[must_use]
    pub fn secret(&self) -> Option<&'static str> {
        (self.algorithm == Algorithm::Hs256).then_some(SECRET)
    }

    /// The floor: a signature check with a key that was parsed once.
    #[must_use]
    pub fn raw_check(&self) -> RawCheck {
        RawCheck::new(&self.jwks())
    }

    /// A verifier of its tokens that remembers no verdict.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.build(self.description().memo_ttl(Duration::ZERO))
    }

    /// One that remembers verdicts for as long as a run takes.
    #[must_use]
    pub fn remembering_verifier(&self) -> Verifier {
        self.build(self.description().memo_ttl(HOUR))
    }

    /// Keys are fetched from the loopback interface, once.
    fn description(&self) -> JwtVerifier {
        let description = match self.secret() {
            Some(secret) => {
                JwtVerifier::shared_secret(ISSUER, self.algorithm, &Secret::from(secret)).expect("a secret")
            }
            None => JwtVerifier::issuer(ISSUER)
                .expect("a URL")
                .jwks_uri(self.jwks_uri())
                .allow_loopback_http()
                .jwks_max_age(DAY)
                .jwks_cooldown(DAY)
                .algorithms([self.algorithm]),
        };
        description.audience(AUDIENCE)
    }

    fn build(&self, description: JwtVerifier) -> Verifier {
        let verifier = description.build().expect("a whole description");
        block_on(verifier.ready()).expect("the keys are served");
        verifier
    }
}

fn jwks(key: &SigningKey) -> String {
    let jwk = key.public_jwk(Some(KID)).unwrap_or_else(|_| {
        format!(r#"{{"kty":"oct","alg":"HS256","use":"sig","kid":"{KID}","k":"{}"}}"#, URL_SAFE_NO_PAD.encode(SECRET))
    });
    format!(r#"{{"keys":[{jwk}]}}"#)
}

/// The least that the check of a token takes: its signature, decoded from base64 and checked by aws-lc-rs.
#[derive(Debug)]
pub struct RawCheck(Key);

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one, and a box would be in the way of the floor")]
enum Key {
    Public(ParsedPublicKey),
    Secret(hmac::Key),
}

impl RawCheck {
    fn new(jwks: &str) -> Self {
        let set: Value = serde_json::from_str(jwks).expect("a key set");
        let jwk = &set["keys"][0];
        let bytes = |name: &str| {
            let text = jwk[name].as_str().expect("a member of the key");
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        Self(match jwk["kty"].as_str().expect("a key type") {
            "RSA" => {
                let components = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
                Key::Public(components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).expect("a key"))
            }
            "EC" => {
                let point = [&[0x04], &*bytes("x"), &*bytes("y")].concat();
                Key::Public(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).expect("a key"))
            }
            "OKP" => Key::Public(ParsedPublicKey::new(&ED25519, bytes("x")).expect("a key")),
            _ => Key::Secret(hmac::Key::new(hmac::HMAC_SHA256, &bytes("k"))),
        })
    }

    /// Whether the signature of `token` is right.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let mut bytes = [0; 512];
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes) else { return false };
        let signature = &bytes[..length];
        match &self.0 {
            Key::Public(key) => key.verify_sig(signed.as_bytes(), signature).is_ok(),
            Key::Secret(key) => hmac::verify(key, signed.as_bytes(), signature).is_ok(),
        }
    }
}

/// The verdict on a token, which needs no waiting.
///
/// # Panics
/// When it is refused.
#[inline]
#[must_use]
pub fn verified(verifier: &Verifier, token: &str) -> Verified {
    verifier.verify_credential(IncomingCredential::bearer(token)).into_result().expect("a good token")
}

/// `items` one after the other for ever, in an order that no cache foresees. Each start begins elsewhere.
///
/// # Panics
/// When there are none.
pub fn scrambled<'a, T>(items: &'a [T], start: usize) -> impl FnMut() -> &'a T {
    // A prime, so that a round takes in all of them.
    const STEP: usize = 7_919;
    let mut at = start % items.len();
    move || {
        at = (at + STEP) % items.len();
        &items[at]
    }
}

/// The `Authorization` field with a token, its bytes shared already.
///
/// # Panics
/// When it is no token.
#[must_use]
pub fn bearer_of(token: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token");
    value.set_sensitive(true);
    drop(value.clone());
    value
}

/// Sends a request with this `Authorization` field and without extensions, as servers get them.
#[inline]
pub fn drive_with<S>(service: &mut S, authorization: &HeaderValue)
where
    S: Service<Request<Full<Bytes>>, Response = Response<()>, Error = Infallible>,
{
    drive_as(full(), |request| at_once(service.call(authorized(request, authorization))));
}

/// Whether a request with this `Authorization` field is let in.
pub fn lets_in<S>(service: &mut S, authorization: &HeaderValue) -> bool
where
    S: Service<Request<Full<Bytes>>, Response = Response<()>, Error = Infallible>,
{
    let Ok(response) = at_once(service.call(authorized(Request::new(full()), authorization)));
    response.status() == StatusCode::OK
}

fn authorized<B>(mut request: Request<B>, authorization: &HeaderValue) -> Request<B> {
    request.headers_mut().insert(AUTHORIZATION, authorization.clone());
    *request.extensions_mut() = Extensions::new();
    request
}

fn full() -> Full<Bytes> {
    Full::new(Bytes::from_static(b"body"))
}
