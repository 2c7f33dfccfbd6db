use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Method, Response, StatusCode};
use tower_auth_core::ScopeSet;

use super::answer::{Refusal, page, wrong_method};
use super::consent::Answer;
use super::grants::{Authentication, Basis, CodeGrant, random};
use super::params::{every, first};
use super::received::Received;
use super::redirect::is_registered;
use super::shared::Shared;
use super::sign_in::form_post;
use super::{Consent, NoRedirect, Quirk, Redirect, TestClient};
use crate::token::seconds;

/// How an answer may come back.
pub(super) const RESPONSE_MODES: [&str; 2] = ["query", "form_post"];

/// What is right about an authorization request.
pub(super) struct Checked {
    challenge: Option<String>,
    pub(super) scope: ScopeSet,
    audience: Vec<String>,
    /// The key that the tokens are to be bound to (RFC 9449 section 10).
    jkt: Option<String>,
}

impl Shared {
    /// The authorization endpoint: the scripted user decides at once, any other is asked.
    pub(super) fn authorization(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET && !request.is_post() {
            return wrong_method("GET, POST");
        }
        let mut consent = self.consent();
        let mut status = StatusCode::FOUND;
        if matches!(consent.0, Answer::Ask) {
            match self.said(request) {
                Some(said) => {
                    consent = said;
                    // What follows a form is fetched without it (RFC 9700 section 4.12).
                    status = StatusCode::SEE_OTHER;
                }
                None => {
                    if let Some(page) = self.sign_in_page(request) {
                        return page;
                    }
                }
            }
        }
        match self.decide(request, &consent) {
            Ok(redirect) => {
                if let Some(fields) = redirect.fields() {
                    return form_post(redirect.location(), fields);
                }
                let Ok(location) = HeaderValue::from_str(redirect.location()) else {
                    return page(StatusCode::BAD_REQUEST, "the redirect URI cannot stand in a header");
                };
                let mut response = page(status, "");
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
        let client = request.param("client_id").and_then(|id| self.client(id)).ok_or_else(|| stay("unknown client"))?;
        let pushed = match request.param("request_uri") {
            Some(uri) => {
                let pushed = self.grants().take_pushed(uri, &client.id, self.clock().wall());
                Some(pushed.ok_or_else(|| stay("the request_uri is unknown, another client's, expired or used"))?)
            }
            None => None,
        };
        // Beside a request_uri nothing counts (RFC 9101 section 6.3).
        let params = pushed.as_ref().map_or(&request.params, |pushed| &pushed.params);
        let target = self.target(&client, params).ok_or_else(|| stay("the redirect URI is not one of the client's"))?;
        let code = if pushed.is_none() && (self.parts.policy.requires_pushed || client.requires_pushed) {
            Err(Refusal::invalid_request("the request was not pushed"))
        } else {
            self.new_code(&client, params, consent)
        };
        let mut members = match code {
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
        match first(params, "response_mode") {
            Some("form_post") => Ok(Redirect::by_form(&target, members)),
            _ => Ok(Redirect::new(&target, members)),
        }
    }

    /// Where the answer goes; `None` if that cannot be trusted.
    pub(super) fn target(&self, client: &TestClient, params: &[(String, String)]) -> Option<String> {
        match (first(params, "redirect_uri"), &client.redirect_uris[..]) {
            (Some(asked), known) => {
                let fits = |known: &String| {
                    if client.exact_redirect_uris { known == asked } else { is_registered(known, asked) }
                };
                known.iter().any(fits).then(|| asked.to_owned())
            }
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }

    /// The rules for an authorization request whose target can be trusted.
    pub(super) fn check_asked(&self, client: &TestClient, params: &[(String, String)]) -> Result<Checked, Refusal> {
        let param = |name| first(params, name);
        client.check_grant("authorization_code")?;
        match param("response_type") {
            Some("code") => {}
            Some(_) => return Err(Refusal::new("unsupported_response_type", "this server knows code alone")),
            None => return Err(Refusal::invalid_request("response_type is missing")),
        }
        if param("response_mode").is_some_and(|mode| !RESPONSE_MODES.contains(&mode)) {
            return Err(Refusal::invalid_request("this server knows the response modes query and form_post alone"));
        }
        if param("request").is_some() {
            return Err(Refusal::new("request_not_supported", "this server takes no request objects"));
        }
        let jkt = param("dpop_jkt").map(str::to_owned);
        if jkt.as_deref().is_some_and(|jkt| !is_hash(jkt)) {
            return Err(Refusal::invalid_request("dpop_jkt is no base64url of SHA-256"));
        }
        Ok(Checked {
            challenge: challenge(param("code_challenge"), param("code_challenge_method"), client.pkce_required)?,
            scope: self.requested_scope(client, params)?,
            audience: self.requested_audience(params)?,
            jkt,
        })
    }

    /// The code for what is asked and consented to.
    fn new_code(&self, client: &TestClient, params: &[(String, String)], consent: &Consent) -> Result<String, Refusal> {
        let Checked { challenge, scope, audience, jkt } = self.check_asked(client, params)?;
        let (subject, granted) = match &consent.0 {
            Answer::Approve { subject, scope } => (subject.clone(), scope),
            Answer::Ask => return Err(Refusal::new("interaction_required", "nobody can be asked")),
            Answer::Refuse { code } => return Err(Refusal::new(code.clone(), "the user did not consent")),
        };
        let scope = match granted {
            Some(granted) => common(&scope, granted),
            None => scope,
        };
        let now = self.clock().wall();
        let acr = first(params, "acr_values").and_then(|values| values.split(' ').next()).map(str::to_owned);
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
        let redirect_uri = first(params, "redirect_uri").map(str::to_owned);
        let expires = now + self.parts.policy.code_lifetime;
        let grant = CodeGrant { basis, redirect_uri, challenge, jkt, expires, family, spent: false };
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
    match (challenge, method) {
        (None, None) if required => Err(Refusal::invalid_request("code_challenge is missing")),
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if is_hash(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(Refusal::invalid_request("code_challenge is no base64url of SHA-256")),
        (Some(_), _) => Err(Refusal::invalid_request("code_challenge_method must be S256")),
        (None, Some(_)) => Err(Refusal::invalid_request("code_challenge_method without code_challenge")),
    }
}

/// Whether `text` looks like the base64url of a SHA-256.
fn is_hash(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The scopes that are in both.
pub(super) fn common(asked: &ScopeSet, granted: &ScopeSet) -> ScopeSet {
    ScopeSet::new(asked.iter().filter(|scope| granted.contains(scope))).expect("parts of a scope set are well-formed")
}
