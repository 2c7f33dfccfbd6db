use bytes::Bytes;
use http::Response;

use super::TestClient;
use super::answer::Refusal;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::{Granted, requested_scope};

impl Shared {
    /// The refresh token grant (RFC 6749 section 6). A refresh token that comes a second time after its rotation was stolen from, or by, the client: its
    /// whole family ends (RFC 9700 section 4.14.2).
    pub(super) fn refresh_token(&self, client: &TestClient, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let token =
            request.param("refresh_token").ok_or_else(|| Refusal::invalid_request("refresh_token is missing"))?;
        let refused = |why: &str| Refusal::new("invalid_grant", why);
        let scope = requested_scope(request)?;
        let audience = self.requested_audience(request)?;

        let mut grants = self.grants();
        let grant = grants
            .refresh(token)
            .filter(|grant| grant.client_id == client.id)
            .cloned()
            .ok_or_else(|| refused("the refresh token is not known"))?;
        if grant.spent {
            grants.revoke_family(grant.family);
            return Err(refused("the refresh token was used before"));
        }
        if grant.revoked {
            return Err(refused("the refresh token was revoked"));
        }
        let scope = scope.unwrap_or_else(|| grant.scope.clone());
        if !grant.scope.contains_all(&scope) {
            return Err(Refusal::new("invalid_scope", "the scope is wider than the grant"));
        }
        let audience = if audience.is_empty() { grant.audience.clone() } else { audience };
        if self.parts.rotate {
            grants.spend(token);
        }
        drop(grants);

        // The next refresh token keeps the width of the first, whatever this request narrowed (RFC 6749 section 6).
        let refresh_scope = self.parts.rotate.then_some(grant.scope);
        let granted = Granted { subject: grant.subject, scope, audience, family: Some(grant.family), refresh_scope };
        Ok(self.issue(client, &granted))
    }
}
