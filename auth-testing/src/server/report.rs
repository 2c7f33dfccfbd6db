use tower_auth_core::Secret;

use super::AuthorizationServer;

/// What became of the refresh tokens of a server, and how often each was presented: what a client owes to a server that rotates is that none
/// comes twice.
///
/// There is no token in it. The totals count everything; the lists have the tokens that are still known, which are
/// [100,000 at most](Self::forgotten).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RefreshReport {
    /// In the order of their issue.
    pub tokens: Vec<RefreshTokenReport>,
    /// In the order of their beginning.
    pub families: Vec<FamilyReport>,
    /// How many requests for the refresh token grant came, those that met a fault included.
    pub arrivals: usize,
    /// How often a refresh token was presented by its client. Requests that a fault kept from having an effect are not counted.
    pub presentations: usize,
    /// How often one was presented that is not known, or by another client.
    pub unknown_presentations: usize,
    /// The most presentations of any token.
    pub max_presentations: usize,
    /// How many tokens were presented more than once.
    pub presented_more_than_once: usize,
    /// How often a token was exchanged for a newer one, or used up.
    pub rotations: usize,
    /// How often a spent token came after its grace.
    pub reuses: usize,
    /// How many families were revoked, for whichever reason.
    pub families_revoked: usize,
    /// Rotations whose answer a fault dropped or mutilated.
    pub replies_dropped: usize,
    /// Rotations whose answer nobody took: the peer had gone before it was written. One that goes when the answer is with the transport already is
    /// not noticed.
    pub replies_undelivered: usize,
    /// Tokens that are no more in the lists: spent ones first, from 100,000 on.
    pub forgotten: usize,
}

/// A refresh token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshTokenReport {
    /// Its number among all tokens of the server, from 1 on.
    pub serial: u64,
    /// Those that came from one another.
    pub family: u64,
    /// Its number in the family, from 1 on.
    pub generation: u64,
    /// How many requests for the refresh token grant came with it, those that met a fault before they had an effect included.
    pub arrivals: usize,
    /// How often its client asked for something with it, those requests not included.
    pub presentations: usize,
    /// Whether it was exchanged for a newer one, or used up.
    pub is_spent: bool,
}

/// Refresh tokens that came from one another by rotation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FamilyReport {
    /// Its number among all families of the server.
    pub family: u64,
    /// Whose tokens they are.
    pub client_id: String,
    /// Who granted them.
    pub subject: String,
    /// The number of its newest token.
    pub generation: u64,
    /// How often a token was exchanged for a newer one, or used up.
    pub rotations: usize,
    /// Whether all of it has ended.
    pub is_revoked: bool,
    /// Whether a spent token came after its grace.
    pub was_reused: bool,
    /// Rotations whose answer a fault dropped or mutilated.
    pub replies_dropped: usize,
    /// Rotations whose answer nobody took: the peer had gone before it was written. One that goes when the answer is with the transport already is
    /// not noticed.
    pub replies_undelivered: usize,
}

impl RefreshReport {
    /// Rotations whose answer did not reach the client, as far as the server can know.
    #[must_use]
    pub fn replies_lost(&self) -> usize {
        self.replies_dropped + self.replies_undelivered
    }

    /// The tokens that were presented more than once, of those that are known.
    pub fn repeated(&self) -> impl Iterator<Item = &RefreshTokenReport> {
        self.tokens.iter().filter(|token| token.presentations > 1)
    }

    /// The families that were revoked, of those that are known.
    pub fn revoked(&self) -> impl Iterator<Item = &FamilyReport> {
        self.families.iter().filter(|family| family.is_revoked)
    }
}

impl FamilyReport {
    /// Rotations whose answer did not reach the client, as far as the server can know.
    #[must_use]
    pub fn replies_lost(&self) -> usize {
        self.replies_dropped + self.replies_undelivered
    }
}

/// What became of what was issued.
impl AuthorizationServer {
    /// What became of the refresh tokens so far.
    ///
    /// ```
    /// use http::Request;
    /// use tower_auth_testing::{AuthorizationServer, Endpoint, Fault};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
    /// let token = server.issue_refresh_token("orders", "alice", "orders:read".parse()?);
    /// server.fault(Endpoint::Token, Fault::lost_answer());
    ///
    /// let body = format!("grant_type=refresh_token&client_id=orders&client_secret=secret&refresh_token={}", token.expose_secret());
    /// let request = Request::post(server.token_url())
    ///     .header("content-type", "application/x-www-form-urlencoded")
    ///     .body(body.into())?;
    /// assert!(server.http_client().send(request).await.is_err());
    ///
    /// let report = server.refresh_report();
    /// assert_eq!((report.max_presentations, report.rotations, report.replies_dropped), (1, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn refresh_report(&self) -> RefreshReport {
        self.shared().grants().ledger.report()
    }

    /// How often the client of `token`, a refresh token, asked for something with it. Requests that a fault kept from having an effect are not
    /// counted, those whose answer got lost are.
    #[must_use]
    pub fn presentations(&self, token: &Secret) -> usize {
        self.shared().grants().refresh(token.expose_secret()).map_or(0, |grant| grant.presented)
    }

    /// The most [`presentations`](Self::presentations) of any refresh token: 1 is what a client owes to a server that rotates.
    #[must_use]
    pub fn max_presentations(&self) -> usize {
        self.shared().grants().ledger.max_presentations()
    }

    /// Revokes a token that the server issued: an access token alone, a refresh token with every token that descends from the same grant. False if it
    /// is unknown.
    pub fn revoke(&self, token: &Secret) -> bool {
        self.shared().grants().revoke(token.expose_secret())
    }

    /// Revokes everything that `subject` granted, as a user does in the settings of an account. How many grants with refresh tokens there were.
    pub fn revoke_subject(&self, subject: &str) -> usize {
        self.shared().grants().revoke_subject(subject)
    }
}
