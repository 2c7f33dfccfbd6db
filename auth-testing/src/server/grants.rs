use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tower_auth_core::ScopeSet;

/// Expired access tokens are forgotten when there are so many.
const MAX_ACCESS: usize = 10_000;

/// The tokens that a server issued.
#[derive(Default)]
pub(super) struct Grants {
    access: HashMap<String, AccessGrant>,
    refresh: HashMap<String, RefreshGrant>,
    families: u64,
}

/// What stands behind an access token.
pub(super) struct AccessGrant {
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: ScopeSet,
    pub(super) audience: Vec<String>,
    pub(super) issued: SystemTime,
    pub(super) lifetime: Duration,
    /// The refresh tokens that it was issued with.
    pub(super) family: Option<u64>,
    pub(super) revoked: bool,
}

/// What stands behind a refresh token.
#[derive(Clone)]
pub(super) struct RefreshGrant {
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: ScopeSet,
    pub(super) audience: Vec<String>,
    /// Those that came from one another by rotation.
    pub(super) family: u64,
    /// It was exchanged for a newer one.
    pub(super) spent: bool,
    pub(super) revoked: bool,
}

impl AccessGrant {
    pub(super) fn expires(&self) -> SystemTime {
        self.issued + self.lifetime
    }

    pub(super) fn is_active(&self, now: SystemTime) -> bool {
        !self.revoked && now < self.expires()
    }
}

impl Grants {
    pub(super) fn add_access(&mut self, token: String, grant: AccessGrant) {
        if self.access.len() >= MAX_ACCESS {
            let now = grant.issued;
            self.access.retain(|_, grant| grant.is_active(now));
        }
        self.access.insert(token, grant);
    }

    pub(super) fn add_refresh(&mut self, token: String, grant: RefreshGrant) {
        self.refresh.insert(token, grant);
    }

    pub(super) fn new_family(&mut self) -> u64 {
        self.families += 1;
        self.families
    }

    pub(super) fn access(&self, token: &str) -> Option<&AccessGrant> {
        self.access.get(token)
    }

    pub(super) fn refresh(&self, token: &str) -> Option<&RefreshGrant> {
        self.refresh.get(token)
    }

    /// Marks a refresh token as exchanged.
    pub(super) fn spend(&mut self, token: &str) {
        if let Some(grant) = self.refresh.get_mut(token) {
            grant.spent = true;
        }
    }

    /// Revokes a token; with a refresh token its whole family. False if it is unknown.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        if let Some(family) = self.refresh.get(token).map(|grant| grant.family) {
            self.revoke_family(family);
            return true;
        }
        match self.access.get_mut(token) {
            Some(grant) => {
                grant.revoked = true;
                true
            }
            None => false,
        }
    }

    /// Revokes every refresh token of a family and every access token issued with one.
    pub(super) fn revoke_family(&mut self, family: u64) {
        self.refresh.values_mut().filter(|grant| grant.family == family).for_each(|grant| grant.revoked = true);
        self.access.values_mut().filter(|grant| grant.family == Some(family)).for_each(|grant| grant.revoked = true);
    }
}

/// A text that nobody guesses by accident.
pub(super) fn random(prefix: &str) -> String {
    format!("{prefix}{:032x}", fastrand::u128(..))
}
