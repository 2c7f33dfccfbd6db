use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower_auth_core::jose::{Claims, Jws, MAX_TOKEN_LEN};

use super::TestClient;
use super::answer::Refusal;
use super::assertion::{is_signed_by, is_signed_by_client};
use super::caller::Caller;
use super::grants::Basis;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::Issue;

/// The name of the grant.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Types of JWTs that are made for something else.
const OTHER_TYPES: [&str; 3] = ["at+jwt", "dpop+jwt", "client-authentication+jwt"];

impl Shared {
    /// The client that issued the assertion of the grant, for a request that names none (RFC 7521 section 4.1).
    pub(super) fn issuing_client(&self, request: &Received) -> Option<Arc<TestClient>> {
        let mut buffer = Vec::new();
        let jws = Jws::parse(request.param("assertion")?, MAX_TOKEN_LEN, &mut buffer).ok()?;
        let client = self.client(jws.claims().ok()?.iss.as_deref()?)?;
        // What else is wrong with it the grant finds out; until then nobody but the client could have sent it.
        is_signed_by_client(&jws, &client).then_some(client)
    }

    /// The JWT bearer grant (RFC 7523 section 2.1): an assertion of a trusted issuer, or of the client itself.
    pub(super) fn jwt_bearer(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let refused = |why: &str| Refusal::new("invalid_grant", why);
        let text = request.param("assertion").ok_or_else(|| Refusal::invalid_request("assertion is missing"))?;
        let mut buffer = Vec::new();
        let jws = Jws::parse(text, MAX_TOKEN_LEN, &mut buffer).map_err(|_| refused("the assertion is no JWT"))?;
        let claims = jws.claims().map_err(|_| refused("the claims of the assertion are malformed"))?;
        let iss = claims.iss.as_deref().ok_or_else(|| refused("iss is missing"))?;
        if OTHER_TYPES.iter().any(|typ| jws.header().typ_is(typ)) {
            return Err(refused("the JWT is made for something else"));
        }
        let is_signed = if iss == client.id {
            is_signed_by_client(&jws, client)
        } else {
            self.trusted(iss).is_some_and(|minter| is_signed_by(&jws, minter))
        };
        if !is_signed {
            return Err(refused("the issuer is not trusted, or did not sign"));
        }
        self.check_times(&claims).map_err(refused)?;
        let mut ours = self.urls_of(request.head.uri.path());
        ours.push(self.minter.issuer());
        if !claims.aud.as_ref().is_some_and(|aud| ours.iter().any(|own| aud.contains(own))) {
            return Err(refused("aud is neither the issuer nor the token endpoint"));
        }
        let subject = claims.sub.as_deref().ok_or_else(|| refused("sub is missing"))?;
        if !self.is_first_use(iss, &claims) {
            return Err(refused("the assertion was used before"));
        }
        let basis = Basis {
            client_id: client.id.clone(),
            subject: subject.to_owned(),
            scope: self.requested_scope(client, &request.params)?,
            audience: self.requested_audience(&request.params)?,
            ..Basis::default()
        };
        Ok(self.issue(client, Issue { basis, ..Issue::default() }))
    }

    /// Whether an assertion comes for the first time, as far as its `jti` tells.
    fn is_first_use(&self, iss: &str, claims: &Claims<'_>) -> bool {
        let now = self.clock().wall();
        let expires = claims.exp.map_or(now, |exp| exp.to_system_time());
        let id = claims.jti.as_deref().map(|jti| format!("grant {iss} {jti}"));
        id.is_none_or(|id| self.replay.is_first(id, expires, now))
    }
}
