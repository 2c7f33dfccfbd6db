use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tower_auth_core::jose::{Algorithm, JwkSet, SigningKey, TokenHeader};
use tower_auth_core::{JwtVerifier, RejectionKind, Verified, Verifier};
use tower_auth_testing::TestClock;

use crate::verify_support::{bearer, key_set};

/// An issuer that signs, and a verifier that knows its key.
pub(crate) struct Issuer {
    key: Arc<SigningKey>,
    pub(crate) verifier: Verifier,
}

impl Issuer {
    pub(crate) fn new(builder: JwtVerifier, audience: &str, algorithm: Algorithm) -> Self {
        // An RSA key takes long to make.
        static RSA: OnceLock<Arc<SigningKey>> = OnceLock::new();
        let generate = || Arc::new(SigningKey::generate(algorithm).unwrap());
        let key = if algorithm == Algorithm::Rs256 { RSA.get_or_init(generate).clone() } else { generate() };
        let keys = JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
        let verifier = builder.audience(audience).jwks(keys).clock(TestClock::new().clock()).build().unwrap();
        Self { key, verifier }
    }

    pub(crate) fn token(&self, typ: Option<&str>, claims: &Value) -> String {
        let header = TokenHeader::new().kid("k1");
        let header = typ.into_iter().fold(header, TokenHeader::typ);
        self.key.sign(&header, claims).unwrap()
    }

    pub(crate) fn judge(&self, typ: Option<&str>, claims: &Value) -> Result<Verified, RejectionKind> {
        self.verifier.try_verify(&bearer(&self.token(typ, claims))).map_err(|refusal| refusal.kind())
    }

    /// What the log says of a refused token.
    pub(crate) fn explain(&self, typ: Option<&str>, claims: &Value) -> String {
        self.verifier.try_verify(&bearer(&self.token(typ, claims))).unwrap_err().explain().to_owned()
    }

    /// Whether each of the types is accepted, and the others are not.
    pub(crate) fn accepts_types(&self, accepted: &[Option<&str>], claims: &Value) {
        for typ in [None, Some("JWT"), Some("at+jwt"), Some("JOSE"), Some("okta-internal-at+jwt")] {
            let expected = if accepted.contains(&typ) { Ok(()) } else { Err(RejectionKind::WrongType) };
            assert_eq!(self.judge(typ, claims).map(drop), expected, "{typ:?}");
        }
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
            assert_eq!(self.judge(Some(typ), claims).unwrap_err(), RejectionKind::WrongType, "{typ}");
        }
    }
}

pub(crate) fn scopes(verified: &Verified) -> Vec<&str> {
    verified.scopes().collect()
}

pub(crate) fn roles(verified: &Verified) -> Vec<&str> {
    verified.roles().collect()
}
