use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tower_auth_core::{Clock, Secret};

use super::ResourceServer;
use crate::AuthorizationServer;

/// Describes a [`ResourceServer`].
#[must_use = "a description does nothing before `build`"]
pub struct ResourceServerBuilder {
    pub(super) issuer: Option<AuthorizationServer>,
    pub(super) accepted: Vec<Secret>,
    pub(super) audience: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) challenge: Challenge,
    pub(super) clock: Option<Clock>,
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) reads_body: bool,
}

/// What a refusal says in `WWW-Authenticate`.
pub(super) enum Challenge {
    /// By the book (RFC 6750 section 3).
    Standard,
    Fixed(HeaderValue),
    Absent,
}

impl ResourceServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            issuer: None,
            accepted: Vec::new(),
            audience: None,
            scope: None,
            challenge: Challenge::Standard,
            clock: None,
            status: StatusCode::OK,
            body: Bytes::from_static(b"{\"ok\":true}"),
            reads_body: true,
        }
    }

    /// Accepts the tokens of `server` that are neither expired nor revoked, and those that its minter signs. Its clock is used too.
    pub fn issuer(mut self, server: &AuthorizationServer) -> Self {
        self.issuer = Some(server.clone());
        self
    }

    /// Accepts one token that never ends.
    pub fn accept(mut self, token: impl Into<Secret>) -> Self {
        self.accepted.push(token.into());
        self
    }

    /// Wants tokens for this audience; if it is not set, for any. Tokens of [`accept`](Self::accept) are for any.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Answers 403 with `insufficient_scope` to a token without this scope. Tokens of [`accept`](Self::accept) have every scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The `WWW-Authenticate` of every 401, in place of one by the book.
    ///
    /// # Panics
    /// When it has a character that no header can have.
    pub fn challenge(mut self, value: &str) -> Self {
        self.challenge = Challenge::Fixed(HeaderValue::from_str(value).expect("a challenge can stand in a header"));
        self
    }

    /// Answers 401 without `WWW-Authenticate`.
    pub fn no_challenge(mut self) -> Self {
        self.challenge = Challenge::Absent;
        self
    }

    /// What an accepted request gets, in place of 200 and a small JSON object.
    pub fn answer(mut self, status: StatusCode, body: impl Into<Bytes>) -> Self {
        self.status = status;
        self.body = body.into();
        self
    }

    /// Answers by the head alone, and drops the body unread.
    pub fn answer_before_body(mut self) -> Self {
        self.reads_body = false;
        self
    }

    /// Takes the time for delays from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The server.
    #[must_use]
    pub fn build(self) -> ResourceServer {
        ResourceServer::from_builder(self)
    }
}

impl fmt::Debug for ResourceServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServerBuilder")
            .field("audience", &self.audience)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
