use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;

use super::nonces::DpopNonces;
use crate::error::{ConfigError, ConfigErrorKind, SigningError, SigningErrorKind};
use crate::jose::{Algorithm, JoseError, Jwk, SigningKey, TokenHeader};
use crate::{Clock, Origin, Secret, Token};

/// The key that tokens are bound to, and what proves its possession on each request (RFC 9449).
///
/// Clones share the key and the nonces of the servers that it was shown to. Use one key for the token endpoint and for the APIs that its
/// tokens go to, and another key for whom nobody should connect with the first.
///
/// `Debug` shows the thumbprint only.
///
/// ```
/// use http::{Method, Uri};
/// use tower_auth_core::{DpopKey, Token};
///
/// let key = DpopKey::generate()?;
/// let uri = Uri::from_static("https://api.example.com/orders?page=2");
/// let proof = key.proof(&Method::GET, &uri, Some(&Token::new("abc")?), None)?;
/// assert_eq!(proof.to_str()?.split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Restarts
/// A refresh token of a public client is bound to the key too (section 5). Store the key beside it:
///
/// ```
/// use tower_auth_core::DpopKey;
/// use tower_auth_core::jose::Algorithm;
///
/// let key = DpopKey::generate()?;
/// let stored = key.to_pkcs8_pem()?;
/// let again = DpopKey::from_pkcs8_pem(Algorithm::Es256, &stored)?;
/// assert_eq!(again.thumbprint(), key.thumbprint());
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct DpopKey {
    shared: Arc<Shared>,
    clock: Clock,
}

struct Shared {
    key: SigningKey,
    header: TokenHeader,
    thumbprint: Box<str>,
    server_nonces: DpopNonces,
    resource_nonces: DpopNonces,
}

/// What a proof says (RFC 9449 section 4.2).
#[derive(Serialize)]
struct Proof<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl DpopKey {
    /// The header that proofs go into.
    pub const HEADER: HeaderName = HeaderName::from_static("dpop");

    /// A new random key on P-256, for ES256: what every server knows.
    ///
    /// # Errors
    /// If the cryptographic library fails, which a working system does not show.
    pub fn generate() -> Result<Self, ConfigError> {
        Self::new(SigningKey::generate(Algorithm::Es256).map_err(unusable)?)
    }

    /// An existing key. Its algorithm is one of those that the server lists as `dpop_signing_alg_values_supported`.
    ///
    /// # Errors
    /// When the key is a shared secret, which proves nothing (section 4.2).
    pub fn new(key: SigningKey) -> Result<Self, ConfigError> {
        let jwk = key.public_jwk(None).and_then(|jwk| essential(&jwk)).map_err(unusable)?;
        let header = TokenHeader::new().typ("dpop+jwt").field("jwk", &jwk).map_err(unusable)?;
        let thumbprint = key.thumbprint().map_err(unusable)?.into();
        let (server_nonces, resource_nonces) = (DpopNonces::new(), DpopNonces::new());
        let shared = Shared { key, header, thumbprint, server_nonces, resource_nonces };
        Ok(Self { shared: Arc::new(shared), clock: Clock::system() })
    }

    /// A private key in PKCS#8 PEM, not encrypted.
    ///
    /// # Errors
    /// When `pem` is no such key, or not one for `algorithm`.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &Secret) -> Result<Self, ConfigError> {
        Self::new(SigningKey::from_pkcs8_pem(algorithm, pem.expose_secret()).map_err(unusable)?)
    }

    /// A private key in JWK form.
    ///
    /// # Errors
    /// When `jwk` is no private key for `algorithm`.
    pub fn from_jwk(algorithm: Algorithm, jwk: &Jwk) -> Result<Self, ConfigError> {
        Self::new(SigningKey::from_jwk(algorithm, jwk).map_err(unusable)?)
    }

    /// Takes the time of proofs from `clock`; from the system if not set. Clones made before keep theirs.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The private key in PKCS#8 PEM, to be stored where secrets are.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn to_pkcs8_pem(&self) -> Result<Secret, ConfigError> {
        self.shared.key.to_pkcs8_pem().map_err(unusable)
    }

    /// The algorithm of its proofs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.shared.key.algorithm()
    }

    /// The SHA-256 thumbprint of the public key, base64url (RFC 7638): what tokens are bound to (`cnf.jkt`), and the parameter
    /// `dpop_jkt` of an authorization request.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.shared.thumbprint
    }

    /// The value of the header [`DPoP`](Self::HEADER) for one request: a new proof at each call, as each send needs its own.
    ///
    /// `uri` is the absolute target; its query does not go in. `access_token` is the token that goes along, none at a token endpoint.
    /// `nonce` is the newest that the server asked for.
    ///
    /// # Errors
    /// When `uri` has no scheme and host or has user information, or the cryptographic library fails.
    pub fn proof(
        &self,
        method: &Method,
        uri: &Uri,
        access_token: Option<&Token>,
        nonce: Option<&str>,
    ) -> Result<HeaderValue, SigningError> {
        let origin = Origin::of(uri).ok_or_else(|| {
            SigningError::new(
                SigningErrorKind::Target,
                "a DPoP proof is for an absolute http or https URI, without user information",
            )
        })?;
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(|_| failed(JoseError::CryptoFailed))?;
        let since = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let proof = Proof {
            jti: &URL_SAFE_NO_PAD.encode(random),
            htm: method.as_str(),
            htu: &format!("{origin}{}", uri.path()),
            iat: since.as_secs(),
            ath: access_token.map(hash),
            nonce,
        };
        let text = self.shared.key.sign(&self.shared.header, &proof).map_err(failed)?;
        let mut value = HeaderValue::try_from(text).map_err(|_| failed(JoseError::Unserializable))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The nonces of authorization servers.
    #[must_use]
    pub fn server_nonces(&self) -> &DpopNonces {
        &self.shared.server_nonces
    }

    /// The nonces of the APIs that the tokens go to, apart from those of authorization servers, also where both are one host
    /// (section 9).
    #[must_use]
    pub fn resource_nonces(&self) -> &DpopNonces {
        &self.shared.resource_nonces
    }
}

/// The members of a public JWK that say what the key is.
fn essential(jwk: &str) -> Result<serde_json::Map<String, serde_json::Value>, JoseError> {
    let mut members: serde_json::Map<_, _> = serde_json::from_str(jwk).map_err(|_| JoseError::BadJson)?;
    members.retain(|name, _| !matches!(name.as_str(), "alg" | "use" | "kid"));
    Ok(members)
}

fn hash(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.secret().expose_secret().as_bytes()))
}

fn failed(error: JoseError) -> SigningError {
    SigningError::new(SigningErrorKind::Key, "the DPoP proof could not be signed").with_source(error)
}

fn unusable(error: JoseError) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, "the DPoP key cannot be used").with_source(error)
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DpopKey").field(&self.thumbprint()).finish()
    }
}
