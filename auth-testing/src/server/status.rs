use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Response, StatusCode};
use serde_json::json;

use super::Quirk;
use super::answer::{Refusal, bare, json_response, wrong_method};
use super::received::Received;
use super::shared::Shared;
use crate::token::seconds;

impl Shared {
    /// Introspection (RFC 7662), for authenticated clients, and holders of a token for it where there are such.
    pub(super) fn introspection(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        self.introspect(request).unwrap_or_else(Refusal::response)
    }

    /// Revocation (RFC 7009), of the client's own tokens.
    pub(super) fn revocation(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        match self.revoke_for(request) {
            Ok(()) => bare(StatusCode::OK, String::new()),
            Err(refusal) => refusal.response(),
        }
    }

    fn introspect(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        request.check(false, false)?;
        self.check_introspector(request)?;
        let token = request.param("token").ok_or_else(|| Refusal::invalid_request("token is missing"))?;
        let now = self.clock().wall();
        let grants = self.grants();
        let answer = if let Some(grant) = grants.access(token).filter(|grant| grant.is_active(now)) {
            let basis = &grant.basis;
            if self.quirks.has(Quirk::TerseIntrospection) {
                let answer = json!({ "active": true, "client_id": basis.client_id, "exp": seconds(grant.expires()) });
                return Ok(json_response(StatusCode::OK, answer.to_string()));
            }
            let mut answer = json!({
                "active": true,
                "iss": self.minter.issuer(),
                "sub": basis.subject,
                "client_id": basis.client_id,
                "aud": basis.audience,
                "scope": basis.scope.to_string(),
                "token_type": if basis.binding.jkt.is_some() { "DPoP" } else { "Bearer" },
                "iat": seconds(grant.issued),
                "exp": seconds(grant.expires()),
            });
            if !basis.binding.is_empty() {
                answer["cnf"] = basis.binding.claim();
            }
            if let Some(act) = &basis.act {
                answer["act"] = act.clone();
            }
            answer
        } else if let Some(grant) = grants.ledger.live(token, now) {
            json!({
                "active": true,
                "iss": self.minter.issuer(),
                "sub": grant.basis.subject,
                "client_id": grant.basis.client_id,
                "scope": grant.basis.scope.to_string(),
            })
        } else {
            // Nothing says why (RFC 7662 section 2.2).
            json!({ "active": false })
        };
        Ok(json_response(StatusCode::OK, answer.to_string()))
    }

    /// Whether whoever asks may know.
    fn check_introspector(&self, request: &Received) -> Result<(), Refusal> {
        let header = request.head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let (Some(scope), Some((_, token))) = (&self.parts.policy.introspection_scope, token) {
            let now = self.clock().wall();
            let grants = self.grants();
            let grant = grants.access(token).filter(|grant| grant.is_active(now));
            return match grant {
                Some(grant) if grant.basis.scope.contains(scope) => Ok(()),
                _ => Err(Refusal::invalid_token("the token does not allow introspection")),
            };
        }
        if self.authenticate(request)?.is_confidential() {
            Ok(())
        } else {
            Err(Refusal::invalid_client("introspection is for confidential clients", false))
        }
    }

    fn revoke_for(&self, request: &Received) -> Result<(), Refusal> {
        request.check(false, false)?;
        let client = self.authenticate(request)?;
        let token = request.param("token").ok_or_else(|| Refusal::invalid_request("token is missing"))?;
        let mut grants = self.grants();
        let owner = grants
            .access(token)
            .map(|grant| grant.basis.client_id.clone())
            .or_else(|| grants.refresh(token).map(|grant| grant.basis.client_id.clone()));
        match owner {
            Some(owner) if owner != client.id => {
                Err(Refusal::new("unauthorized_client", "the token belongs to another client"))
            }
            _ if self.quirks.has(Quirk::KeepsAccessTokens) && grants.access(token).is_some() => {
                Err(Refusal::new("unsupported_token_type", "access tokens cannot be revoked here"))
            }
            // An unknown token is no error (RFC 7009 section 2.2).
            _ => {
                grants.revoke(token);
                Ok(())
            }
        }
    }
}
