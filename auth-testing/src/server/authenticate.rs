use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tower_auth_core::{Basic, Secret};

use super::TestClient;
use super::answer::Refusal;
use super::assertion::claimed_subject;
use super::auth_method::AuthMethod;
use super::params::decode;
use super::received::Received;
use super::shared::Shared;

/// What a request shows of its client.
enum Shown {
    /// A pair in the `Authorization` header.
    Header(Basic),
    /// An `Authorization` header that is no Basic credential.
    Unreadable,
    Nothing,
}

impl Shared {
    /// The client that a request comes from. One method of authentication is allowed in a request (RFC 6749 section 2.3), and it must be one
    /// of the client's.
    pub(super) fn authenticate(&self, request: &Received) -> Result<Arc<TestClient>, Refusal> {
        let id = request.param("client_id");
        let secret = request.param("client_secret").map(Secret::from);
        if request.param("client_assertion").is_some() || request.param("client_assertion_type").is_some() {
            if secret.is_some() || !matches!(shown(&request.head.headers)?, Shown::Nothing) {
                return Err(Refusal::invalid_request("two methods of client authentication"));
            }
            return self.by_assertion(request, id);
        }
        match (shown(&request.head.headers)?, secret) {
            (Shown::Unreadable, _) => Err(Refusal::invalid_client("the credential is no Basic pair", true)),
            (Shown::Header(pair), None) => {
                let client = self.by_header(&pair, &[AuthMethod::Basic, AuthMethod::BasicRaw])?;
                match id {
                    Some(id) if id != client.id => Err(Refusal::invalid_request("two client ids")),
                    _ => Ok(client),
                }
            }
            (Shown::Header(pair), Some(secret)) => {
                let client = self.by_header(&pair, &[AuthMethod::Both]).map_err(|refusal| {
                    let known = self.client(pair.user()).is_some_and(|client| client.may_use(AuthMethod::Both));
                    if known { refusal } else { Refusal::invalid_request("two methods of client authentication") }
                })?;
                if id == Some(client.id.as_str()) && client.secrets.contains(&secret) {
                    Ok(client)
                } else {
                    Err(Refusal::invalid_client("header and body differ", true))
                }
            }
            (Shown::Nothing, Some(secret)) => {
                let client = id.and_then(|id| self.client(id));
                client
                    .filter(|client| client.may_use(AuthMethod::Body) && client.secrets.contains(&secret))
                    .ok_or_else(|| Refusal::invalid_client("unknown client, wrong secret or wrong method", false))
            }
            (Shown::Nothing, None) => {
                if let Some(verdict) = id.and_then(|id| self.by_certificate(request, id)) {
                    return verdict;
                }
                let client = id.and_then(|id| self.client(id));
                client
                    .filter(|client| client.may_use(AuthMethod::None))
                    .ok_or_else(|| Refusal::invalid_client("no client authentication", false))
            }
        }
    }

    /// The client of a pair, by those of `methods` that the client may use.
    fn by_header(&self, pair: &Basic, methods: &[AuthMethod]) -> Result<Arc<TestClient>, Refusal> {
        methods
            .iter()
            .find_map(|method| {
                let (id, secret) = match method {
                    // Both halves are form-encoded (RFC 6749 section 2.3.1).
                    AuthMethod::Basic => (
                        Cow::from(decode(pair.user().as_bytes())?),
                        Secret::from(decode(pair.password().expose_secret().as_bytes())?),
                    ),
                    _ => (Cow::from(pair.user()), pair.password().clone()),
                };
                let client = self.client(&id)?;
                (client.may_use(*method) && client.secrets.contains(&secret)).then_some(client)
            })
            .ok_or_else(|| Refusal::invalid_client("unknown client, wrong secret or wrong method", true))
    }
}

/// The client id that a request claims, right or wrong.
pub(super) fn claimed_id(request: &Received) -> Option<String> {
    match shown(&request.head.headers) {
        Ok(Shown::Header(pair)) => Some(decode(pair.user().as_bytes()).unwrap_or_else(|| pair.user().to_owned())),
        _ => {
            let id = request.param("client_id").map(str::to_owned);
            id.or_else(|| claimed_subject(request.param("client_assertion")?))
        }
    }
}

fn shown(headers: &HeaderMap) -> Result<Shown, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Shown::Nothing) };
    if values.next().is_some() {
        return Err(Refusal::invalid_request("two Authorization headers"));
    }
    let pair = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, text)| Basic::decode(text.trim_start_matches(' ')));
    Ok(pair.map_or(Shown::Unreadable, Shown::Header))
}
