//! A renewal under a lease, from the intent to the kept tokens.

use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{AuthKind, FailureClass, RefreshCause, SourceRequest, TokenError, TokenErrorKind, TokenResponse};

use super::create::source_request;
use super::live::{Live, Slot};
use super::obtain::lives;
use super::store::Inner;
use crate::backend::{CredentialRow, Exchanged, Failed, Intent};
use crate::error::{StoreError, StoreErrorKind};
use crate::model::{CredentialStatus, Owner};
use crate::vault::{open_tokens, seal_tokens, spent};

/// What a renewal ended with.
pub(super) enum Ended {
    With(TokenResponse),
    /// The credential is another by now: look again.
    Again,
}

/// A renewal under way.
struct Renewal {
    store: Arc<Inner>,
    owner: Owner,
    row: CredentialRow,
    live: Arc<Live>,
    previous: Option<TokenResponse>,
    cause: RefreshCause,
    /// What is sent can be sent once only.
    is_single_use: bool,
    /// The provider takes the same refresh token for so long after a lost answer.
    grace: Duration,
}

impl Inner {
    /// Renews a credential whose lease was taken for it, or serves what another process has brought meanwhile.
    pub(super) async fn renew(
        self: &Arc<Self>,
        owner: &Owner,
        row: CredentialRow,
        slot: &Slot,
        request: &SourceRequest,
    ) -> Result<Ended, StoreError> {
        let (id, fence) = (row.id, row.fence);
        let prepared = self.prepare(owner, row, slot, request).await;
        let renewal = match prepared {
            Ok(Ok(renewal)) => renewal,
            Ok(Err(kept)) => {
                self.backend.release(id, fence).await?;
                return Ok(Ended::With(kept));
            }
            Err(error) => {
                self.backend.release(id, fence).await?;
                return Err(error);
            }
        };
        // Whoever waits may go away: what is sent is seen to its end.
        self.tasks.run(renewal.run()).await.unwrap_or_else(|| {
            Err(StoreError::new(StoreErrorKind::Unavailable, "the runtime ended before the renewal did"))
        })
    }

    /// Looks again, now that nobody else can change the tokens.
    async fn prepare(
        self: &Arc<Self>,
        owner: &Owner,
        row: CredentialRow,
        slot: &Slot,
        request: &SourceRequest,
    ) -> Result<Result<Renewal, TokenResponse>, StoreError> {
        let live = self.enliven(owner, &row, slot).await?;
        if let Some(kept) = self.serve(&row, &live, request)? {
            return Ok(Err(kept));
        }
        let previous = open_tokens(&live.opened.sealer, owner, &row, self.clock.wall())?;
        let method = live.connection.provider().method();
        let has_refresh_token = previous.as_ref().is_some_and(|response| response.refresh_token().is_some());
        let is_single_use = has_refresh_token && method.spends_refresh_tokens();
        let grace = method.reuse_grace();
        Ok(Ok(Renewal {
            store: Arc::clone(self),
            owner: owner.clone(),
            row,
            live,
            previous,
            cause: request.cause(),
            is_single_use,
            grace,
        }))
    }
}

