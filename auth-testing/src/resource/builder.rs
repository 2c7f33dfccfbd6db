use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::value::RawValue;
use tower_auth_core::{Clock, Secret};

use super::ResourceServer;
use super::judge::StepUp;
use crate::{AuthorizationServer, DpopNonce};

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
    pub(super) requires_dpop: bool,
    pub(super) dpop_nonce: DpopNonce,
    pub(super) step_up: Option<StepUp>,
    pub(super) resource: Option<String>,
    pub(super) publishes_metadata: bool,
    pub(super) metadata: BTreeMap<String, Option<String>>,
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
            requires_dpop: false,
            dpop_nonce: DpopNonce::Off,
            step_up: None,
            resource: None,
            publishes_metadata: false,
            metadata: BTreeMap::new(),
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

    /// Takes no token but with a DPoP proof (RFC 9449), and asks for one in its challenge. Without this a token that is bound to a DPoP key needs its proof,
    /// others must come without.
    pub fn require_dpop(mut self) -> Self {
        self.requires_dpop = true;
        self
    }

    /// Demands a nonce in DPoP proofs (RFC 9449 section 9).
    pub fn dpop_nonce(mut self, policy: DpopNonce) -> Self {
        self.dpop_nonce = policy;
        self
    }

    /// Answers 401 with `insufficient_user_authentication` (RFC 9470) to a token whose user did not authenticate in one of the ways `acr_values`
    /// (`acr`), or longer than `max_age` ago (`auth_time`). Empty and `None` leave that open. Tokens of [`accept`](Self::accept) are
    /// good enough.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_auth_testing::{AuthorizationServer, ResourceServer};
    ///
    /// let issuer = AuthorizationServer::builder().client("app", "secret").build()?;
    /// let api = ResourceServer::builder().issuer(&issuer).step_up(["mfa"], Some(Duration::from_secs(300))).build();
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn step_up<'a>(mut self, acr_values: impl IntoIterator<Item = &'a str>, max_age: Option<Duration>) -> Self {
        let acr_values = acr_values.into_iter().map(str::to_owned).collect();
        self.step_up = Some(StepUp { acr_values, max_age });
        self
    }

    /// Publishes metadata (RFC 9728), and names their URL in challenges.
    pub fn publish_metadata(mut self) -> Self {
        self.publishes_metadata = true;
        self
    }

    /// Publishes metadata as the resource `identifier`, an `https` URL.
    ///
    /// ```
    /// use tower_auth_testing::{AuthorizationServer, ResourceServer};
    ///
    /// let issuer = AuthorizationServer::builder().client("orders", "secret").build()?;
    /// let api = ResourceServer::builder().issuer(&issuer).resource("https://api.test/orders").build();
    /// assert_eq!(api.metadata_url(), "https://api.test/.well-known/oauth-protected-resource/orders");
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn resource(mut self, identifier: impl Into<String>) -> Self {
        self.resource = Some(identifier.into());
        self.publish_metadata()
    }

    /// Publishes metadata with a member set to a JSON text, such as a wrong `resource`.
    ///
    /// # Panics
    /// When `json` is no JSON.
    pub fn metadata(mut self, member: impl Into<String>, json: impl Into<String>) -> Self {
        let json = json.into();
        assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "a member of the metadata is JSON");
        self.metadata.insert(member.into(), Some(json));
        self.publish_metadata()
    }

    /// Publishes metadata without a member.
    pub fn omit_metadata(mut self, member: impl Into<String>) -> Self {
        self.metadata.insert(member.into(), None);
        self.publish_metadata()
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
