use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use tower_auth_core::{ClientAuth, ScopeSet, Secret};

use super::answer::{Refusal, bare, json_response, wrong_method};
use super::assertion::is_public_key;
use super::grants::random;
use super::received::Received;
use super::redirect::{is_registered, may_be_registered};
use super::shared::Shared;
use super::{AuthorizationServer, TestClient};
use crate::token::seconds;

/// Who may register clients.
#[derive(Clone)]
pub(super) enum Registration {
    Nobody,
    Everybody,
    /// Whoever has the initial access token.
    Holder(Secret),
}

/// How many clients a server takes.
const MAX_CLIENTS: usize = 10_000;

impl Shared {
    /// The client registration endpoint (RFC 7591 section 3).
    pub(super) fn registration(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        if let Registration::Holder(token) = &self.parts.policy.registration {
            if bearer(request).as_ref() != Some(token) {
                let mut response = bare(StatusCode::UNAUTHORIZED, String::new());
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                return response;
            }
        }
        self.register(request).unwrap_or_else(Refusal::response)
    }

    fn register(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let refused = |why: &str| Refusal::new("invalid_client_metadata", why);
        let asked: Map<String, Value> =
            serde_json::from_slice(&request.body).map_err(|_| refused("the body is no JSON object"))?;
        if asked.contains_key("software_statement") {
            return Err(Refusal::new("unapproved_software_statement", "this server takes no software statements"));
        }
        if asked.contains_key("jwks_uri") {
            return Err(refused("this server fetches no keys"));
        }
        let method = text(&asked, "token_endpoint_auth_method")?.unwrap_or("client_secret_basic");
        let grants = texts(&asked, "grant_types")?.unwrap_or_else(|| vec!["authorization_code"]);
        let responses = texts(&asked, "response_types")?.unwrap_or_else(|| vec!["code"]);
        let redirect_uris = texts(&asked, "redirect_uris")?.unwrap_or_default();
        let by_code = grants.contains(&"authorization_code");
        if grants.iter().any(|grant| !self.grant_names().contains(grant)) {
            return Err(refused("a grant is not known"));
        }
        // Both go together (RFC 7591 section 2.1).
        let default_response = !asked.contains_key("response_types");
        if responses.iter().any(|response| *response != "code")
            || (!default_response && by_code == responses.is_empty())
        {
            return Err(refused("response types and grants do not fit"));
        }
        if by_code && redirect_uris.is_empty() || !redirect_uris.iter().all(|uri| is_acceptable(uri)) {
            return Err(Refusal::new("invalid_redirect_uri", "a redirect URI is missing or not acceptable"));
        }

        let id = random("client-");
        let secret = random("secret-");
        let client = match method {
            "client_secret_basic" => TestClient::new(&id, secret.as_str()).auth([ClientAuth::Basic]),
            "client_secret_post" => TestClient::new(&id, secret.as_str()).auth([ClientAuth::Body]),
            "client_secret_jwt" => TestClient::new(&id, secret.as_str()).auth([]).client_secret_jwt(),
            "none" => TestClient::public(&id),
            "private_key_jwt" => {
                let keys = asked.get("jwks").and_then(|set| set.get("keys")).and_then(Value::as_array);
                let keys: Vec<_> = keys.into_iter().flatten().map(Value::to_string).collect();
                if keys.is_empty() || !keys.iter().all(|key| is_public_key(key)) {
                    return Err(refused("jwks has no key, or one that is not public"));
                }
                keys.into_iter().fold(TestClient::without_secret(&id), TestClient::private_key_jwt)
            }
            _ => return Err(refused("the method of authentication is not known")),
        };
        let mut client = client.grants(grants.iter().copied());
        client.redirect_uris = redirect_uris.iter().map(|uri| (*uri).to_owned()).collect();
        if let Some(scope) = text(&asked, "scope")? {
            let scope: ScopeSet = scope.parse().map_err(|_| refused("the scope is not well-formed"))?;
            client.scopes = scope.iter().map(str::to_owned).collect();
        }
        client.requires_dpop = flag(&asked, "dpop_bound_access_tokens")?;
        client.requires_pushed = flag(&asked, "require_pushed_authorization_requests")?;

        let mut answer = asked.clone();
        answer.insert("client_id".to_owned(), json!(id));
        answer.insert("client_id_issued_at".to_owned(), json!(seconds(self.clock().wall())));
        answer.insert("token_endpoint_auth_method".to_owned(), json!(method));
        answer.insert("grant_types".to_owned(), json!(grants));
        answer.insert("response_types".to_owned(), json!(if by_code { responses } else { Vec::new() }));
        answer.remove("client_secret");
        if !client.secrets.is_empty() {
            answer.insert("client_secret".to_owned(), json!(secret));
            answer.insert("client_secret_expires_at".to_owned(), json!(0));
        }
        let mut clients = self.clients();
        if clients.len() >= MAX_CLIENTS {
            return Err(refused("there are too many clients"));
        }
        clients.insert(id, client.into());
        Ok(json_response(StatusCode::CREATED, Value::Object(answer).to_string()))
    }
}

/// Whether a redirect URI may be registered by anybody: https, a literal loopback address, or a private-use scheme, which has a dot (RFC 8252
/// section 7.1).
fn is_acceptable(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_loopback = ["http://127.0.0.1/", "http://[::1]/"].iter().any(|start| {
        let rest = uri.splitn(4, '/').nth(3).unwrap_or_default();
        is_registered(&format!("{start}{rest}"), uri)
    });
    may_be_registered(uri) && (scheme == "https" || scheme.contains('.') || is_loopback)
}

fn bearer(request: &Received) -> Option<Secret> {
    let value = request.head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::from(token))
}

fn text<'a>(asked: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match asked.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong_kind(name)),
    }
}

fn texts<'a>(asked: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
    let Some(value) = asked.get(name) else { return Ok(None) };
    let texts: Option<Vec<_>> = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect());
    texts.map(Some).ok_or_else(|| wrong_kind(name))
}

fn flag(asked: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    asked.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong_kind(name)))
}

fn wrong_kind(name: &str) -> Refusal {
    Refusal::new("invalid_client_metadata", format!("{name} has the wrong type"))
}

impl AuthorizationServer {
    /// The URL of the client registration endpoint, which is there if the builder says who may
    /// [register](crate::AuthorizationServerBuilder::open_registration).
    #[must_use]
    pub fn registration_url(&self) -> String {
        format!("{}/register", self.shared().base())
    }
}
