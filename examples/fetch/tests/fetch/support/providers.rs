//! Servers that do what a provider's document says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Reply, Seen, Server};

/// The tokens of a server: which were issued to whom, and what is said of them.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<State>>);

struct State {
    /// The holder of each token; taken away when it dies.
    live: Vec<Option<String>>,
    /// Members of the answers; the last holds for all that follow.
    answers: Vec<Map<String, Value>>,
    delay: Duration,
    /// How many of the first tokens are dead on arrival.
    stillborn: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { live: Vec::new(), answers: Vec::new(), delay: Duration::ZERO, stillborn: 0 }
    }
}

impl Tokens {
    /// Says `members` beside the token in the next answers, one after the other; the last stays.
    pub(crate) fn say(&self, members: impl IntoIterator<Item = Value>) -> &Self {
        self.0.lock().unwrap().answers =
            members.into_iter().map(|members| members.as_object().unwrap().clone()).collect();
        self
    }

    /// Issues tokens late.
    pub(crate) fn delay(&self, delay: Duration) -> &Self {
        self.0.lock().unwrap().delay = delay;
        self
    }

    /// Accepts none of the first `count` tokens.
    pub(crate) fn stillborn(&self, count: usize) -> &Self {
        self.0.lock().unwrap().stillborn = count;
        self
    }

    /// Ends every token there is.
    pub(crate) fn revoke_all(&self) {
        self.0.lock().unwrap().live.iter_mut().for_each(|holder| *holder = None);
    }

    pub(crate) fn issued(&self) -> usize {
        self.0.lock().unwrap().live.len()
    }

    /// A token for `holder`.
    fn issue(&self, holder: &str) -> Reply {
        let mut state = self.0.lock().unwrap();
        let holder = (state.live.len() >= state.stillborn).then(|| holder.to_owned());
        state.live.push(holder);
        let number = state.live.len();
        let mut answer = Map::new();
        answer.insert("access_token".to_owned(), json!(format!("issued-token-{number}")));
        answer.insert("token_type".to_owned(), json!("Bearer"));
        if let Some(members) = state.answers.get(number - 1).or(state.answers.last()) {
            answer.extend(members.clone());
        }
        Reply::json(200, Value::Object(answer)).after(state.delay)
    }

    /// Whose live token the request has.
    fn holder(&self, seen: &Seen) -> Option<String> {
        let number: usize = seen.header("authorization").strip_prefix("Bearer issued-token-")?.parse().ok()?;
        self.0.lock().unwrap().live.get(number - 1)?.clone()
    }
}

fn refusal(status: u16, code: &str, description: &str) -> Reply {
    Reply::json(status, json!({ "error": code, "error_description": description }))
}

fn unauthorized() -> Reply {
    Reply::json(401, json!({ "message": "Unauthorized" }))
}

/// Alloy: JSON token requests at `/v1/oauth/bearer` by Basic; an API that takes Bearer tokens and the pair.
pub(crate) struct Alloy {
    pub(crate) server: Server,
    pub(crate) tokens: Tokens,
}

impl Alloy {
    pub(crate) const ID: &'static str = "workflow-token";
    pub(crate) const SECRET: &'static str = "s3+cr/et%:&=x y";

    pub(crate) async fn start() -> Self {
        let tokens = Tokens::default();
        let issuer = tokens.clone();
        let server = Server::start(move |seen| {
            let is_pair = seen.basic() == Some((Self::ID.to_owned(), Self::SECRET.to_owned()));
            match seen.path.as_str() {
                "/v1/oauth/bearer" if seen.method != "POST" => Reply::json(405, "{}"),
                "/v1/oauth/bearer" if seen.header("content-type") != "application/json" => Reply::json(415, "{}"),
                "/v1/oauth/bearer" if seen.body != r#"{"grant_type":"client_credentials"}"# => {
                    refusal(400, "invalid_request", "unexpected parameters")
                }
                "/v1/oauth/bearer" if is_pair => issuer.issue(Self::ID),
                // Echoes what it was given, as careless servers do.
                "/v1/oauth/bearer" => {
                    refusal(401, "invalid_client", &format!("no such pair: {:?}", seen.basic().unwrap_or_default()))
                }
                "/v1/evaluations" if is_pair => Reply::json(200, json!({ "by": "basic" })),
                "/v1/evaluations" if issuer.holder(seen).is_some() => Reply::json(200, json!({ "by": "bearer" })),
                _ => unauthorized(),
            }
        })
        .await;
        Self { server, tokens }
    }
}

