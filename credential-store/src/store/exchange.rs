//! A renewal under a lease, from the intent to the kept tokens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tower_auth_core::{
    AuthKind, Connection, FailureClass, Lifetime, MonotonicTime, RefreshCause, SourceRequest, TokenError,
    TokenErrorKind, TokenResponse,
};

use super::back_off::back_off;
use super::create::source_request;
use super::live::{Live, Slot};
use super::news::News;
use super::note::Note;
use super::obtain::lives;
use super::store::Inner;
use crate::backend::{CredentialRow, Exchanged, Failed, Intent, Record};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::CredentialEvent;
use crate::model::{CredentialId, CredentialStatus, Owner};
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
    /// The digest of the refresh token.
    spends: Vec<u8>,
    /// The refresh token may be spent, and is never sent again.
    is_given_up: bool,
    /// The provider takes the same refresh token for so long after a lost answer.
    grace: Duration,
    /// How long one token request may take.
    timeout: Duration,
    /// When the row was read.
    begun: MonotonicTime,
}

/// A refresh token that was sent once, and nobody knows what came of it.
#[derive(Clone, Copy)]
struct Doubt {
    /// Some time after it was sent.
    at: MonotonicTime,
    /// How long after.
    age: Duration,
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
        let prepared = match self.tasks.admit() {
            Some(admitted) => self.prepare(owner, row, slot, request).await.map(|prepared| (prepared, admitted)),
            // What is sent now would be kept nowhere.
            None => Err(StoreError::closed()),
        };
        let (renewal, admitted) = match prepared {
            Ok((Ok(renewal), admitted)) => (renewal, admitted),
            Ok((Err(kept), _)) => {
                self.give_back(id, fence).await;
                return Ok(Ended::With(kept));
            }
            Err(error) => {
                self.give_back(id, fence).await;
                return Err(error);
            }
        };
        // Whoever waits may go away: what is sent is seen to its end.
        self.tasks.run_admitted(admitted, renewal.run()).await.unwrap_or_else(|| {
            Err(StoreError::new(StoreErrorKind::Unavailable, "the runtime ended before the renewal did"))
        })
    }

    /// Ends a lease under which nothing was sent. If that fails it ends by itself, and nobody's token is held back for it.
    pub(super) async fn give_back(&self, id: CredentialId, fence: i64) {
        if let Err(error) = self.backend.release(id, fence).await {
            tracing::warn!(credential = %id, error = %error, "a lease could not be ended, and runs out by itself");
        }
    }

    /// Looks again, now that nobody else can change the tokens.
    async fn prepare(
        self: &Arc<Self>,
        owner: &Owner,
        row: CredentialRow,
        slot: &Slot,
        request: &SourceRequest,
    ) -> Result<Result<Renewal, TokenResponse>, StoreError> {
        let begun = self.clock.now();
        let live = self.enliven(owner, &row, slot).await?;
        if let Some(kept) = self.serve(&row, &live, request)? {
            return Ok(Err(kept));
        }
        let previous = open_tokens(&live.opened.sealer, owner, &row, self.clock.wall())?;
        let method = live.connection.provider().method();
        let has_refresh_token = previous.as_ref().is_some_and(|response| response.refresh_token().is_some());
        let is_single_use = has_refresh_token && method.spends_refresh_tokens();
        let spends = previous.as_ref().and_then(TokenResponse::refresh_token).map(spent).unwrap_or_default();
        let grace = method.reuse_grace();
        let timeout = method.timeout().unwrap_or(self.settings.timeout);
        Ok(Ok(Renewal {
            store: Arc::clone(self),
            owner: owner.clone(),
            row,
            live,
            previous,
            cause: request.cause(),
            is_single_use,
            spends,
            is_given_up: false,
            grace,
            timeout,
            begun,
        }))
    }
}

