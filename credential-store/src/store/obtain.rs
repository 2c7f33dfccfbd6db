//! How a caller gets a token: the kept one if it serves, else a new one by whoever has the lease.

use std::time::Duration;

use tower_auth_core::{Lifetime, RefreshCause, SourceRequest, Token, TokenResponse};

use super::exchange::Ended;
use super::live::{Live, Slot};
use super::news::News;
use super::store::Inner;
use super::stored_credential::CredentialKey;
use crate::backend::{Claim, CredentialRow, StatusChange};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::EventKind;
use crate::model::CredentialStatus;
use crate::vault::open_tokens;

/// How long somebody who waits for another process first waits before looking again; it doubles up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const LAST_LOOK: Duration = Duration::from_millis(400);

/// So many refusals by the API within ten minutes, renewals notwithstanding, mean that a person must look.
const REFUSALS: usize = 4;

/// How soon after a renewal a refusal says something about more than the token.
const SOON: Duration = Duration::from_secs(60);

impl Inner {
    /// A token for `key`, as its cache asks for it.
    pub(crate) async fn obtain(
        self: &std::sync::Arc<Self>,
        key: &CredentialKey,
        slot: &Slot,
        request: &SourceRequest,
    ) -> Result<TokenResponse, StoreError> {
        let mut pause = FIRST_LOOK;
        let mut is_counted = request.cause() != RefreshCause::Refused;
        loop {
            let row = self.row(&key.owner, key.id, "use").await?;
            self.know(key, slot);
            let live = self.enliven(&key.owner, &row, slot).await?;
            if !is_counted {
                // Once, however often this looks again.
                is_counted = true;
                self.count_refusal(&row, slot).await?;
            }
            if let Some(kept) = self.serve(&row, &live, request)? {
                return Ok(live.due(kept));
            }
            // Whoever closes the store waits until the lease is used or given back.
            let admitted = self.tasks.admit().ok_or_else(StoreError::closed)?;
            let left = match self.backend.claim(key.id, self.settings.lease).await? {
                Claim::Missing => return Err(StoreError::not_found()),
                Claim::Taken(row) => match self.renew(&key.owner, *row, slot, request).await? {
                    Ended::With(response) => return Ok(live.due(response)),
                    // Somebody else was faster, and what they did is to be seen at once.
                    Ended::Again => Duration::ZERO,
                },
                Claim::Held(left) => left,
            };
            drop(admitted);
            if self.clock.now() + pause >= request.deadline() {
                let text = "another process renews the credential, and has not finished in time";
                return Err(StoreError::new(StoreErrorKind::Unavailable, text));
            }
            // A little later than the lease may end, so that one of those who wait is enough.
            let jitter = pause.mul_f64(fastrand::f64());
            self.clock.sleep((pause / 2 + jitter).min(left + jitter)).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// An API that refuses a credential again and again does so for a reason that no renewal mends.
    async fn count_refusal(&self, row: &CredentialRow, slot: &Slot) -> Result<(), StoreError> {
        // A token that served for a while has ended early, and the next one will do: what counts is that a new one is refused.
        let is_old = row.tokens.is_some() && row.last_success_at.is_some_and(|at| row.now.since(at) > SOON);
        if is_old || slot.count_refusal(self.clock.now()) < REFUSALS || StoreError::of_status(row).is_some() {
            return Ok(());
        }
        let now = CredentialRow { status: CredentialStatus::NeedsReauth, ..row.clone() };
        let News { record, event } = self.news(&now, EventKind::NeedsReauth, Some("api_refused"));
        let change = StatusChange {
            status: CredentialStatus::NeedsReauth,
            reason: Some("api_refused".to_owned()),
            provider_error: None,
            generation: Some(row.generation),
            from: Some(row.status),
            is_success: false,
            record,
        };
        if self.backend.set_status(row.id, change).await? {
            self.tell(event);
        }
        let text = "the API refuses the credential again and again";
        Err(StoreError::new(StoreErrorKind::NeedsReauth, text).because(Some("api_refused".to_owned())))
    }

    /// What is kept, if it is what `request` wants. An error if nobody can get anything at the moment.
    pub(super) fn serve(
        &self,
        row: &CredentialRow,
        live: &Live,
        request: &SourceRequest,
    ) -> Result<Option<TokenResponse>, StoreError> {
        if live.connection.tokens().is_none() {
            return self.serve_fixed(row, request).map(Some);
        }
        let known = request.previous().and_then(TokenResponse::sequence);
        let is_news = known.is_none_or(|known| u64::try_from(row.generation).is_ok_and(|own| own > known));
        let wants_other = request.cause() == RefreshCause::Refused && !is_news;
        // What nobody renews serves to its end.
        let is_due = request.cause() == RefreshCause::Ahead && !is_news && row.renews;
        if !wants_other && !is_due && lives(row) {
            let kept = open_tokens(&live.opened.sealer, &live.opened.owner, row, self.clock.wall())?;
            // The row's time begins when it was written, which may have been long after the token was issued.
            let is_usable = |kept: &TokenResponse| match kept.lifetime() {
                Lifetime::For(left) => lasts(row, left),
                _ => true,
            };
            if let Some(kept) = kept.filter(is_usable) {
                // Once is enough to learn that it cannot be renewed; its end is known.
                if row.status != CredentialStatus::NeedsReauth && row.status != CredentialStatus::Revoked {
                    return Ok(Some(kept));
                }
            }
        }
        if let Some(error) = StoreError::of_status(row) {
            return Err(error);
        }
        if !row.renews && row.tokens.is_some() && request.cause() != RefreshCause::Refused {
            let ended = CredentialRow { status: CredentialStatus::ExpiredManual, ..row.clone() };
            return StoreError::of_status(&ended).map_or(Ok(None), Err);
        }
        if let Some(at) = row.next_attempt_at.filter(|at| *at > row.now) {
            let text = "the last attempt to renew the credential failed, and the provider is left alone for a while";
            let error = StoreError::new(StoreErrorKind::ProviderUnavailable, text);
            return Err(error.because(row.reason.clone()).retry_in_(Some(at.since(row.now))));
        }
        let age = row.last_success_at.map_or(Duration::MAX, |at| row.now.since(at));
        if let Some(wait) = live.pace(row.generation).checked_sub(age).filter(|wait| !wait.is_zero()) {
            let text = "the provider allows no more token requests for this credential at the moment";
            return Err(StoreError::new(StoreErrorKind::ProviderUnavailable, text).retry_in_(Some(wait)));
        }
        Ok(None)
    }

    /// A credential that never changes is looked up from time to time all the same: it may have been deleted or replaced.
    fn serve_fixed(&self, row: &CredentialRow, request: &SourceRequest) -> Result<TokenResponse, StoreError> {
        if let Some(error) = StoreError::of_status(row) {
            return Err(error);
        }
        let version = u64::try_from(row.secrets_version).unwrap_or(0);
        let is_news = request.previous().and_then(TokenResponse::sequence).is_none_or(|known| version > known);
        if request.cause() == RefreshCause::Refused && !is_news {
            let text = "the API refused the credential, which never changes by itself";
            return Err(StoreError::new(StoreErrorKind::Refused, text).because(Some("api_refused".to_owned())));
        }
        // It stands for the credential in the cache, and is sent nowhere: the connection makes what is.
        let stand_in = Token::new(format!("{}.{version}", row.id)).map_err(|error| {
            StoreError::new(StoreErrorKind::Broken, "the credential cannot be named").with_source(error)
        })?;
        Ok(TokenResponse::new(stand_in).with_sequence(version).refresh_in(self.settings.recheck))
    }
}

/// Whether the kept token can still be used: not within a tenth of its life, or 30 seconds, of its end.
pub(super) fn lives(row: &CredentialRow) -> bool {
    row.tokens.is_some() && row.expires_at.is_none_or(|end| lasts(row, end.since(row.now)))
}

/// The same of a token that has `left` to live.
fn lasts(row: &CredentialRow, left: Duration) -> bool {
    let length = row.expires_at.zip(row.last_success_at).map_or(left, |(end, from)| end.since(from));
    left > (length / 10).min(Duration::from_secs(30))
}