/// Alvys: form token requests for a tenant, at both of the document's paths; the API is another server.
pub(crate) struct Alvys {
    pub(crate) login: Server,
    pub(crate) api: Server,
    pub(crate) tokens: Tokens,
}

impl Alvys {
    pub(crate) const ID: &'static str = "alvys-client";
    pub(crate) const SECRET: &'static str = "a+b/c d&e=f%\u{7e}";

    /// `segment` is the tenant's place in the path, as it must be encoded, and `tenant` what it means. The body must have
    /// exactly `members`.
    pub(crate) async fn start(tenants: &[(&'static str, &'static str)], members: &[&'static str]) -> Self {
        let tokens = Tokens::default();
        let (issuer, holders) = (tokens.clone(), tokens.clone());
        let (tenants, members) = (tenants.to_vec(), members.to_vec());
        let login = Server::start(move |seen| {
            let path = seen.path.strip_prefix("/api/p").or(seen.path.strip_prefix("/api")).unwrap_or_default();
            let segment = path.strip_prefix("/authentication/").and_then(|rest| rest.strip_suffix("/token"));
            let tenant = tenants.iter().find(|(own, _)| Some(*own) == segment.or(Some("-")));
            let Some((_, tenant)) = tenant.filter(|_| seen.method == "POST") else {
                return refusal(404, "not_found", "no such tenant");
            };
            let form = seen.form();
            let value = |name: &str| form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
            let mut names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            if seen.header("content-type") != "application/x-www-form-urlencoded" || names != members {
                return refusal(400, "invalid_request", "unexpected parameters");
            }
            if !seen.header("authorization").is_empty() || value("grant_type") != "client_credentials" {
                return refusal(400, "invalid_request", "client_credentials in the body, please");
            }
            if names.contains(&"tenant_id") && value("tenant_id") != *tenant {
                return refusal(400, "invalid_request", "another tenant in the body");
            }
            if (value("client_id"), value("client_secret")) != (Self::ID, Self::SECRET) {
                return refusal(401, "invalid_client", &format!("wrong secret {}", value("client_secret")));
            }
            issuer.issue(tenant)
        })
        .await;
        let api = Server::start(move |seen| match (holders.holder(seen), seen.path.as_str()) {
            (Some(tenant), "/v1/me") => Reply::json(200, json!({ "tenant": tenant })),
            (Some(_), _) => Reply::json(404, "{}"),
            (None, _) => unauthorized(),
        })
        .await;
        Self { login, api, tokens }
    }

    /// One tenant, and the parameters of the document's example.
    pub(crate) async fn usual() -> Self {
        Self::start(&[("acme", "acme")], &["client_id", "client_secret", "grant_type"]).await
    }

    /// The token URL without `/p/`.
    pub(crate) fn token_url(&self) -> String {
        format!("{}/api/authentication/{{tenant_id}}/token", self.login.origin)
    }
}

/// Whether a token endpoint wants `grant_type`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Grant {
    Wanted,
    Refused,
}

/// Aluma: form token requests at `/oauth/token`; the API is beside it.
pub(crate) struct Aluma {
    pub(crate) server: Server,
    pub(crate) tokens: Tokens,
}

impl Aluma {
    pub(crate) const ID: &'static str = "aluma-client";
    pub(crate) const SECRET: &'static str = "aluma-secret-value";

    pub(crate) async fn start(grant: Grant) -> Self {
        let tokens = Tokens::default();
        // The document's own answer.
        tokens.say([json!({ "expires_in": 86_400 })]);
        let issuer = tokens.clone();
        let server = Server::start(move |seen| {
            if seen.path != "/oauth/token" {
                return match issuer.holder(seen) {
                    Some(_) => Reply::json(200, json!({ "echo": seen.body })),
                    None => unauthorized(),
                };
            }
            let mut wanted = vec![("client_id", Self::ID), ("client_secret", Self::SECRET)];
            if grant == Grant::Wanted {
                wanted.insert(0, ("grant_type", "client_credentials"));
            }
            let is_form = seen.header("content-type") == "application/x-www-form-urlencoded" && seen.method == "POST";
            let form = seen.form();
            let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            if !is_form || names(&form) != wanted.iter().map(|(name, _)| *name).collect::<Vec<_>>() {
                return refusal(400, "invalid_request", "unexpected parameters");
            }
            if form.iter().zip(&wanted).any(|((_, value), (_, wanted))| value != wanted) {
                return refusal(401, "invalid_client", "Invalid client credentials");
            }
            issuer.issue(Self::ID)
        })
        .await;
        Self { server, tokens }
    }
}
