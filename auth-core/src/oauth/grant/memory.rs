use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use crate::{Clock, MonotonicTime, ScopeSet, Secret, TokenError, TokenResponse};

/// What a grant remembers between exchanges.
#[derive(Default)]
pub(super) struct Memory {
    /// The newest refresh token.
    token: Option<Secret>,
    /// The scope granted last, for answers that do not repeat it.
    scope: Option<ScopeSet>,
    /// Whether tokens came from the first grant.
    pub(super) is_granted: bool,
    pub(super) doubt: Option<Doubt>,
    outdated: Outdated,
}

/// A refresh token that was sent and not answered.
pub(super) struct Doubt {
    pub(super) token: Secret,
    since: MonotonicTime,
    since_wall: SystemTime,
    pub(super) is_replayed: bool,
    /// What the server said to the second attempt: nothing else is to be expected from a third.
    pub(super) verdict: Option<TokenError>,
}

/// Fingerprints of refresh tokens that newer ones replaced, so that an older response does not bring one back. The tokens
/// themselves are gone.
#[derive(Default)]
struct Outdated {
    hasher: RandomState,
    fingerprints: VecDeque<u64>,
}

/// How many replaced refresh tokens are known as such.
const MAX_OUTDATED: usize = 32;

impl Memory {
    pub(super) fn with_token(token: Secret) -> Self {
        Self { token: Some(token), ..Self::default() }
    }

    pub(super) fn token(&self) -> Option<Secret> {
        self.token.clone()
    }

    /// Looks whether the cache knows a newer refresh token: one that another process brought.
    pub(super) fn learn(&mut self, previous: Option<&TokenResponse>) {
        let Some(previous) = previous else { return };
        if let Some(token) = previous.refresh_token().filter(|token| !self.outdated.contains(token)) {
            self.replace_token(token);
        }
        if let Some(scope) = previous.token().scope() {
            self.scope = Some(scope.clone());
        }
    }

    /// Takes in what an exchange brought, and adds what it did not repeat.
    pub(super) fn take_in(&mut self, mut response: TokenResponse) -> TokenResponse {
        self.doubt = None;
        match (response.refresh_token(), &self.token) {
            (Some(new), _) => {
                let new = new.clone();
                self.replace_token(&new);
            }
            (None, Some(known)) => response = response.with_refresh_token(known.clone()),
            (None, None) => {}
        }
        match (response.token().scope(), &self.scope) {
            (Some(scope), _) => self.scope = Some(scope.clone()),
            (None, Some(known)) => response = response.with_granted_scope(known.clone()),
            (None, None) => {}
        }
        response
    }

    /// Takes in the refresh token of an answer that was for somebody else. `None` if it brought none, or the known one.
    #[cfg(feature = "provider")]
    pub(super) fn take_token_of(&mut self, response: &TokenResponse) -> Option<Secret> {
        self.doubt = None;
        let new = response.refresh_token().filter(|new| self.token.as_ref() != Some(new))?;
        self.replace_token(new);
        Some(new.clone())
    }

    /// Drops the refresh token, and what was granted with it.
    pub(super) fn drop_token(&mut self) {
        if let Some(token) = self.token.take() {
            self.outdated.push(&token);
        }
        self.scope = None;
        self.doubt = None;
    }

    /// Begins anew with what another grant brought: nothing of the old one is used again.
    #[cfg(feature = "provider")]
    pub(super) fn adopt(&mut self, response: &TokenResponse) {
        self.drop_token();
        self.token = response.refresh_token().cloned();
        self.scope = response.token().scope().cloned();
        self.is_granted = true;
    }

    fn replace_token(&mut self, new: &Secret) {
        if self.token.as_ref() == Some(new) {
            return;
        }
        if let Some(old) = self.token.replace(new.clone()) {
            self.outdated.push(&old);
        }
    }
}

impl Doubt {
    pub(super) fn new(token: Secret, clock: &Clock) -> Self {
        Self { token, since: clock.now(), since_wall: clock.wall(), is_replayed: false, verdict: None }
    }

    /// How long ago it began, by the clock that says more: the monotonic one stands still while the machine sleeps.
    pub(super) fn age(&self, clock: &Clock) -> Duration {
        let by_wall = clock.wall().duration_since(self.since_wall).unwrap_or_default();
        clock.now().saturating_since(self.since).max(by_wall)
    }
}

impl Outdated {
    fn push(&mut self, token: &Secret) {
        if self.fingerprints.len() >= MAX_OUTDATED {
            self.fingerprints.pop_front();
        }
        self.fingerprints.push_back(self.fingerprint(token));
    }

    fn contains(&self, token: &Secret) -> bool {
        self.fingerprints.contains(&self.fingerprint(token))
    }

    fn fingerprint(&self, token: &Secret) -> u64 {
        self.hasher.hash_one(token.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    fn response(refresh_token: Option<&str>) -> TokenResponse {
        let response = TokenResponse::new(Token::new("t").unwrap());
        match refresh_token {
            Some(token) => response.with_refresh_token(token),
            None => response,
        }
    }

    fn token(memory: &Memory) -> Option<String> {
        memory.token().map(|token| token.expose_secret().to_owned())
    }

    // R6749-6b
    #[test]
    fn the_newest_refresh_token_wins_and_a_missing_one_keeps_the_old() {
        let mut memory = Memory::with_token(Secret::from("r1"));
        assert_eq!(memory.take_in(response(None)).refresh_token(), Some(&Secret::from("r1")));
        assert_eq!(memory.take_in(response(Some("r2"))).refresh_token(), Some(&Secret::from("r2")));
        // The cache may not have seen the last answer.
        memory.learn(Some(&response(Some("r1"))));
        assert_eq!(token(&memory).as_deref(), Some("r2"));
        memory.learn(Some(&response(None)));
        memory.learn(None);
        assert_eq!(token(&memory).as_deref(), Some("r2"));
        // Another process did one more exchange.
        memory.learn(Some(&response(Some("r3"))));
        assert_eq!(token(&memory).as_deref(), Some("r3"));
        memory.drop_token();
        memory.learn(Some(&response(Some("r3"))));
        assert_eq!(token(&memory), None);
    }

    #[test]
    fn what_is_remembered_of_old_tokens_is_bounded() {
        let mut memory = Memory::default();
        for number in 0..1_000 {
            memory.take_in(response(Some(&format!("r{number}"))));
        }
        assert_eq!(memory.outdated.fingerprints.len(), MAX_OUTDATED);
    }
}
