//! What is told of a change: a part is kept with it, the rest is told once it is there.

use tower_auth_core::{FailureClass, RefreshCause, TokenError};

use super::store::{CredentialStore, Inner};
use crate::backend::{AuditEntry, CredentialRow, Record};
use crate::event::{CredentialEvent, CredentialEvents, EventKind};
use crate::model::{CredentialStatus, Timestamp};

/// What is told of a change, made before the change is.
#[derive(Clone, Default)]
pub(super) struct News {
    /// Goes into the change: the audit trail and whoever is told by webhooks miss nothing, wherever this process dies.
    pub(super) record: Record,
    /// Told by [`Inner::tell`] after the change, if that took effect.
    pub(super) event: Option<CredentialEvent>,
}

impl CredentialStore {
    /// The events of this process from now on.
    #[must_use]
    pub fn events(&self) -> CredentialEvents {
        self.0.hub.listen()
    }
}

impl AuditEntry {
    /// Of a credential that is there.
    pub(super) fn of(
        actor: &str,
        row: &CredentialRow,
        action: &'static str,
        result: &'static str,
        detail: Option<String>,
    ) -> Self {
        Self {
            actor: actor.to_owned(),
            owner: Some(row.owner),
            credential: Some(row.id),
            connector: Some(row.connector.clone()),
            action,
            result,
            detail,
        }
    }
}

impl Inner {
    /// News of what the store did by itself: `row` is the credential as it will be.
    pub(super) fn news(&self, row: &CredentialRow, kind: EventKind, reason: Option<&str>) -> News {
        let action = kind.as_str().trim_start_matches("credential.");
        let entry = AuditEntry::of("store", row, action, "ok", reason.map(str::to_owned));
        self.news_with(row, kind, reason, Some(entry))
    }

    /// The same with an entry of the audit trail that says more, or without one.
    pub(super) fn news_with(
        &self,
        row: &CredentialRow,
        kind: EventKind,
        reason: Option<&str>,
        audit: Option<AuditEntry>,
    ) -> News {
        match self.vault.owner_of(row) {
            Ok(owner) => {
                let event = CredentialEvent {
                    kind,
                    credential: row.id,
                    owner,
                    connector: row.connector.clone(),
                    status: row.status,
                    reason: reason.map(str::to_owned),
                    at: Timestamp::of(self.clock.wall()),
                };
                self.news_of(event, audit)
            }
            Err(error) => {
                tracing::error!(credential = %row.id, error = %error, "whose credential it is cannot be read");
                News { record: Record { jobs: Vec::new(), audit }, event: None }
            }
        }
    }

    /// The same of an event.
    pub(super) fn news_of(&self, event: CredentialEvent, audit: Option<AuditEntry>) -> News {
        News { record: Record { jobs: self.messages(&event), audit }, event: Some(event) }
    }

    /// News of a renewal that brought new tokens in place of those of `row`.
    pub(super) fn news_of_renewal(&self, row: &CredentialRow) -> News {
        let kind = match row.status {
            CredentialStatus::Valid => EventKind::Refreshed,
            _ => EventKind::Recovered,
        };
        self.news(&CredentialRow { status: CredentialStatus::Valid, ..row.clone() }, kind, None)
    }

    /// News of a renewal of `row` that failed; `status` is what it is from now on, if that changed.
    pub(super) fn news_of_failure(
        &self,
        row: &CredentialRow,
        status: Option<CredentialStatus>,
        error: &TokenError,
        is_own_client: bool,
    ) -> News {
        let now = status.unwrap_or(row.status);
        // A fault of the connector is told once, not by each of its credentials; and the first of a row of failures: a provider that is away for an hour is
        // no news each minute.
        if is_connectors_own(error, is_own_client) || (now == row.status && row.attempts > 0) {
            return News::default();
        }
        let kind = match now {
            CredentialStatus::NeedsReauth | CredentialStatus::Unconfirmed => EventKind::NeedsReauth,
            _ => EventKind::RefreshFailed,
        };
        self.news(&CredentialRow { status: now, ..row.clone() }, kind, Some(reason_of(error)))
    }

    /// New tokens are kept in place of those of `row`.
    pub(super) async fn renewed(&self, row: &CredentialRow, cause: RefreshCause, event: Option<CredentialEvent>) {
        tracing::info!(credential = %row.id, connector = %row.connector, cause = cause.as_str(), "a credential was renewed");
        self.tell(event);
        if let Err(error) = self.backend.set_connector_fault(row.connector.clone(), None, Record::default()).await {
            tracing::debug!(error = %error, "the end of a connector's fault was not noted");
        }
    }

    /// That renewing `row` failed is noted. With a client of the user's own it is no fault of the connector.
    pub(super) async fn failed(
        &self,
        row: &CredentialRow,
        status: Option<CredentialStatus>,
        error: &TokenError,
        is_own_client: bool,
        event: Option<CredentialEvent>,
    ) {
        tracing::warn!(
            credential = %row.id, connector = %row.connector, code = error.code(), provider_error = error.oauth_error(),
            status = status.map(CredentialStatus::as_str), "a credential could not be renewed"
        );
        self.tell(event);
        if is_connectors_own(error, is_own_client) {
            let reason = reason_of(error);
            let News { record, event } = self.news(row, EventKind::RefreshFailed, Some(reason));
            let raised = self.backend.set_connector_fault(row.connector.clone(), Some(reason.to_owned()), record).await;
            match raised {
                Ok(true) => {
                    tracing::error!(connector = %row.connector, code = reason, "the provider does not accept this application");
                    self.tell(event);
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %error, "a connector's fault was not noted"),
            }
        }
    }

    /// Tells who listens in this process.
    pub(super) fn tell(&self, event: Option<CredentialEvent>) {
        if let Some(event) = event {
            self.hub.tell(event);
        }
    }
}

/// Whether the provider turns the application away, whichever credential it comes with.
fn is_connectors_own(error: &TokenError, is_own_client: bool) -> bool {
    error.class() == FailureClass::Misconfigured && !is_own_client
}

fn reason_of(error: &TokenError) -> &str {
    error.oauth_error().unwrap_or(error.code())
}
