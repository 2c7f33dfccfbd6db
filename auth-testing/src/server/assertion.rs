use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tower_auth_core::Secret;
use tower_auth_core::jose::{Algorithm, Claims, Jwk, JwkSet, Jws, MAX_TOKEN_LEN, VerifyingKey};

use super::answer::Refusal;
use super::auth_method::AuthMethod;
use super::received::Received;
use super::shared::Shared;
use super::{AuthorizationServer, Quirk, TestClient};
use crate::TokenMinter;

/// What `client_assertion_type` must say (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest time that an assertion may still live.
const MAX_LIFETIME: Duration = Duration::from_secs(300);

/// How far a client's clock may be ahead.
const SKEW: Duration = Duration::from_secs(60);

/// The type of an assertion that says that it is one (draft-ietf-oauth-rfc7523bis section 4).
const STRICT_TYPE: &str = "client-authentication+jwt";

impl Shared {
    /// The client that an assertion speaks of. `id` is the parameter `client_id`.
    pub(super) fn by_assertion(&self, request: &Received, id: Option<&str>) -> Result<Arc<TestClient>, Refusal> {
        let failed = |why: &str| Refusal::invalid_client(why, false);
        if request.param("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(failed("client_assertion_type is not that of JWTs"));
        }
        let text = request.param("client_assertion").ok_or_else(|| failed("client_assertion is missing"))?;
        let mut buffer = Vec::new();
        let jws = Jws::parse(text, MAX_TOKEN_LEN, &mut buffer).map_err(|_| failed("the assertion is no JWT"))?;
        let claims = jws.claims().map_err(|_| failed("the claims of the assertion are malformed"))?;
        let (Some(iss), Some(sub)) = (claims.iss.as_deref(), claims.sub.as_deref()) else {
            return Err(failed("iss or sub is missing"));
        };
        let client = match id {
            Some(id) => self.client(id),
            None => self.client(sub).or_else(|| self.workload(iss, sub)),
        };
        let client = client.ok_or_else(|| failed("unknown client"))?;
        self.check_times(&claims).map_err(failed)?;

        if let Some((minter, subject)) = client.workload.as_ref().filter(|(minter, _)| minter.issuer() == iss) {
            let aud = claims.aud.as_ref().is_some_and(|aud| aud.contains(&self.minter.issuer()));
            if sub != subject || !aud || !is_signed_by(&jws, minter) {
                return Err(failed("the assertion is another's, for another, or not its issuer's"));
            }
            return Ok(client);
        }
        if iss != client.id || sub != client.id {
            return Err(failed("iss and sub must be the client"));
        }
        let typ = jws.header().typ.as_deref();
        let is_typed = jws.header().typ_is(STRICT_TYPE);
        if !is_typed && (self.quirks.has(Quirk::StrictAssertionType) || (typ.is_some() && !jws.header().typ_is("JWT")))
        {
            return Err(failed("typ is not that of client authentication"));
        }
        if !self.is_for_us(&claims, request) {
            return Err(failed("aud is not the issuer alone"));
        }
        let now = self.clock().wall();
        let expires = claims.exp.map_or(now, |exp| exp.to_system_time());
        if expires > now + MAX_LIFETIME {
            return Err(failed("the assertion lives for more than 5 minutes"));
        }
        if !is_signed_by_client(&jws, &client) {
            return Err(failed("the signature is not the client's"));
        }
        let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty()).ok_or_else(|| failed("jti is missing"))?;
        if !self.replay.is_first(format!("assertion {} {jti}", client.id), expires, now) {
            return Err(failed("the assertion was used before"));
        }
        Ok(client)
    }

    /// The rules of time that hold for every assertion.
    pub(super) fn check_times(&self, claims: &Claims<'_>) -> Result<(), &'static str> {
        let now = self.clock().wall();
        let at = |date: tower_auth_core::jose::NumericDate| -> SystemTime { date.to_system_time() };
        match claims.exp {
            None => return Err("exp is missing"),
            Some(exp) if at(exp) <= now => return Err("the assertion expired"),
            Some(_) => {}
        }
        if claims.nbf.is_some_and(|nbf| at(nbf) > now + SKEW) || claims.iat.is_some_and(|iat| at(iat) > now + SKEW) {
            return Err("the assertion is of the future");
        }
        Ok(())
    }

    fn is_for_us(&self, claims: &Claims<'_>, request: &Received) -> bool {
        let audience: Vec<&str> = claims.aud.iter().flat_map(|aud| aud.iter()).collect();
        let issuer = self.minter.issuer();
        if self.quirks.has(Quirk::EndpointAudience) {
            let mut own = self.urls_of(request.head.uri.path());
            own.extend(self.urls_of(&format!("{}/token", self.parts.path)));
            own.push(issuer);
            return audience.iter().any(|one| own.iter().any(|own| own == one));
        }
        audience == [issuer]
    }

    fn workload(&self, iss: &str, sub: &str) -> Option<Arc<TestClient>> {
        let is = |client: &TestClient| {
            client.workload.as_ref().is_some_and(|(minter, subject)| minter.issuer() == iss && subject == sub)
        };
        self.clients().values().find(|client| is(client)).cloned()
    }
}

