use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use serde_json::value::RawValue;
use tower_auth_core::ScopeSet;

use super::answer::{Refusal, json_response, wrong_method};
use super::grants::{AccessGrant, RefreshGrant, random};
use super::received::Received;
use super::shared::Shared;
use super::{TestClient, TokenFormat};

/// What is granted: to whom and for what.
pub(super) struct Granted {
    pub(super) subject: String,
    pub(super) scope: ScopeSet,
    pub(super) audience: Vec<String>,
    /// The refresh tokens that it belongs to.
    pub(super) family: Option<u64>,
    /// The scope of a new refresh token of that family, if there is to be one.
    pub(super) refresh_scope: Option<ScopeSet>,
}

impl Shared {
    pub(super) fn token(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        self.grant(request).unwrap_or_else(Refusal::response)
    }

    fn grant(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        request.check(self.parts.json_bodies, self.parts.query_params)?;
        let client = self.authenticate(request)?;
        match request.param("grant_type") {
            None => Err(Refusal::invalid_request("grant_type is missing")),
            Some("client_credentials") => self.client_credentials(client, request),
            Some("refresh_token") => self.refresh_token(client, request),
            Some(_) => Err(Refusal::new("unsupported_grant_type", "this server does not know the grant")),
        }
    }

    fn client_credentials(&self, client: &TestClient, request: &Received) -> Result<Response<Bytes>, Refusal> {
        if client.secret.is_none() {
            return Err(Refusal::new("unauthorized_client", "this grant is for confidential clients"));
        }
        let scope = requested_scope(request)?.unwrap_or_else(|| allowed_scope(client));
        if !client.scopes.is_empty() && !allowed_scope(client).contains_all(&scope) {
            return Err(Refusal::new("invalid_scope", "the client may not ask for one of the scopes"));
        }
        let audience = self.requested_audience(request)?;
        let family = client.refreshable.then(|| self.grants().new_family());
        let refresh_scope = family.map(|_| scope.clone());
        let granted = Granted { subject: client.id.clone(), scope, audience, family, refresh_scope };
        Ok(self.issue(client, &granted))
    }

    /// Resources and audiences that a request names.
    pub(super) fn requested_audience(&self, request: &Received) -> Result<Vec<String>, Refusal> {
        let resources = request.all("resource");
        let known = |resource: &str| self.parts.resources.is_empty() || self.parts.resources.contains_key(resource);
        resources
            .map(|resource| {
                if known(resource) {
                    Ok(resource.to_owned())
                } else {
                    Err(Refusal::new("invalid_target", "the resource is not known"))
                }
            })
            .chain(request.all("audience").map(|audience| Ok(audience.to_owned())))
            .collect()
    }

    /// Issues what was granted (RFC 6749 section 5.1).
    pub(super) fn issue(&self, client: &TestClient, granted: &Granted) -> Response<Bytes> {
        let access = self.access_token(client, granted);
        let mut members = BTreeMap::from([
            ("access_token", json!(access)),
            ("token_type", json!("Bearer")),
            ("expires_in", json!(client.lifetime.as_secs())),
        ]);
        if !granted.scope.is_empty() {
            members.insert("scope", json!(granted.scope.to_string()));
        }
        if let Some(refresh_token) = self.new_refresh_token(&client.id, granted) {
            members.insert("refresh_token", json!(refresh_token));
        }
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        json_response(StatusCode::OK, overridden(members, &client.answer))
    }

    fn access_token(&self, client: &TestClient, granted: &Granted) -> String {
        let audience = match &granted.audience[..] {
            // Without a named resource a token is for a default one (RFC 9068 section 3).
            [] => vec![client.audience.clone()],
            named => named.to_vec(),
        };
        let format = audience.iter().find_map(|named| self.parts.resources.get(named)).copied();
        let token = match format.unwrap_or(client.format) {
            TokenFormat::Opaque => random("at-"),
            TokenFormat::Jwt => {
                let mut mint = self.minter.token().subject(&granted.subject).client_id(&client.id);
                mint = match &audience[..] {
                    [only] => mint.audience(only),
                    several => mint.audiences(several.iter().map(String::as_str)),
                };
                if !granted.scope.is_empty() {
                    mint = mint.scopes(granted.scope.iter());
                }
                if let Some(algorithm) = client.algorithm {
                    mint = mint.algorithm(algorithm);
                }
                mint.lifetime(client.lifetime).sign()
            }
        };
        let grant = AccessGrant {
            client_id: client.id.clone(),
            subject: granted.subject.clone(),
            scope: granted.scope.clone(),
            audience,
            issued: self.clock().wall(),
            lifetime: client.lifetime,
            family: granted.family,
            revoked: false,
        };
        self.grants().add_access(token.clone(), grant);
        token
    }

    /// The refresh token that goes with what was granted, if one does.
    pub(super) fn new_refresh_token(&self, client_id: &str, granted: &Granted) -> Option<String> {
        let (family, scope) = granted.family.zip(granted.refresh_scope.clone())?;
        let token = random("rt-");
        let grant = RefreshGrant {
            client_id: client_id.to_owned(),
            subject: granted.subject.clone(),
            scope,
            audience: granted.audience.clone(),
            family,
            spent: false,
            revoked: false,
        };
        self.grants().add_refresh(token.clone(), grant);
        Some(token)
    }
}

/// The scopes that a request names; `None` if it names none.
pub(super) fn requested_scope(request: &Received) -> Result<Option<ScopeSet>, Refusal> {
    request
        .param("scope")
        .map(|text| text.parse().map_err(|_| Refusal::new("invalid_scope", "the scope is not well-formed")))
        .transpose()
}

fn allowed_scope(client: &TestClient) -> ScopeSet {
    ScopeSet::new(&client.scopes).expect("the builder checked the scopes")
}

/// A JSON object of `members`, changed by `changes`; all values are JSON texts.
pub(super) fn overridden(
    members: impl Iterator<Item = (String, String)>,
    changes: &BTreeMap<String, Option<String>>,
) -> String {
    let mut members: BTreeMap<String, String> = members.collect();
    for (name, change) in changes {
        match change {
            Some(json) => members.insert(name.clone(), json.clone()),
            None => members.remove(name),
        };
    }
    let members: BTreeMap<String, Box<RawValue>> = members
        .into_iter()
        .map(|(name, json)| (name, RawValue::from_string(json).expect("the builder checked the texts")))
        .collect();
    serde_json::to_string(&members).expect("texts and JSON can be written as JSON")
}
