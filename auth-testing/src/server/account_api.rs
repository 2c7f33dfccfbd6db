use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use super::answer::{Refusal, json_response, wrong_method};
use super::received::Received;
use super::shared::{Shared, Standing};

impl Shared {
    /// The API of the server itself: whose access token a request has.
    pub(super) fn account_api(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        let mut values = request.head.headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            // A request without a credential is told no error code (RFC 6750 section 3.1).
            let mut response = json_response(StatusCode::UNAUTHORIZED, json!({ "error": "no token" }).to_string());
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        };
        let token = value
            .to_str()
            .ok()
            .filter(|_| values.next().is_none())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token.map(|(_, token)| self.standing(token)) {
            // A bound token is worth nothing without its key, and nobody looks for one here.
            Some(Standing::Active(worth)) if worth.binding.is_empty() => {
                let known = self.parts.policy.accounts.iter().find(|account| account.id == worth.subject);
                let name = known.map_or(&worth.subject, |account| &account.name);
                let answer = json!({ "id": worth.subject, "name": name, "scope": worth.scope.to_string() });
                json_response(StatusCode::OK, answer.to_string())
            }
            _ => Refusal::invalid_token("the token is unknown, expired or revoked").response(),
        }
    }
}