/// Whether a key of `minter` signed it.
pub(super) fn is_signed_by(jws: &Jws<'_>, minter: &TokenMinter) -> bool {
    let Ok(keys) = JwkSet::parse(minter.jwks().as_bytes()) else { return false };
    keys.candidates(jws.header().kid.as_deref(), jws.header().alg).any(|key| jws.verify(key).is_ok())
}

/// Whether a key or a secret of `client` signed it, by a method that it may use.
pub(super) fn is_signed_by_client(jws: &Jws<'_>, client: &TestClient) -> bool {
    let algorithm: Algorithm = jws.header().alg;
    if algorithm.is_symmetric() {
        let by = |secret: &Secret| {
            VerifyingKey::hmac(algorithm, secret.expose_secret().as_bytes()).is_ok_and(|key| jws.verify(&key).is_ok())
        };
        return client.may_use(AuthMethod::SecretJwt) && client.secrets.iter().any(by);
    }
    let kid = jws.header().kid.as_deref();
    let by = |json: &String| {
        let Ok(key) = Jwk::parse(json.as_bytes()).and_then(|jwk| VerifyingKey::from_jwk(&jwk)) else { return false };
        let is_named = kid.is_none_or(|kid| key.kid().is_none_or(|own| own == kid));
        is_named && jws.verify(&key).is_ok()
    };
    client.may_use(AuthMethod::PrivateKeyJwt) && client.keys.iter().any(by)
}

/// Whom the assertion of a request speaks of, unchecked.
pub(super) fn claimed_subject(assertion: &str) -> Option<String> {
    let mut buffer = Vec::new();
    let jws = Jws::parse(assertion, MAX_TOKEN_LEN, &mut buffer).ok()?;
    jws.claims().ok()?.sub.map(Cow::into_owned)
}

/// What clients authenticate with, while the server runs.
impl AuthorizationServer {
    /// Takes `secrets` from the client `id` from now on, and no others: several while a secret is being replaced.
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// let server = AuthorizationServer::builder().client("orders", "old").build()?;
    /// server.set_secrets("orders", ["old", "new"]);
    /// server.set_secrets("orders", ["new"]);
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// When there is no such client.
    pub fn set_secrets<S: Into<Secret>>(&self, id: &str, secrets: impl IntoIterator<Item = S>) {
        let secrets = secrets.into_iter().map(Into::into).collect();
        self.change_client(id, |client| client.secrets = secrets);
    }

    /// Takes assertions of the client `id` by these public keys from now on, each a JWK as JSON text, and by no others.
    ///
    /// # Panics
    /// When there is no such client, or one of them is no public key.
    pub fn set_client_keys<S: Into<String>>(&self, id: &str, keys: impl IntoIterator<Item = S>) {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        assert!(keys.iter().all(|key| is_public_key(key)), "each key is a public one");
        self.change_client(id, |client| client.keys = keys);
    }

    fn change_client(&self, id: &str, change: impl FnOnce(&mut TestClient)) {
        let shared = self.shared();
        let mut clients = shared.clients();
        change(Arc::make_mut(clients.get_mut(id).expect("the client is one of the server's")));
    }
}

/// Whether `json` is the JWK of a public key for signatures.
pub(super) fn is_public_key(json: &str) -> bool {
    Jwk::parse(json.as_bytes()).and_then(|jwk| VerifyingKey::from_jwk(&jwk)).is_ok()
}
