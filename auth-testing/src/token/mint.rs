use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tower_auth_core::jose::{Algorithm, SigningKey};

use super::{Flaw, TokenMinter};

/// A token to be signed; made by [`TokenMinter::token`] and [`AuthorizationServer::mint`](crate::AuthorizationServer::mint).
#[must_use = "nothing is signed before `sign`"]
pub struct Mint {
    minter: TokenMinter,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    without: Vec<String>,
    lifetime: Duration,
    algorithm: Option<Algorithm>,
    flaw: Option<Flaw>,
}

/// How far a flawed time is off, in seconds.
const OFF: u64 = 3600;

impl Mint {
    pub(super) fn new(minter: TokenMinter) -> Self {
        let header = Map::from_iter([("typ".to_owned(), json!("at+jwt"))]);
        let claims = [("sub", "test-subject"), ("aud", "test-audience"), ("client_id", "test-client")];
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let lifetime = Duration::from_secs(3600);
        Self { minter, header, claims, without: Vec::new(), lifetime, algorithm: None, flaw: None }
    }

    /// Whose token it is (`sub`).
    pub fn subject(self, subject: &str) -> Self {
        self.set("sub", json!(subject))
    }

    /// The client that it was issued to (`client_id`).
    pub fn client_id(self, id: &str) -> Self {
        self.set("client_id", json!(id))
    }

    /// Whom it is for (`aud`), as one text.
    pub fn audience(self, audience: &str) -> Self {
        self.set("aud", json!(audience))
    }

    /// Whom it is for (`aud`), as a list.
    pub fn audiences<'a>(self, audiences: impl IntoIterator<Item = &'a str>) -> Self {
        let audiences: Vec<_> = audiences.into_iter().collect();
        self.set("aud", json!(audiences))
    }

    /// What it permits (`scope`).
    pub fn scopes<'a>(self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let scopes: Vec<_> = scopes.into_iter().collect();
        self.set("scope", json!(scopes.join(" ")))
    }

    /// How long it lives from now; whole seconds.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Any claim, in place of the one that would stand there.
    ///
    /// # Panics
    /// When `value` cannot be written as JSON, such as a map whose keys are not texts.
    pub fn claim(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        self.set(name, serde_json::to_value(value).expect("the value of a claim can be written as JSON"))
    }

    /// Leaves a claim out, whatever else is said of it.
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// Any field of the header, in place of the one that would stand there; `alg` included.
    ///
    /// # Panics
    /// As [`claim`](Self::claim).
    pub fn header(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        let value = serde_json::to_value(value).expect("the value of a field can be written as JSON");
        self.header.insert(name.to_owned(), value);
        self
    }

    /// The media type of the token (`typ`), in place of `at+jwt`.
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Signs with the issuer's key for `algorithm` instead of the first.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Makes one thing wrong.
    pub fn flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// The signed token.
    ///
    /// # Panics
    /// When the issuer has no key for the chosen algorithm.
    #[must_use]
    pub fn sign(self) -> String {
        let (kid, key) = self.minter.keys().signer(self.algorithm).expect("the issuer has a key for the algorithm");
        let header = self.header_fields(&kid, &key);
        let claims = Value::Object(self.final_claims()).to_string();
        let claims = match self.flaw {
            Some(Flaw::DuplicateClaim) => claims.replacen('{', "{\"sub\":\"somebody-else\",", 1),
            _ => claims,
        };
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = encode(&Value::Object(header).to_string());
        let input = format!("{header}.{}", encode(&claims));
        let sign = |key: &SigningKey| key.sign_bytes(input.as_bytes()).expect("a working library signs");
        let mut signature = match self.flaw {
            Some(Flaw::WrongKey | Flaw::UnknownKey) => {
                sign(&SigningKey::generate(key.algorithm()).expect("a working library makes keys"))
            }
            Some(Flaw::Unsigned) => Vec::new(),
            _ => sign(&key),
        };
        if let (Some(Flaw::TamperedSignature), Some(byte)) = (self.flaw, signature.last_mut()) {
            *byte ^= 1;
        }
        let input = match self.flaw {
            Some(Flaw::TamperedClaims) => {
                format!("{header}.{}", encode(&claims.replacen('{', "{\"admin\":true,", 1)))
            }
            _ => input,
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header_fields(&self, kid: &str, key: &SigningKey) -> Map<String, Value> {
        let mut header =
            Map::from_iter([("alg".to_owned(), json!(key.algorithm().name())), ("kid".to_owned(), json!(kid))]);
        header.extend(self.header.clone());
        let mut set = |name: &str, value| drop(header.insert(name.to_owned(), value));
        match self.flaw {
            Some(Flaw::WrongType) => set("typ", json!("dpop+jwt")),
            Some(Flaw::UnknownKey) => set("kid", json!("nobodys-key")),
            Some(Flaw::Unsigned) => set("alg", json!("none")),
            Some(Flaw::UnknownCritical) => {
                set("crit", json!(["x-test"]));
                set("x-test", json!(true));
            }
            _ => {}
        }
        header
    }

    fn final_claims(&self) -> Map<String, Value> {
        let now = seconds(self.minter.clock().wall());
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(self.minter.issuer())),
            ("iat".to_owned(), json!(now)),
            ("exp".to_owned(), json!(now.saturating_add(self.lifetime.as_secs()))),
            ("jti".to_owned(), json!(format!("{:032x}", fastrand::u128(..)))),
        ]);
        claims.extend(self.claims.clone());
        let mut set = |name: &str, value| drop(claims.insert(name.to_owned(), value));
        match self.flaw {
            Some(Flaw::Expired) => {
                set("iat", json!(now.saturating_sub(2 * OFF)));
                set("exp", json!(now.saturating_sub(OFF)));
            }
            Some(Flaw::NotYetValid) => set("nbf", json!(now + OFF)),
            Some(Flaw::WrongAudience) => set("aud", json!("another-audience")),
            Some(Flaw::WrongIssuer) => set("iss", json!("https://another-issuer.test")),
            Some(Flaw::NoExpiry) => drop(claims.remove("exp")),
            Some(Flaw::NoAudience) => drop(claims.remove("aud")),
            Some(Flaw::NoIssuer) => drop(claims.remove("iss")),
            _ => {}
        }
        for name in &self.without {
            claims.remove(name);
        }
        claims
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("issuer", &self.minter.issuer())
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .field("flaw", &self.flaw)
            .finish_non_exhaustive()
    }
}