impl Renewal {
    async fn run(mut self) -> Result<Ended, StoreError> {
        // Somebody may have sent this token and not lived to say what came of it.
        let left = self.row.intent.as_ref().filter(|intent| self.is_single_use && intent.spends == self.spends);
        let mut doubt = left.map(|intent| Doubt { at: self.begun, age: self.row.now.since(intent.at) });
        if left.is_some_and(|intent| intent.is_replay) || doubt.is_some_and(|doubt| self.left_of_grace(doubt).is_none())
        {
            if !self.is_repeatable() {
                return self.give_up(None).await;
            }
            doubt = None;
            self.begin_anew();
        }
        // Made before anything is noted: what cannot be sent must not look as if it had been. With nothing in its memory: what may be sent the row
        // decides.
        let connection = match self.store.connection(&self.row, &self.live.opened) {
            Ok(connection) => connection,
            Err(error) => {
                self.store.give_back(self.row.id, self.row.fence).await;
                return Err(error);
            }
        };
        loop {
            let sent = Doubt { at: self.store.clock.now(), age: Duration::ZERO };
            let error = match self.attempt(&connection, doubt).await? {
                Attempt::Done(ended) => return Ok(ended),
                Attempt::Failed(error) => error,
            };
            if !(self.is_single_use && error.is_outcome_unknown()) {
                return self.fail(error, doubt).await;
            }
            if doubt.is_some() || self.left_of_grace(sent).is_none() {
                if !self.is_repeatable() {
                    return self.give_up(Some(error)).await;
                }
                doubt = None;
                self.begin_anew();
                continue;
            }
            // The answer was lost, and the provider takes the same token once more.
            doubt = Some(sent);
            self.store.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether new tokens can be had with the values that are kept, and no person.
    fn is_repeatable(&self) -> bool {
        let kind = self.live.connection.provider().method().kind();
        !matches!(kind, AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode)
    }

    /// Goes on without the refresh token. The note stays until there are other tokens, so that nobody sends it either.
    fn begin_anew(&mut self) {
        tracing::info!(credential = %self.row.id, "the refresh token may be spent: access is granted anew");
        self.previous = None;
        self.is_single_use = false;
        self.is_given_up = true;
    }

    /// For how long a token in doubt may still be sent. `None` if no more: the provider would take it for stolen. The request needs a while to arrive,
    /// so that the grace counts as over a little before it is.
    fn left_of_grace(&self, doubt: Doubt) -> Option<Duration> {
        let margin = Duration::from_secs(2).min(self.grace / 4);
        let age = doubt.age + self.store.clock.now().saturating_since(doubt.at);
        (self.grace - margin).checked_sub(age).filter(|left| !left.is_zero())
    }

    fn intent(&self, is_replay: bool) -> Intent {
        let id = i64::from_ne_bytes(fastrand::u64(..).to_ne_bytes());
        Intent { id, spends: self.spends.clone(), at: self.row.now, is_replay: is_replay || self.is_given_up }
    }

    /// A failure that changes nothing yet but the count of attempts, and ends the lease.
    fn failed(&self) -> Failed {
        let row = &self.row;
        Failed {
            id: row.id,
            fence: row.fence,
            generation: row.generation,
            status: None,
            reason: row.reason.clone(),
            provider_error: row.provider_error.clone(),
            retry_in: None,
            keeps_intent: false,
            record: Record::default(),
        }
    }

    /// Notes what is about to be sent, sends it, and keeps what comes. With a doubt it is the second time.
    async fn attempt(&self, connection: &Connection, doubt: Option<Doubt>) -> Result<Attempt, StoreError> {
        let (store, row) = (&self.store, &self.row);
        // Shows too that the database takes writes: a token that is spent and cannot be kept is lost.
        let intent = self.intent(doubt.is_some());
        match store.backend.begin_exchange(row.id, row.fence, row.generation, intent).await {
            Ok(true) => {}
            Ok(false) => {
                store.give_back(row.id, row.fence).await;
                return Ok(Attempt::Done(Ended::Again));
            }
            Err(error) => {
                // THREAT-S6: it may stand there all the same, and nothing was sent.
                self.note(doubt, self.failed(), None).later();
                return Err(error.into());
            }
        }
        if doubt.is_some_and(|doubt| self.left_of_grace(doubt).is_none()) {
            // The database took its time.
            let text = "the refresh token was sent, and it is too late to send it again";
            return Ok(Attempt::Failed(TokenError::new(TokenErrorKind::Unconfirmed, text)));
        }
        let sent = (store.clock.now(), store.clock.wall());
        let deadline = sent.0 + self.timeout;
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
        self.keep(response, sent).await.map(Attempt::Done)
    }

    /// Runs the exchange and makes the lease last meanwhile. A database that hangs does not keep the answer from being read.
    async fn with_heartbeat(
        &self,
        exchange: impl Future<Output = Result<TokenResponse, TokenError>>,
    ) -> Result<TokenResponse, TokenError> {
        tokio::select! {
            biased;
            answer = exchange => answer,
            never = self.heartbeat() => match never {},
            () = self.store.clock.sleep(self.timeout + Duration::from_secs(1)) => {
                // What can be sent again is, and nobody has to be asked.
                let kind = if self.is_single_use { TokenErrorKind::Unconfirmed } else { TokenErrorKind::TimedOut };
                Err(TokenError::new(kind, "the provider did not answer in time"))
            }
        }
    }

    async fn heartbeat(&self) -> Infallible {
        let (store, row) = (&self.store, &self.row);
        loop {
            store.clock.sleep(store.settings.lease / 3).await;
            // A lease that is lost changes nothing for what was sent: its answer is still kept if nobody was faster.
            match store.backend.extend(row.id, row.fence, store.settings.lease).await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(credential = %row.id, "the lease was lost while the provider was asked"),
                Err(error) => {
                    tracing::warn!(credential = %row.id, error = %error, "the lease could not be extended");
                }
            }
        }
    }

    /// Makes the answer durable, however long that takes: nobody gets the token before. Its life counts from when it was asked for, since nobody knows
    /// how long the answer, or the database, let it wait.
    async fn keep(&self, response: TokenResponse, sent: (MonotonicTime, SystemTime)) -> Result<Ended, StoreError> {
        let (store, row) = (&self.store, &self.row);
        let generation = row.generation + 1;
        let sealed =
            seal_tokens(&self.live.opened.sealer, &self.owner, &row.connector, row.id, generation, &response, sent.1);
        let renews = renews(&self.live, &response);
        let News { record, event } = store.news_of_renewal(row);
        let mut pause = Duration::from_millis(50);
        let kept = loop {
            let tokens = store.timed(sealed.clone(), &self.aged(&response, sent.0), renews);
            let exchanged =
                Exchanged { id: row.id, fence: row.fence, generation: row.generation, tokens, record: record.clone() };
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
            let is_gone = now.as_ref().is_none_or(|now| now.status == CredentialStatus::Revoked);
            let own = now.filter(|now| now.generation == generation);
            let own =
                own.and_then(|now| open_tokens(&self.live.opened.sealer, &self.owner, &now, sent.1).ok().flatten());
            if own.is_none_or(|own| own.token().secret() != response.token().secret()) {
                if is_gone {
                    // Somebody ended it meanwhile, and the provider was told to end what it had before.
                    store.end_at_provider(row, &self.live, &response).await?;
                }
                store.give_back(row.id, row.fence).await;
                return Ok(Ended::Again);
            }
        }
        store.renewed(row, self.cause, event).await;
        let length = response.lifetime();
        let response = self.aged(&response, sent.0);
        if response.lifetime() == Lifetime::For(Duration::ZERO) && length != response.lifetime() {
            // It ended while it was waited for: all it is good for is its refresh token, which is kept.
            return Ok(Ended::Again);
        }
        Ok(Ended::With(response.with_sequence(u64::try_from(generation).unwrap_or(0))))
    }

    /// The response with what is left of its life now, if it was asked for at `sent`.
    fn aged(&self, response: &TokenResponse, sent: MonotonicTime) -> TokenResponse {
        let age = self.store.clock.now().saturating_since(sent);
        match response.lifetime() {
            Lifetime::For(length) => response.clone().expires_in(length.saturating_sub(age)),
            _ => response.clone(),
        }
    }

    /// The provider said no, or nothing left.
    async fn fail(&self, error: TokenError, doubt: Option<Doubt>) -> Result<Ended, StoreError> {
        let row = &self.row;
        // What was sent before is in doubt as it was, unless the provider said now that the grant is of no more use.
        let doubt = doubt.filter(|_| error.class() != FailureClass::Refused);
        let left = doubt.map(|doubt| self.left_of_grace(doubt));
        let mut failed = Failed {
            reason: Some(error.code().to_owned()),
            provider_error: error.oauth_error().map(str::to_owned),
            ..self.failed()
        };
        match (error.class(), left) {
            (_, Some(None)) => return self.give_up(Some(error)).await,
            (FailureClass::Transient, left) => {
                failed.status = Some(CredentialStatus::Degraded);
                // While the grace lasts, so that the second time is not missed.
                let longest = left.flatten().map_or(Duration::MAX, |left| left / 2);
                let mut wait = back_off(row.attempts, longest, error.retry_after());
                if self.cause == RefreshCause::Ahead && !lives(row) && left.is_none() {
                    // Nobody waits: those that may work come first.
                    wait = wait.max(Duration::from_secs(60 << row.attempts.clamp(0, 6)));
                }
                failed.retry_in = Some(wait);
            }
            (FailureClass::Refused, _) => failed.status = Some(CredentialStatus::NeedsReauth),
            (_, _) if self.live.is_own_client() => match error.oauth_error() {
                Some("invalid_client" | "unauthorized_client") => failed.status = Some(CredentialStatus::NeedsReauth),
                _ => {
                    failed.status = Some(CredentialStatus::Degraded);
                    failed.retry_in = Some(Duration::from_secs(60 << row.attempts.clamp(0, 6)));
                }
            },
            // Nothing is known against the credential: an operator mends the connector.
            _ => failed.retry_in = Some(Duration::from_secs(60)),
        }
        if left.is_none() {
            failed.retry_in = failed.retry_in.map(|wait| wait.max(self.live.pace(row.generation)));
        }
        self.settle(failed, error, doubt).await
    }

    /// What was sent may be spent, and is not sent again.
    async fn give_up(&self, error: Option<TokenError>) -> Result<Ended, StoreError> {
        let row = &self.row;
        let failed = Failed {
            status: Some(CredentialStatus::Unconfirmed),
            reason: Some("answer_lost".to_owned()),
            provider_error: None,
            keeps_intent: true,
            ..self.failed()
        };
        let unconfirmed =
            || TokenError::new(TokenErrorKind::Unconfirmed, "the refresh token was sent, and its answer was lost");
        let ended = self.settle(failed, error.unwrap_or_else(unconfirmed), None).await;
        // A token that still lives serves to its end.
        match ended {
            Err(error) if lives(row) && self.cause != RefreshCause::Refused => match &self.previous {
                Some(previous) if self.cause != RefreshCause::Ahead => Ok(Ended::With(self.aged(previous, self.begun))),
                _ => Err(error),
            },
            ended => ended,
        }
    }

    /// Notes a failure, unless the credential is another by now.
    async fn settle(&self, failed: Failed, error: TokenError, doubt: Option<Doubt>) -> Result<Ended, StoreError> {
        let (store, row, is_own_client) = (&self.store, &self.row, self.live.is_own_client());
        let status = failed.status;
        let News { record, event } = store.news_of_failure(row, status, &error, is_own_client);
        let note = self.note(doubt, Failed { record, ..failed }, event);
        // The row as it was is what the failure is about: if it was changed meanwhile, that is no failure of what stands there now.
        match note.write().await {
            Ok(true) => {}
            Ok(false) => {
                store.give_back(row.id, row.fence).await;
                return Ok(Ended::Again);
            }
            Err(own) => {
                // THREAT-S6: without the note what was not spent would look as if it might be.
                note.later();
                return Err(own.into());
            }
        }
        store.failed(row, status, &error, is_own_client, note.event).await;
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

    /// What is to be written about an attempt that brought nothing.
    fn note(&self, doubt: Option<Doubt>, failed: Failed, event: Option<CredentialEvent>) -> Note {
        let failed = Failed { keeps_intent: failed.keeps_intent || self.is_given_up || doubt.is_some(), ..failed };
        Note { store: Arc::clone(&self.store), doubt: doubt.map(|_| self.intent(false)), failed, event }
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

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-S7
    #[test]
    fn a_gateway_does_not_know_whether_the_token_was_spent() {
        let error = |status| TokenError::new(TokenErrorKind::ServerError, "x").with_status(status);
        for status in [502, 504, 520, 522, 524] {
            assert!(error(status).is_outcome_unknown(), "{status}");
        }
        for status in [400, 401, 429, 500, 503] {
            assert!(!error(status).is_outcome_unknown(), "{status}");
        }
        assert!(!error(502).with_oauth_error("temporarily_unavailable").is_outcome_unknown());
        assert!(TokenError::new(TokenErrorKind::Unconfirmed, "x").is_outcome_unknown());
    }
}