impl Renewal {
    async fn run(self) -> Result<Ended, StoreError> {
        let mut is_replay = false;
        if self.is_single_use {
            if let Some(intent) = self.row.intent.as_ref().filter(|intent| intent.spends == self.spends()) {
                // Somebody sent this token and did not live to say what came of it.
                if intent.is_replay || self.row.now.since(intent.at) > self.grace {
                    return self.give_up(None).await;
                }
                is_replay = true;
            }
        }
        loop {
            let error = match self.attempt(is_replay).await? {
                Attempt::Done(ended) => return Ok(ended),
                Attempt::Failed(error) => error,
            };
            if !(self.is_single_use && error.is_outcome_unknown()) {
                return self.fail(error).await;
            }
            if is_replay || self.grace.is_zero() {
                return self.give_up(Some(error)).await;
            }
            // The answer was lost, and the provider takes the same token once more.
            is_replay = true;
            self.store.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    fn spends(&self) -> Vec<u8> {
        let token = self.previous.as_ref().and_then(TokenResponse::refresh_token);
        token.map(spent).unwrap_or_default()
    }

    /// Notes what is about to be sent, sends it, and keeps what comes.
    async fn attempt(&self, is_replay: bool) -> Result<Attempt, StoreError> {
        let (store, row) = (&self.store, &self.row);
        let intent = Intent {
            id: i64::from_ne_bytes(fastrand::u64(..).to_ne_bytes()),
            spends: self.spends(),
            at: row.now,
            is_replay,
        };
        // Shows too that the database takes writes: a token that is spent and cannot be kept is lost.
        if !store.backend.begin_exchange(row.id, row.fence, row.generation, intent).await? {
            return Ok(Attempt::Done(Ended::Again));
        }
        // A connection with nothing in its memory: what may be sent the row decides.
        let connection = store.connection(row, &self.live.opened)?;
        let deadline = store.clock.now() + store.settings.timeout;
        let exchange = connection.exchange(source_request(self.cause, self.previous.clone(), deadline));
        let answer = self.with_heartbeat(exchange).await;
        let response = match answer {
            Ok(response) => response,
            Err(error) => return Ok(Attempt::Failed(error)),
        };
        // A connection that gave no new refresh token goes on with the old one.
        let known = self.previous.as_ref().and_then(TokenResponse::refresh_token);
        let response = match (response.refresh_token(), known) {
            (None, Some(known)) => response.with_refresh_token(known.clone()),
            _ => response,
        };
        self.keep(response).await.map(Attempt::Done)
    }

    /// Runs the exchange and makes the lease last meanwhile.
    async fn with_heartbeat(
        &self,
        exchange: impl Future<Output = Result<TokenResponse, TokenError>>,
    ) -> Result<TokenResponse, TokenError> {
        let (store, row) = (&self.store, &self.row);
        let mut exchange = std::pin::pin!(exchange);
        let limit = store.clock.sleep(store.settings.timeout + Duration::from_secs(1));
        let mut limit = std::pin::pin!(limit);
        loop {
            tokio::select! {
                biased;
                answer = &mut exchange => return answer,
                () = &mut limit => {
                    return Err(TokenError::new(TokenErrorKind::Unconfirmed, "the provider did not answer in time"));
                }
                () = store.clock.sleep(store.settings.lease / 3) => {
                    // A lease that is lost changes nothing for what was sent: its answer is still kept if nobody was faster.
                    match store.backend.extend(row.id, row.fence, store.settings.lease).await {
                        Ok(true) => {}
                        Ok(false) => tracing::warn!(credential = %row.id, "the lease was lost while the provider was asked"),
                        Err(error) => tracing::warn!(credential = %row.id, error = %error, "the lease could not be extended"),
                    }
                }
            }
        }
    }

    /// Makes the answer durable, however long that takes: nobody gets the token before.
    async fn keep(&self, response: TokenResponse) -> Result<Ended, StoreError> {
        let (store, row) = (&self.store, &self.row);
        let received = store.clock.wall();
        let generation = row.generation + 1;
        let sealed =
            seal_tokens(&self.live.opened.sealer, &self.owner, &row.connector, row.id, generation, &response, received);
        let renews = renews(&self.live, &response);
        let tokens = store.timed(sealed, &response, renews);
        let mut pause = Duration::from_millis(50);
        let kept = loop {
            let exchanged =
                Exchanged { id: row.id, fence: row.fence, generation: row.generation, tokens: tokens.clone() };
            match store.backend.finish_exchange(exchanged).await {
                Ok(kept) => break kept,
                Err(error) => {
                    tracing::error!(credential = %row.id, error = %error, "new tokens are not durable yet; trying again");
                    store.clock.sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                    if store.tasks.is_closed() && pause >= Duration::from_secs(2) {
                        return Err(error.into());
                    }
                }
            }
        };
        if !kept {
            // An attempt whose answer was lost may have been kept all the same.
            let now = store.backend.find(row.id).await?;
            let own = now.filter(|now| now.generation == generation);
            let own =
                own.and_then(|now| open_tokens(&self.live.opened.sealer, &self.owner, &now, received).ok().flatten());
            if own.is_none_or(|own| own.token().secret() != response.token().secret()) {
                return Ok(Ended::Again);
            }
        }
        store.renewed(row, self.cause).await;
        Ok(Ended::With(response.with_sequence(u64::try_from(generation).unwrap_or(0))))
    }

    /// The provider said no, or nothing left.
    async fn fail(&self, error: TokenError) -> Result<Ended, StoreError> {
        let row = &self.row;
        let mut failed = Failed {
            id: row.id,
            fence: row.fence,
            generation: row.generation,
            status: None,
            reason: Some(error.code().to_owned()),
            provider_error: error.oauth_error().map(str::to_owned),
            retry_in: None,
            keeps_intent: false,
        };
        match error.class() {
            FailureClass::Transient => {
                failed.status = Some(CredentialStatus::Degraded);
                failed.retry_in = Some(back_off(row.attempts, error.retry_after()));
            }
            FailureClass::Refused => failed.status = Some(CredentialStatus::NeedsReauth),
            // Nothing is known against the credential: an operator mends the connector.
            _ => failed.retry_in = Some(Duration::from_secs(60)),
        }
        self.settle(failed, error).await
    }

    /// What was sent may be spent, and is not sent again.
    async fn give_up(&self, error: Option<TokenError>) -> Result<Ended, StoreError> {
        let row = &self.row;
        let failed = Failed {
            id: row.id,
            fence: row.fence,
            generation: row.generation,
            status: Some(CredentialStatus::Unconfirmed),
            reason: Some("answer_lost".to_owned()),
            provider_error: None,
            retry_in: None,
            keeps_intent: true,
        };
        let unconfirmed =
            || TokenError::new(TokenErrorKind::Unconfirmed, "the refresh token was sent, and its answer was lost");
        let ended = self.settle(failed, error.unwrap_or_else(unconfirmed)).await;
        // A token that still lives serves to its end.
        match ended {
            Err(error) if lives(row) && self.cause != RefreshCause::Refused => match &self.previous {
                Some(previous) if self.cause != RefreshCause::Ahead => Ok(Ended::With(previous.clone())),
                _ => Err(error),
            },
            ended => ended,
        }
    }

    /// Notes a failure, unless the credential is another by now.
    async fn settle(&self, failed: Failed, error: TokenError) -> Result<Ended, StoreError> {
        let (store, row) = (&self.store, &self.row);
        let status = failed.status;
        // The row as it was is what the failure is about: if it was changed meanwhile, that is no failure of what stands there now.
        if !store.backend.fail_exchange(failed).await? {
            return Ok(Ended::Again);
        }
        store.failed(row, status, &error).await;
        let row = CredentialRow {
            status: status.unwrap_or(row.status),
            reason: error.oauth_error().map(str::to_owned).or_else(|| Some(error.code().to_owned())),
            ..row.clone()
        };
        Err(match StoreError::of_status(&row) {
            Some(own) => own.with_source(error),
            None => StoreError::provider(error),
        })
    }
}

/// What one send came to.
enum Attempt {
    Done(Ended),
    Failed(TokenError),
}

/// Whether new tokens can be had without a person after this response.
fn renews(live: &Live, response: &TokenResponse) -> bool {
    match live.connection.provider().method().kind() {
        AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode => {
            response.refresh_token().is_some() || live.connection.provider().method().renews_by_access_token()
        }
        _ => true,
    }
}

/// One to 30 seconds with full jitter, growing with failures in a row; what the provider asks for if that is longer, an hour at the most.
fn back_off(attempts: i64, asked: Option<Duration>) -> Duration {
    let exponent = u32::try_from(attempts.clamp(0, 5)).unwrap_or(5);
    let bound = f64::from(1_u32 << exponent).min(30.0);
    let own = Duration::from_secs_f64(1.0 + (bound - 1.0).max(0.0) * fastrand::f64());
    own.max(asked.unwrap_or_default().min(Duration::from_secs(3600)))
}
