use bytes::Bytes;
use http::Response;
use tower_auth_core::Secret;

use super::answer::Refusal;
use super::caller::Caller;
use super::grants::Basis;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::Issue;

impl Shared {
    /// The password grant (RFC 6749 section 4.3).
    pub(super) fn password(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let missing = |name: &str| Refusal::invalid_request(format!("{name} is missing"));
        let user = request.param("username").ok_or_else(|| missing("username"))?;
        let password = request.param("password").map(Secret::from).ok_or_else(|| missing("password"))?;
        if self.parts.policy.users.get(user) != Some(&password) {
            return Err(Refusal::new("invalid_grant", "unknown user or wrong password"));
        }
        let basis = Basis {
            client_id: client.id.clone(),
            subject: user.to_owned(),
            scope: self.requested_scope(client, &request.params)?,
            audience: self.requested_audience(&request.params)?,
            ..Basis::default()
        };
        let family = Some(self.grants().new_family());
        let refresh = client.gives_refresh_tokens.then(|| basis.clone());
        Ok(self.issue(client, Issue { basis, family, refresh, ..Issue::default() }))
    }
}
