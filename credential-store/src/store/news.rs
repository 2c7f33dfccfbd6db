//! What came of work in the background, told to whoever wants to know.

use tower_auth_core::{FailureClass, RefreshCause, TokenError};

use super::store::{CredentialStore, Inner};
use crate::backend::CredentialRow;
use crate::event::{CredentialEvent, CredentialEvents, EventKind};
use crate::model::{CredentialStatus, Timestamp};

impl CredentialStore {
    /// The events of this process from now on.
    #[must_use]
    pub fn events(&self) -> CredentialEvents {
        self.0.hub.listen()
    }
}

impl Inner {
    /// New tokens were kept in place of those of `row`.
    pub(super) async fn renewed(&self, row: &CredentialRow, cause: RefreshCause) {
        tracing::info!(credential = %row.id, connector = %row.connector, cause = cause.as_str(), "a credential was renewed");
        let kind = match row.status {
            CredentialStatus::Valid => EventKind::Refreshed,
            _ => EventKind::Recovered,
        };
        if let Err(error) = self.backend.set_connector_fault(row.connector.clone(), None).await {
            tracing::debug!(error = %error, "the end of a connector's fault was not noted");
        }
        self.told(&CredentialRow { status: CredentialStatus::Valid, ..row.clone() }, kind, None).await;
    }

    /// Renewing `row` failed; `status` is what it is from now on, if that changed.
    /// With a client of the user's own it is no fault of the connector.
    pub(super) async fn failed(
        &self,
        row: &CredentialRow,
        status: Option<CredentialStatus>,
        error: &TokenError,
        is_own_client: bool,
    ) {
        tracing::warn!(
            credential = %row.id, connector = %row.connector, code = error.code(), provider_error = error.oauth_error(),
            status = status.map(CredentialStatus::as_str), "a credential could not be renewed"
        );
        let reason = error.oauth_error().unwrap_or(error.code());
        if error.class() == FailureClass::Misconfigured && !is_own_client {
            // It is the connector's, and told once: not by each of its credentials.
            let raised = self.backend.set_connector_fault(row.connector.clone(), Some(reason.to_owned())).await;
            if matches!(raised, Ok(true)) {
                tracing::error!(connector = %row.connector, code = reason, "the provider does not accept this application");
                self.told(row, EventKind::RefreshFailed, Some(reason)).await;
            }
            return;
        }
        let now = status.unwrap_or(row.status);
        let kind = match now {
            CredentialStatus::NeedsReauth | CredentialStatus::Unconfirmed => EventKind::NeedsReauth,
            _ => EventKind::RefreshFailed,
        };
        // The first of a row of failures: a provider that is away for an hour is no news each minute.
        if now != row.status || row.attempts == 0 {
            self.told(&CredentialRow { status: now, ..row.clone() }, kind, Some(reason)).await;
        }
    }

    /// Tells an event, and puts it on the audit trail.
    pub(super) async fn told(&self, row: &CredentialRow, kind: EventKind, reason: Option<&str>) {
        let action = kind.as_str().trim_start_matches("credential.");
        if let Err(error) = self.audit("store", row, action, "ok", reason.map(str::to_owned)).await {
            tracing::warn!(error = %error, "an event is missing on the audit trail");
        }
        self.tell(row, kind, reason).await;
    }

    /// Tells an event that is on the audit trail already.
    pub(super) async fn tell(&self, row: &CredentialRow, kind: EventKind, reason: Option<&str>) {
        let Some(event) = self.event(row, kind, reason) else { return };
        self.tell_webhooks(&event).await;
        self.hub.tell(event);
    }

    /// What is to be told; `None`, and a word in the log, if the row does not say whose it is.
    pub(super) fn event(&self, row: &CredentialRow, kind: EventKind, reason: Option<&str>) -> Option<CredentialEvent> {
        match self.vault.owner_of(row) {
            Ok(owner) => Some(CredentialEvent {
                kind,
                credential: row.id,
                owner,
                connector: row.connector.clone(),
                status: row.status,
                reason: reason.map(str::to_owned),
                at: Timestamp::of(self.clock.wall()),
            }),
            Err(error) => {
                tracing::error!(credential = %row.id, error = %error, "whose credential it is cannot be read");
                None
            }
        }
    }
}
