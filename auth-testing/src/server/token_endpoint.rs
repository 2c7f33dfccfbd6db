use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Refusal, json_response, wrong_method};
use super::caller::Caller;
use super::device::DEVICE_CODE;
use super::exchange::TOKEN_EXCHANGE;
use super::grants::{AccessGrant, Basis, Binding, random};
use super::jwt_bearer::JWT_BEARER;
use super::received::Received;
use super::shared::Shared;
use super::{TestClient, TokenFormat};

/// What the token endpoint is to issue.
#[derive(Default)]
pub(super) struct Issue {
    /// What the access token is for.
    pub(super) basis: Basis,
    /// The refresh tokens that it belongs to.
    pub(super) family: Option<u64>,
    /// What a new refresh token of that family is for, if there is to be one.
    pub(super) refresh: Option<Basis>,
    /// A refresh token that the answer repeats.
    pub(super) again: Option<String>,
    /// What a token exchange issued.
    pub(super) issued_type: Option<&'static str>,
}

impl Shared {
    pub(super) fn token(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        let mut response = self.grant(request).unwrap_or_else(Refusal::response);
        self.proofs.nonces.tell(response.headers_mut());
        response
    }

    fn grant(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        request.check(self.parts.policy.json_bodies, self.parts.policy.query_params)?;
        let client = self.caller(request)?;
        let grant = request.param("grant_type").ok_or_else(|| Refusal::invalid_request("grant_type is missing"))?;
        let run = match grant {
            "client_credentials" => Self::client_credentials,
            "refresh_token" => Self::refresh_token,
            "authorization_code" => Self::authorization_code,
            DEVICE_CODE => Self::device_code,
            JWT_BEARER => Self::jwt_bearer,
            TOKEN_EXCHANGE => Self::token_exchange,
            "password" if !self.parts.policy.users.is_empty() => Self::password,
            _ => return Err(Refusal::new("unsupported_grant_type", "this server does not know the grant")),
        };
        client.check_grant(grant)?;
        run(self, &client, request)
    }

    fn client_credentials(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        if !client.is_confidential() {
            return Err(Refusal::new("unauthorized_client", "this grant is for confidential clients"));
        }
        let basis = Basis {
            client_id: client.id.clone(),
            subject: client.id.clone(),
            scope: self.requested_scope(client, &request.params)?,
            audience: self.requested_audience(&request.params)?,
            ..Basis::default()
        };
        let family = client.refreshable.then(|| self.grants().new_family());
        let refresh = family.map(|_| basis.clone());
        Ok(self.issue(client, Issue { basis, family, refresh, ..Issue::default() }))
    }

    /// Issues what was granted (RFC 6749 section 5.1).
    pub(super) fn issue(&self, client: &Caller, mut issue: Issue) -> Response<Bytes> {
        issue.basis.binding = self.token_binding(client);
        if let Some(basis) = &mut issue.refresh {
            // A confidential client's refresh tokens are bound to its authentication (RFC 9449 section 5).
            basis.binding = if client.is_confidential() { Binding::default() } else { client.binding.clone() };
        }
        let kind = if issue.basis.binding.jkt.is_some() { "DPoP" } else { "Bearer" };
        let access = self.access_token(client, &issue);
        let mut members = BTreeMap::from([
            ("access_token", json!(access)),
            ("token_type", json!(kind)),
            ("expires_in", json!(client.lifetime.as_secs())),
        ]);
        if let Some(issued) = issue.issued_type {
            members.insert("issued_token_type", json!(issued));
        }
        if !issue.basis.scope.is_empty() {
            members.insert("scope", json!(issue.basis.scope.to_string()));
        }
        let renewed =
            issue.family.zip(issue.refresh).map(|(family, basis)| self.new_refresh_token(client, family, basis));
        if let Some(refresh_token) = renewed.or(issue.again) {
            members.insert("refresh_token", json!(refresh_token));
            if let Some(lifetime) = client.refresh_lifetime {
                members.insert("refresh_token_expires_in", json!(lifetime.as_secs()));
            }
        }
        self.token_answer(client, members)
    }

    /// The answer of `members`, changed as the client's description says.
    pub(super) fn token_answer(&self, client: &TestClient, members: BTreeMap<&str, Value>) -> Response<Bytes> {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        json_response(StatusCode::OK, overridden(members, &client.answer))
    }

    fn access_token(&self, client: &Caller, issue: &Issue) -> String {
        let mut basis = issue.basis.clone();
        if basis.audience.is_empty() {
            // Without a named resource a token is for a default one (RFC 9068 section 3).
            basis.audience = vec![client.audience.clone()];
        }
        let format = basis.audience.iter().find_map(|named| self.parts.resources.get(named)).copied();
        let token = match format.unwrap_or(client.format) {
            TokenFormat::Opaque => random("at-"),
            TokenFormat::Jwt => self.signed(client, &basis),
        };
        let grant = AccessGrant {
            basis,
            issued: self.clock().wall(),
            lifetime: client.lifetime,
            family: issue.family,
            revoked: false,
        };
        self.grants().add_access(token.clone(), grant);
        token
    }

    fn signed(&self, client: &TestClient, basis: &Basis) -> String {
        let mut mint = self.minter.token().subject(&basis.subject).client_id(&client.id);
        mint = match &basis.audience[..] {
            [only] => mint.audience(only),
            several => mint.audiences(several.iter().map(String::as_str)),
        };
        if !basis.scope.is_empty() {
            mint = mint.scopes(basis.scope.iter());
        }
        if !basis.binding.is_empty() {
            mint = mint.claim("cnf", &basis.binding.claim());
        }
        if let Some(authentication) = &basis.authentication {
            mint = mint.claim("auth_time", &authentication.time);
            if let Some(acr) = &authentication.acr {
                mint = mint.claim("acr", acr);
            }
        }
        if let Some(act) = &basis.act {
            mint = mint.claim("act", act);
        }
        if let Some(algorithm) = client.algorithm {
            mint = mint.algorithm(algorithm);
        }
        mint.lifetime(client.lifetime).sign()
    }

    /// A new refresh token of `family`.
    pub(super) fn new_refresh_token(&self, client: &TestClient, family: u64, basis: Basis) -> String {
        let token = random("rt-");
        let expires = client.refresh_lifetime.map(|lifetime| self.clock().wall() + lifetime);
        self.grants().ledger.add(&token, family, basis, expires);
        token
    }
}

/// A JSON object of `members`, changed by `changes`; all values are JSON texts.
pub(crate) fn overridden(
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
