use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Method, Response, StatusCode};
use tower_auth_core::ScopeSet;

use super::answer::{Refusal, bare, wrong_method};
use super::consent::Answer;
use super::grants::{Authentication, Basis, CodeGrant, random};
use super::params::{every, first};
use super::received::Received;
use super::redirect::is_registered;
use super::shared::Shared;
use super::{Consent, NoRedirect, Quirk, Redirect, TestClient};
use crate::token::seconds;

/// An authorization request whose answer goes back to the client.
struct Asked<'a> {
    client: Arc<TestClient>,
    params: &'a [(String, String)],
    /// Where the answer goes.
    target: String,
}

impl Shared {
    /// The authorization endpoint: the scripted user decides at once.
    pub(super) fn authorization(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET && !request.is_post() {
            return wrong_method("GET, POST");
        }
        match self.decide(request, &self.consent()) {
            Ok(redirect) => {
                let Ok(location) = HeaderValue::from_str(redirect.location()) else {
                    return page(StatusCode::BAD_REQUEST, "the redirect URI cannot stand in a header");
                };
                let mut response = page(StatusCode::FOUND, "");
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Err(NoRedirect { status, reason }) => page(status, &reason),
        }
    }

    /// What becomes of an authorization request if the user says `consent`.
    pub(super) fn decide(&self, request: &Received, consent: &Consent) -> Result<Redirect, NoRedirect> {
        let stay = |reason: &str| NoRedirect { status: StatusCode::BAD_REQUEST, reason: reason.to_owned() };
        request.check_user_agent().map_err(|refusal| stay(refusal.description()))?;
        let params = &request.params;
        let client = first(params, "client_id").and_then(|id| self.client(id)).ok_or_else(|| stay("unknown client"))?;
        let target = match (first(params, "redirect_uri"), &client.redirect_uris[..]) {
            (Some(asked), known) if known.iter().any(|known| is_registered(known, asked)) => asked.to_owned(),
            (None, [only]) => only.clone(),
            _ => return Err(stay("the redirect URI is not one of the client's")),
        };
        let asked = Asked { client, params, target };
        let mut members = match self.new_code(&asked, consent) {
            Ok(code) => vec![("code", code)],
            Err(refusal) => {
                vec![("error", refusal.code().to_owned()), ("error_description", refusal.description().to_owned())]
            }
        };
        let quirk = |quirk| self.quirks.has(quirk);
        if let Some(state) = first(params, "state").filter(|_| !quirk(Quirk::MissingState)) {
            members.push(("state", if quirk(Quirk::WrongState) { random("state-") } else { state.to_owned() }));
        }
        if quirk(Quirk::WrongIss) {
            members.push(("iss", "https://another-issuer.test".to_owned()));
        } else if !quirk(Quirk::MissingIss) && !quirk(Quirk::UnannouncedIss) {
            members.push(("iss", self.minter.issuer()));
        }
        Ok(Redirect::new(&asked.target, members))
    }

    /// The code for what is asked and consented to.
    fn new_code(&self, asked: &Asked<'_>, consent: &Consent) -> Result<String, Refusal> {
        let Asked { client, params, .. } = asked;
        let param = |name| first(params, name);
        client.check_grant("authorization_code")?;
        match param("response_type") {
            Some("code") => {}
            Some(_) => return Err(Refusal::new("unsupported_response_type", "this server knows code alone")),
            None => return Err(Refusal::invalid_request("response_type is missing")),
        }
        if param("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Refusal::invalid_request("this server knows the response mode query alone"));
        }
        if param("request").is_some() {
            return Err(Refusal::new("request_not_supported", "this server takes no request objects"));
        }
        let challenge = challenge(param("code_challenge"), param("code_challenge_method"), client.pkce_required)?;
        let scope = self.requested_scope(client, params)?;
        let audience = self.requested_audience(params)?;
        let (subject, granted) = match &consent.0 {
            Answer::Approve { subject, scope } => (subject.clone(), scope),
            Answer::Refuse { code } => return Err(Refusal::new(code.clone(), "the user did not consent")),
        };
        let scope = match granted {
            Some(granted) => common(&scope, granted),
            None => scope,
        };
        let now = self.clock().wall();
        let acr = param("acr_values").and_then(|values| values.split(' ').next()).map(str::to_owned);
        let basis = Basis {
            client_id: client.id.clone(),
            subject,
            scope,
            audience,
            authentication: Some(Authentication { acr, time: seconds(now) }),
            ..Basis::default()
        };
        let mut grants = self.grants();
        let family = grants.new_family();
        let code = random("code-");
        let redirect_uri = param("redirect_uri").map(str::to_owned);
        let expires = now + self.parts.policy.code_lifetime;
        let grant = CodeGrant { basis, redirect_uri, challenge, expires, family, spent: false };
        grants.add_code(code.clone(), grant, now);
        Ok(code)
    }

    /// The scopes that `params` ask for, or all of the client's.
    pub(super) fn requested_scope(
        &self,
        client: &TestClient,
        params: &[(String, String)],
    ) -> Result<ScopeSet, Refusal> {
        let asked = match first(params, "scope") {
            Some(text) => text.parse().map_err(|_| Refusal::new("invalid_scope", "the scope is not well-formed"))?,
            None => client.allowed_scope(),
        };
        if !client.scopes.is_empty() && !client.allowed_scope().contains_all(&asked) {
            return Err(Refusal::new("invalid_scope", "the client may not ask for one of the scopes"));
        }
        Ok(asked)
    }

    /// The resources and audiences that `params` name.
    pub(super) fn requested_audience(&self, params: &[(String, String)]) -> Result<Vec<String>, Refusal> {
        let known = |resource: &str| {
            let resources = &self.parts.resources;
            resources.is_empty() || resources.contains_key(resource)
        };
        every(params, "resource")
            .map(|resource| {
                if known(resource) {
                    Ok(resource.to_owned())
                } else {
                    Err(Refusal::new("invalid_target", "the resource is not known"))
                }
            })
            .chain(every(params, "audience").map(|audience| Ok(audience.to_owned())))
            .collect()
    }
}

/// The code challenge of a request (RFC 7636 section 4.3). `plain` is refused, and so is a challenge without method, which is plain.
fn challenge(challenge: Option<&str>, method: Option<&str>, required: bool) -> Result<Option<String>, Refusal> {
    let is_hash = |text: &str| {
        text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match (challenge, method) {
        (None, None) if required => Err(Refusal::invalid_request("code_challenge is missing")),
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if is_hash(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(Refusal::invalid_request("code_challenge is no base64url of SHA-256")),
        (Some(_), _) => Err(Refusal::invalid_request("code_challenge_method must be S256")),
        (None, Some(_)) => Err(Refusal::invalid_request("code_challenge_method without code_challenge")),
    }
}

/// The scopes that are in both.
fn common(asked: &ScopeSet, granted: &ScopeSet) -> ScopeSet {
    ScopeSet::new(asked.iter().filter(|scope| granted.contains(scope))).expect("parts of a scope set are well-formed")
}

/// A page that no cache keeps, and from which no link tells where it came from.
fn page(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = bare(status, text.to_owned());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
