//! What the API takes and gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::FieldValue;
use crate::connect::connect::Connect;
use crate::connect::views::Moment;
use crate::connector::{Connector, MethodFields};
use crate::model::Timestamp;
use crate::store::{CredentialInfo, LoggedRequest};

/// Something that can be connected.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectorDto {
    /// Its name in requests.
    #[schema(example = "hubspot")]
    connector_id: String,
    /// Its name for people.
    #[schema(example = "HubSpot")]
    name: String,
    /// What it is for, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The lists that it belongs into.
    categories: Vec<String>,
    /// A picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    /// The provider's own page about access.
    #[serde(skip_serializing_if = "Option::is_none")]
    docs_url: Option<String>,
    /// The sets of URLs among which a credential chooses: production, sandbox.
    environments: Vec<String>,
    /// How it can be connected.
    #[schema(example = json!(["oauth2", "api_key"]))]
    authentication_types: Vec<String>,
}

/// Connectors.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorsDto {
    /// Those that the session may use, by name.
    pub(super) connectors: Vec<ConnectorDto>,
}

/// What to search for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ConnectorQuery {
    /// Words that are all somewhere in name, id, description or categories.
    #[serde(default)]
    pub(super) search: String,
}

/// A way to connect, and what it needs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MethodDto {
    /// `oauth2`, `api_key`, `basic` or `custom`.
    #[schema(example = "api_key")]
    authentication_type: String,
    /// Its name in requests.
    #[schema(example = "api_key")]
    method: String,
    /// Its name for people.
    title: String,
    /// The fields, as a JSON Schema (2020-12) from which a form can be made.
    #[schema(value_type = Object)]
    input_schema: serde_json::Value,
    /// Whether the user is sent to the provider, so that `redirectUri` is needed.
    needs_redirect: bool,
}

/// What may be told about a credential: no value of it, and no token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialDto {
    /// Its name: safe to keep, and of no use to anybody else.
    #[schema(example = "cred_q83vEjRWeJCrze8SNFZ4kA")]
    credential_id: String,
    /// What it is for.
    #[schema(example = "hubspot")]
    connector_id: String,
    /// `oauth2`, `api_key`, `basic` or `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_type: Option<String>,
    /// By which method of the connector.
    method: String,
    /// The connector's set of URLs, if one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// What its owner calls it, or the name of the account that the provider told.
    #[schema(example = "Sales")]
    label: String,
    /// `pending`, `valid`, `degraded`, `needs_reauth`, `revoked`, `expired_manual` or `unconfirmed`.
    #[schema(example = "valid")]
    status: String,
    /// Why, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The provider's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_error: Option<String>,
    /// Whether its owner must connect it again before it works.
    needs_reconnect: bool,
    /// Whether it is renewed without a person. If not, somebody must connect it again before `expiresAt`.
    renews: bool,
    /// Whether its token requests are logged.
    log_requests: bool,
    /// Failures in a row.
    attempts: i64,
    /// Since when it has its status.
    #[schema(format = DateTime)]
    status_since: String,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to a minute or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// When it was last renewed or shown to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_success_at: Option<String>,
    /// When its present token ends, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When its refresh token ends, if the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    refresh_expires_at: Option<String>,
    /// When it will be tried again after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
}

/// A part of a list, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct CredentialsDto {
    /// The credentials. A session with some connectors only may get fewer than it asked for, and more with `next`.
    pub(super) credentials: Vec<CredentialDto>,
    /// What to send as `after` for the next part; missing if this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// Which credentials to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CredentialQuery {
    /// Those for this connector.
    pub(super) connector: Option<String>,
    /// Those with this status.
    pub(super) status: Option<String>,
    /// `next` of the part before.
    pub(super) after: Option<String>,
    /// How many: one to 500, 50 if missing.
    pub(super) limit: Option<u32>,
}

/// What it takes to connect.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"connectorId": "acme", "authenticationType": "api_key", "fields": {"api_key": "k3y"}}))]
pub(super) struct NewCredentialDto {
    /// What to connect.
    pub(super) connector_id: String,
    /// The first method of this type, if `method` is missing.
    pub(super) authentication_type: Option<String>,
    /// By this method; the connector's first if both are missing.
    pub(super) method: Option<String>,
    /// Where the user comes back to, with `credentialId` or `error` in the query. The store must allow it. For methods that send the user to the
    /// provider.
    pub(super) redirect_uri: Option<String>,
    /// One of the connector's environments.
    pub(super) environment: Option<String>,
    /// The values of the fields, as `inputSchema` describes them.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) fields: BTreeMap<String, FieldValue>,
    /// What to call it.
    pub(super) label: Option<String>,
    /// Whether its token requests are logged from the beginning.
    #[serde(default)]
    pub(super) log_requests: bool,
}

