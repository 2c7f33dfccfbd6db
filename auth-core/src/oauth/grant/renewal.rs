use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;

use super::arrival::Arrival;
use super::memory::{Doubt, Memory};
use super::terms::Agreed;
use crate::oauth::OAuthClient;
use crate::oauth::endpoints::Target;
use crate::oauth::request::Grant;
use crate::{FailureClass, ScopeSet, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse};

/// What a provider does with a refresh token that was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// Nobody knows: handled as rotating.
    #[default]
    Unknown,
    /// Each answer brings a new one, and the old one is spent: it is never sent twice.
    Rotating,
    /// It stays the same, so that it can be sent again after a lost answer.
    Stable,
}

/// What obtains the first tokens of a grant.
pub(crate) trait Grantor: Send + Sync + 'static {
    /// Obtains tokens. What is good for one attempt guards itself, with a [`Once`](super::Once).
    ///
    /// The cache drops this future at the deadline of `request`.
    fn obtain(&self, request: &SourceRequest) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send;

    /// Whether [`obtain`](Self::obtain) may succeed (again) now. If not, and there is no refresh token that serves, access must be
    /// granted again.
    fn is_repeatable(&self) -> bool;

    /// Tokens have come: time to drop what must not be kept.
    fn settle(&self) {}
}

/// Tokens first by a [`Grantor`], and from then on by refresh token.
///
/// One exchange at a time, whoever asks: two would spend one refresh token.
pub(crate) struct Renewal<G> {
    pub(crate) grantor: G,
    agreed: Agreed,
    /// Of refreshes. Empty, so that the parameter is left out and everything granted stays granted (RFC 6749 section 6), unless the user
    /// wants less.
    refresh_scope: ScopeSet,
    memory: Mutex<Memory>,
}

impl<G: Grantor> Renewal<G> {
    /// Begins with what `grantor` obtains.
    pub(crate) fn new(agreed: Agreed, grantor: G) -> Self {
        Self { grantor, agreed, refresh_scope: ScopeSet::default(), memory: Mutex::default() }
    }

    /// Begins with a refresh token that is there already, and asks for `scope` or, if empty, all that it grants.
    pub(crate) fn resumed(agreed: Agreed, grantor: G, token: Secret, scope: ScopeSet) -> Self {
        let memory = Mutex::new(Memory::with_token(token));
        Self { grantor, agreed, refresh_scope: scope, memory }
    }

    pub(crate) fn client(&self) -> &OAuthClient {
        &self.agreed.client
    }

    /// The next tokens.
    ///
    /// # Cancel safety
    /// If the future is dropped while a refresh token is on its way, the outcome of that exchange is unknown, as it is after a
    /// lost answer. A cache runs it in a task of its own.
    pub(crate) async fn fetch(&self, request: &SourceRequest) -> Result<TokenResponse, TokenError> {
        let mut memory = self.memory.lock().await;
        memory.learn(request.previous());
        if let Some(token) = memory.token() {
            match self.refresh(&mut memory, &token).await {
                Err(error) if error.class() == FailureClass::Refused && self.grantor.is_repeatable() => {
                    tracing::info!(code = error.code(), "the refresh token is of no more use: access is granted anew");
                    memory.drop_token();
                }
                result => return result,
            }
        } else if memory.is_granted && !self.grantor.is_repeatable() {
            return Err(TokenError::new(
                TokenErrorKind::Refused,
                format!("{} gave no refresh token, so that access must be granted again", self.client().site()),
            ));
        }
        let response = self.grantor.obtain(request).await?;
        self.grantor.settle();
        memory.is_granted = true;
        Ok(self.agreed.with_lifetime(memory.take_in(response)))
    }

    /// Goes on with the tokens of a new grant; waits for an exchange of the old one.
    #[cfg(feature = "provider")]
    pub(crate) async fn adopt(&self, response: &TokenResponse) {
        self.memory.lock().await.adopt(response);
    }

