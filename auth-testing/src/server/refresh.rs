use bytes::Bytes;
use http::Response;

use super::answer::Refusal;
use super::caller::Caller;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::Issue;

/// What becomes of a refresh token that is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshPolicy {
    /// It is replaced by a new one, and its use a second time ends the whole family.
    #[default]
    Rotate,
    /// It goes on; the answer has none.
    Keep,
    /// It goes on; the answer repeats it.
    Repeat,
    /// It is used up, and the answer has no other.
    Exhaust,
}

impl Shared {
    /// The refresh token grant (RFC 6749 section 6). A refresh token that comes a second time after its rotation was stolen from, or by, the client: its
    /// whole family ends (RFC 9700 section 4.14.2).
    pub(super) fn refresh_token(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let token =
            request.param("refresh_token").ok_or_else(|| Refusal::invalid_request("refresh_token is missing"))?;
        let refused = |why: &str| Refusal::new("invalid_grant", why);
        let asked = match request.param("scope") {
            Some(text) => {
                let scope = text.parse().map_err(|_| Refusal::new("invalid_scope", "the scope is not well-formed"))?;
                Some(scope)
            }
            None => None,
        };
        let audience = self.requested_audience(&request.params)?;
        let policy = self.refresh_policy();
        let now = self.clock().wall();

        let mut grants = self.grants();
        let Some(grant) = grants.refresh(token).filter(|grant| grant.basis.client_id == client.id).cloned() else {
            grants.ledger.present_unknown();
            return Err(refused("the refresh token is not known"));
        };
        grants.ledger.present(token);
        if grant.spent.is_some_and(|spent| now >= spent + self.parts.policy.reuse_grace) {
            grants.ledger.note_reuse(grant.family);
            grants.revoke_family(grant.family);
            return Err(refused("the refresh token was used before"));
        }
        if grants.ledger.is_revoked(grant.family) {
            return Err(refused("the refresh token was revoked"));
        }
        if grant.is_expired(now) {
            return Err(refused("the refresh token expired"));
        }
        self.check_binding(client, &grant.basis.binding)?;
        let scope = asked.unwrap_or_else(|| grant.basis.scope.clone());
        if !grant.basis.scope.contains_all(&scope) {
            return Err(Refusal::new("invalid_scope", "the scope is wider than the grant"));
        }
        let delivery = match policy {
            RefreshPolicy::Rotate | RefreshPolicy::Exhaust => grants.ledger.spend(token, now),
            RefreshPolicy::Keep | RefreshPolicy::Repeat => None,
        };
        drop(grants);

        let mut basis = grant.basis.clone();
        basis.scope = scope;
        if !audience.is_empty() {
            basis.audience = audience;
        }
        // The next refresh token keeps the width of the first, whatever this request narrowed (RFC 6749 section 6).
        let refresh = (policy == RefreshPolicy::Rotate).then_some(grant.basis);
        let again = (policy == RefreshPolicy::Repeat).then(|| token.to_owned());
        let issue = Issue { basis, family: Some(grant.family), refresh, again, ..Issue::default() };
        let mut response = self.issue(client, issue);
        if let Some(delivery) = delivery {
            response.extensions_mut().insert(delivery);
        }
        Ok(response)
    }
}