/// What it takes to connect again. The credential keeps its id and its connector.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"fields": {"api_key": "n3w"}}))]
pub(super) struct ReconnectDto {
    /// By this method; the credential's own if missing.
    pub(super) method: Option<String>,
    /// As in a new credential.
    pub(super) redirect_uri: Option<String>,
    /// One of the connector's environments; the credential's own if missing.
    pub(super) environment: Option<String>,
    /// The values of the fields.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) fields: BTreeMap<String, FieldValue>,
}

/// A login that was begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginDto {
    /// Where to send the user's browser: once, within five minutes. It goes on to the provider from there. Nobody else may get it.
    pub(super) oauth_url: String,
}

/// What to change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"label": "Sales"}))]
pub(super) struct ChangeDto {
    /// Another name.
    pub(super) label: Option<String>,
    /// Whether its token requests are logged.
    pub(super) log_requests: Option<bool>,
}

/// How many requests of the log to give.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestsQuery {
    /// One to 500, 50 if missing.
    pub(super) limit: Option<u32>,
}

/// The logged token requests, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RequestsDto {
    /// The requests.
    pub(super) requests: Vec<RequestDto>,
}

/// A token request and its answer, with every secret masked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestDto {
    /// When it was kept.
    #[schema(format = DateTime)]
    at: String,
    /// The method.
    method: String,
    /// The URL.
    url: String,
    /// Names and values of the request's headers.
    request_headers: Vec<Vec<String>>,
    /// The request's body.
    request_body: String,
    /// The status; missing if no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Names and values of the answer's headers.
    response_headers: Vec<Vec<String>>,
    /// The answer's body, or what went wrong.
    response_body: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

impl ConnectorDto {
    pub(super) fn of(connector: &Connector) -> Self {
        let spec = connector.spec();
        let mut types: Vec<_> = Vec::new();
        for method in connector.methods() {
            let own = method.authentication_type();
            if !types.iter().any(|known| known == own) {
                types.push(own.to_owned());
            }
        }
        Self {
            connector_id: spec.id().to_owned(),
            name: spec.display_name().to_owned(),
            description: connector.about().map(str::to_owned),
            categories: spec.categories().to_vec(),
            logo: spec.logo().map(str::to_owned),
            docs_url: spec.docs_url().map(str::to_owned),
            environments: spec.environments().map(str::to_owned).collect(),
            authentication_types: types,
        }
    }
}

impl MethodDto {
    pub(super) fn of(method: MethodFields<'_>) -> Self {
        Self {
            authentication_type: method.authentication_type().to_owned(),
            method: method.method().key().to_owned(),
            title: method.method().title().to_owned(),
            input_schema: method.input_schema(),
            needs_redirect: method.method().needs_redirect(),
        }
    }
}

impl CredentialDto {
    pub(super) fn of(connect: &Connect, info: CredentialInfo) -> Self {
        let connector = connect.store().connector(&info.connector).ok();
        let mut methods = connector.iter().flat_map(|connector| connector.methods());
        let method = methods.find(|method| method.method().key() == info.method);
        Self {
            credential_id: info.id.to_string(),
            authentication_type: method.map(|method| method.authentication_type().to_owned()),
            connector_id: info.connector,
            method: info.method,
            environment: info.environment,
            label: info.label,
            status: info.status.to_string(),
            reason: info.reason,
            provider_error: info.provider_error,
            needs_reconnect: info.status.needs_a_person(),
            renews: info.renews,
            log_requests: info.logs_requests,
            attempts: info.attempts,
            status_since: date_time(info.status_since),
            created_at: date_time(info.created_at),
            last_used_at: info.last_used_at.map(date_time),
            last_success_at: info.last_success_at.map(date_time),
            expires_at: info.expires_at.map(date_time),
            refresh_expires_at: info.refresh_expires_at.map(date_time),
            next_attempt_at: info.next_attempt_at.map(date_time),
        }
    }
}

impl RequestDto {
    pub(super) fn of(request: LoggedRequest) -> Self {
        let pairs =
            |headers: Vec<(String, String)>| headers.into_iter().map(|(name, value)| vec![name, value]).collect();
        Self {
            at: date_time(Timestamp(request.at)),
            method: request.method,
            url: request.url,
            request_headers: pairs(request.request_headers),
            request_body: request.request_body,
            status: request.status,
            response_headers: pairs(request.response_headers),
            response_body: request.response_body,
            took_ms: request.took_ms,
        }
    }
}

fn date_time(at: Timestamp) -> String {
    let at = at.to_system_time();
    Moment::new(at, at).machine().to_owned()
}