    /// Spends the refresh token on something else than the next tokens of this grant. `exchange` sends it, and `rotated` gets to know one that came back
    /// in its place, before anybody else can spend that.
    #[cfg(feature = "provider")]
    pub(crate) async fn spend<F, K>(
        &self,
        previous: Option<&TokenResponse>,
        exchange: impl FnOnce(Secret) -> F + Send,
        rotated: impl FnOnce(Secret) -> K + Send,
    ) -> Result<TokenResponse, TokenError>
    where
        F: Future<Output = Result<TokenResponse, TokenError>> + Send,
        K: Future<Output = Result<(), TokenError>> + Send,
    {
        let mut memory = self.memory.lock().await;
        memory.learn(previous);
        let Some(token) = memory.token() else {
            let message = format!("{} gave no refresh token, which further tokens are had by", self.client().site());
            return Err(TokenError::new(TokenErrorKind::Refused, message));
        };
        let is_replay = self.begin(&mut memory, &token)?;
        let response = match exchange(token).await {
            Ok(response) => response,
            Err(error) => return Err(self.end(&mut memory, is_replay, error)),
        };
        if let Some(new) = memory.take_token_of(&response) {
            rotated(new).await?;
        }
        Ok(response)
    }

    async fn refresh(&self, memory: &mut Memory, token: &Secret) -> Result<TokenResponse, TokenError> {
        let is_replay = self.begin(memory, token)?;
        match self.exchange(token).await {
            Ok(response) => Ok(self.agreed.with_lifetime(memory.take_in(response))),
            Err(error) => Err(self.end(memory, is_replay, error)),
        }
    }

    /// Notes that `token` is being sent, before it is: what follows may be dropped at any point. Whether it is sent for the second time.
    fn begin(&self, memory: &mut Memory, token: &Secret) -> Result<bool, TokenError> {
        if self.agreed.rotation == Rotation::Stable {
            return Ok(false);
        }
        let clock = self.client().clock();
        let Some(doubt) = memory.doubt.as_mut().filter(|doubt| doubt.token == *token) else {
            memory.doubt = Some(Doubt::new(token.clone(), &clock));
            return Ok(false);
        };
        if let Some(verdict) = &doubt.verdict {
            return Err(verdict.clone());
        }
        let grace = self.agreed.reuse_grace;
        if doubt.is_replayed || grace.is_zero() || doubt.age(&clock) > grace {
            return Err(self.unconfirmed());
        }
        doubt.is_replayed = true;
        Ok(true)
    }

    /// What a failed refresh means for the token that it sent.
    fn end(&self, memory: &mut Memory, is_replay: bool, error: TokenError) -> TokenError {
        let Some(doubt) = &mut memory.doubt else { return error };
        match (Arrival::of(&error), is_replay) {
            (Arrival::Unsent | Arrival::Denied, false) => {
                memory.doubt = None;
                error
            }
            (Arrival::Unsent, true) => {
                doubt.is_replayed = false;
                error
            }
            (Arrival::Denied, true) => {
                if error.class() == FailureClass::Refused {
                    doubt.verdict = Some(error.clone());
                }
                error
            }
            // Within the grace it is sent once more, at the next attempt.
            (Arrival::Unknown, false) if self.agreed.reuse_grace > Duration::ZERO => error,
            (Arrival::Unknown, _) => self.unconfirmed().with_source(error),
        }
    }

    async fn exchange(&self, token: &Secret) -> Result<TokenResponse, TokenError> {
        let mut params = self.agreed.resources.clone();
        params.insert_first("refresh_token", token.clone());
        let grant = Grant {
            name: "refresh_token",
            target: Target::Refresh,
            grant_type: Some("refresh_token"),
            scope: &self.refresh_scope,
            params,
            keep_refresh_token: true,
            single_use: self.agreed.rotation != Rotation::Stable,
        };
        self.agreed.client.exchange(grant).await
    }

    fn unconfirmed(&self) -> TokenError {
        let message = format!(
            "{} was sent the refresh token and its answer was lost: the token may be spent and is not sent again; access must be granted again",
            self.client().site()
        );
        TokenError::new(TokenErrorKind::Unconfirmed, message)
    }
}
