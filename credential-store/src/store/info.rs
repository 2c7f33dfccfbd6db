use serde::{Deserialize, Serialize};
use tower_auth_core::LoggedExchange;

use crate::backend::{CredentialRow, PageKey};
use crate::error::StoreError;
use crate::model::{CredentialId, CredentialStatus, Timestamp};
use crate::vault::Vault;

/// What may be told about a credential: no value, no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CredentialInfo {
    /// Its name.
    pub id: CredentialId,
    /// What it is for.
    pub connector: String,
    /// By which method of the connector.
    pub method: String,
    /// The connector's set of URLs, if one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What its owner calls it, or the name of the account that the provider told.
    pub label: String,
    /// How it is doing.
    #[serde(serialize_with = "status_name")]
    pub status: CredentialStatus,
    /// Why, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_error: Option<String>,
    /// Since when.
    pub status_since: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, to a minute or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When it was last renewed or shown to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// When its present token ends, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When its refresh token ends, if the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_expires_at: Option<Timestamp>,
    /// When it will be tried again after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: i64,
    /// Whether it is renewed without a person. If not, somebody must connect it again when it ends.
    pub renews: bool,
    /// Whether its token requests are logged.
    pub logs_requests: bool,
}

/// A token request of a credential and its answer, with every secret masked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// Its number, which grows.
    #[serde(default)]
    pub id: i64,
    /// When it was kept, in milliseconds since 1970.
    #[serde(default)]
    pub at: i64,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Names and values of the request's headers.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request_body: String,
    /// The status; `None` if no answer came.
    pub status: Option<u16>,
    /// Names and values of the answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body, or what went wrong.
    pub response_body: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A part of a list, the newest first.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CredentialPage {
    /// The credentials.
    pub credentials: Vec<CredentialInfo>,
    /// Where the next part begins; `None` if this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which credentials to list.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ListQuery {
    pub(super) connector: Option<String>,
    pub(super) status: Option<CredentialStatus>,
    pub(super) after: Option<String>,
    pub(super) limit: Option<u32>,
}

impl ListQuery {
    /// All of them, fifty at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those for this connector.
    pub fn connector(mut self, connector: impl Into<String>) -> Self {
        self.connector = Some(connector.into());
        self
    }

    /// Those that are doing so.
    pub fn status(mut self, status: CredentialStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Those from `next` of an earlier part on.
    pub fn after(mut self, next: impl Into<String>) -> Self {
        self.after = Some(next.into());
        self
    }

    /// So many at once: one to 500.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl CredentialInfo {
    pub(super) fn of(vault: &Vault, row: &CredentialRow) -> Result<Self, StoreError> {
        Ok(Self::with_label(row, vault.label_of(row)?))
    }

    /// The same as a part of a list, which one damaged row does not end.
    pub(super) fn listed(vault: &Vault, row: &CredentialRow) -> Self {
        let label = vault.label_of(row).unwrap_or_else(|error| {
            tracing::error!(credential = %row.id, error = %error, "the name of a credential cannot be opened");
            String::new()
        });
        Self::with_label(row, label)
    }

    fn with_label(row: &CredentialRow, label: String) -> Self {
        Self {
            id: row.id,
            connector: row.connector.clone(),
            method: row.method.clone(),
            environment: row.environment.clone(),
            label,
            status: row.status,
            reason: row.reason.clone(),
            provider_error: row.provider_error.clone(),
            status_since: row.status_since,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            last_success_at: row.last_success_at,
            expires_at: row.expires_at,
            refresh_expires_at: row.refresh_expires_at,
            next_attempt_at: row.next_attempt_at,
            attempts: row.attempts,
            renews: row.renews,
            logs_requests: row.logs_requests,
        }
    }
}

/// A logged exchange as it is kept: masked already, and sealed after that.
pub(super) fn exchange_text(exchange: &LoggedExchange) -> Vec<u8> {
    let text = serde_json::json!({
        "method": exchange.method.as_str(),
        "url": exchange.url,
        "request_headers": exchange.request_headers,
        "request_body": exchange.request_body,
        "status": exchange.status,
        "response_headers": exchange.response_headers,
        "response_body": exchange.response_body,
        "took_ms": u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX),
    });
    text.to_string().into_bytes()
}

pub(super) fn write_key(row: &CredentialRow) -> String {
    format!("{}.{}", row.created_at.0, row.id)
}

pub(super) fn read_key(text: &str) -> Option<PageKey> {
    let (at, id) = text.split_once('.')?;
    Some(PageKey { created_at: Timestamp(at.parse().ok()?), id: id.parse().ok()? })
}

fn status_name<S: serde::Serializer>(status: &CredentialStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}
