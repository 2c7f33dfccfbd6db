use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::Uri;
use tokio::sync::Mutex;

use super::answer::Codes;
use super::pace::{Pace, Reply};
use crate::clock::race;
use crate::oauth::endpoints::Target;
use crate::oauth::grant::terms::Agreed;
use crate::oauth::request::Grant;
use crate::{Clock, MonotonicTime, ScopeSet, Secret, TokenError, TokenErrorKind, TokenResponse};

/// A code that waits for a person to confirm it (RFC 8628 section 3.2), from [`DeviceLogin::start`](super::DeviceLogin::start).
///
/// Show [`prompt`](Self::prompt), or its parts in words of your own, and then [`wait`](Self::wait).
///
/// # Security
/// Show the [user code](Self::user_code) even where a QR code of [`verification_uri_complete`](Self::verification_uri_complete) takes
/// the typing away: that it is the same on both screens is how a person sees that this device is meant (RFC 8628 section 3.3.1).
pub struct DeviceAuthorization {
    agreed: Agreed,
    device_code: Secret,
    user_code: String,
    uri: Uri,
    complete: Option<Uri>,
    interval: Duration,
    deadline: MonotonicTime,
    state: Mutex<State>,
}

type Poll = Pin<Box<dyn Future<Output = Result<TokenResponse, TokenError>> + Send>>;

struct State {
    pace: Pace,
    /// A poll that was begun. Kept here, so that a dropped `wait` loses no answer.
    in_flight: Option<Poll>,
    /// Why nothing more comes of this code.
    ended: Option<TokenError>,
    /// What kept the last poll from an answer.
    trouble: Option<TokenError>,
}

impl DeviceAuthorization {
    /// A code that was asked for at `asked` and has come now.
    pub(super) fn new(agreed: Agreed, codes: Codes, asked: MonotonicTime) -> Self {
        let pace = Pace::new(codes.interval, agreed.client.clock().now());
        Self {
            agreed,
            device_code: codes.device_code,
            user_code: codes.user_code,
            uri: codes.uri,
            complete: codes.complete,
            interval: codes.interval,
            deadline: asked + codes.expires_in,
            state: Mutex::new(State { pace, in_flight: None, ended: None, trouble: None }),
        }
    }

    /// The code that the person enters: printable ASCII, 64 characters at most.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the person enters it.
    #[must_use]
    pub fn verification_uri(&self) -> &Uri {
        &self.uri
    }

    /// The same with the code in it, for a QR code or a link. `None` if the server gave none, or one on another host.
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&Uri> {
        self.complete.as_ref()
    }

    /// The host of the [`verification_uri`](Self::verification_uri), by which a person can tell whether it is the right place.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// How long to wait between polls, as the server began; 5 seconds if it did not say. [`wait`](Self::wait) keeps to it.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long the code is still good, by the monotonic clock; a day at the most.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.deadline.saturating_since(self.clock().now())
    }

    /// Whether its time is over. A new code is needed then.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_in().is_zero()
    }

    /// What a person needs to know, as plain text of a few lines: where to go, the code, and when not to.
    #[must_use]
    pub fn prompt(&self) -> String {
        let (uri, code, domain) = (&self.uri, &self.user_code, self.domain());
        let link = self.complete.as_ref().map(|uri| format!("Or open {uri} and compare the code.\n"));
        let link = link.unwrap_or_default();
        format!(
            "Open {uri} and enter the code {code}\n{link}Do so only if you began this yourself, and only if the browser shows {domain}."
        )
    }

    /// Waits until the code is confirmed, and gives the tokens, once.
    ///
    /// The server is asked in its interval and never more often: one request at a time, five seconds more after each `slow_down`, and
    /// twice as long after each request that got no answer (RFC 8628 section 3.5).
    ///
    /// # Errors
    /// - [`Refused`](TokenErrorKind::Refused) with the [`oauth_error`](TokenError::oauth_error) `access_denied`: the person said no;
    ///   `expired_token`: nobody said anything in time, by the server's account or by ours. Begin with a new code if the person wants.
    /// - Any other error that the server answers. If it is [transient](TokenError::is_transient), waiting on may help; after any
    ///   other the code is of no more use, and the same error comes back.
    ///
    /// What gets no answer (no connection, a timeout, a 5xx) is tried again until the code expires.
    ///
    /// # Cancel safety
    /// May be dropped and called again: pace and time go on, and an answer that came meanwhile is not lost.
    pub async fn wait(&self) -> Result<TokenResponse, TokenError> {
        loop {
            if let Some(response) = self.poll().await? {
                return Ok(response);
            }
        }
    }

    /// Asks once, as soon as the interval allows, and so waits until then. `None`: the person has not decided yet, or no
    /// answer came.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// That of [`wait`](Self::wait).
    pub async fn poll(&self) -> Result<Option<TokenResponse>, TokenError> {
        let clock = self.clock();
        let mut state = self.state.lock().await;
        let state = &mut *state;
        if let Some(error) = &state.ended {
            return Err(error.clone());
        }
        if state.in_flight.is_none() {
            // What would come too late is not waited for.
            if state.pace.due >= self.deadline {
                return Err(self.expire(state));
            }
            clock.sleep_until(state.pace.due).await;
            if clock.now() >= self.deadline {
                return Err(self.expire(state));
            }
        }
        let poll = state.in_flight.get_or_insert_with(|| Box::pin(self.request()));
        let result = race(poll, clock.sleep_until(self.deadline)).await;
        state.in_flight = None;
        match result {
            Some(result) => state.settle(result, clock.now()),
            None => Err(self.expire(state)),
        }
    }

    /// One request (RFC 8628 section 3.4), which stands on its own.
    fn request(&self) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send + use<> {
        let agreed = self.agreed.clone();
        let mut params = agreed.resources.clone();
        params.insert_first("device_code", self.device_code.clone());
        async move {
            let grant = Grant {
                name: "device_code",
                target: Target::Token,
                grant_type: Some("urn:ietf:params:oauth:grant-type:device_code"),
                // This request has no scope.
                scope: &ScopeSet::default(),
                params,
                keep_refresh_token: true,
                single_use: false,
            };
            let response = agreed.client.exchange(grant).await?;
            // Granted as it was asked for (RFC 6749 section 5.1).
            if response.token().scope().is_none() && !agreed.scope.is_empty() {
                return Ok(response.with_granted_scope(agreed.scope));
            }
            Ok(response)
        }
    }

    fn expire(&self, state: &mut State) -> TokenError {
        let message =
            format!("nobody confirmed the code of {} in time: begin with a new one", self.agreed.client.site());
        let mut error = TokenError::new(TokenErrorKind::Refused, message).with_oauth_error("expired_token");
        if let Some(trouble) = state.trouble.take() {
            error = error.with_source(trouble);
        }
        state.ended = Some(error.clone());
        error
    }

    fn clock(&self) -> Clock {
        self.agreed.client.clock()
    }
}

impl State {
    /// Takes in what came of a poll.
    fn settle(
        &mut self,
        result: Result<TokenResponse, TokenError>,
        now: MonotonicTime,
    ) -> Result<Option<TokenResponse>, TokenError> {
        let error = match result {
            Ok(response) => {
                let message = "the tokens of this device code were given out before";
                self.ended = Some(TokenError::new(TokenErrorKind::Refused, message));
                return Ok(Some(response));
            }
            Err(error) => error,
        };
        let reply = Reply::of(&error);
        self.pace.note(reply, error.retry_after(), now);
        self.trouble = None;
        match reply {
            Reply::Pending | Reply::SlowDown => Ok(None),
            Reply::None => {
                tracing::warn!(
                    code = error.code(),
                    "no answer about the device code; it is asked for again, more slowly"
                );
                self.trouble = Some(error);
                Ok(None)
            }
            Reply::Stop => {
                if !error.is_transient() {
                    self.ended = Some(error.clone());
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the complete URI: whoever reads a log could confirm the code.
        f.debug_struct("DeviceAuthorization")
            .field("client", &self.agreed.client)
            .field("domain", &self.domain())
            .field("expires_in", &self.expires_in())
            .finish_non_exhaustive()
    }
}
