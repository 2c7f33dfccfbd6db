use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::table::Epoch;
use crate::MonotonicTime;
use crate::verify::Verified;
use crate::verify::digest::Digest;
use crate::verify::jwt::JwtCheck;
use crate::verify::keys::Generation;

/// By what a verdict stands: the rules of an issuer, and the keys that the token was checked with.
#[derive(Clone)]
pub(in crate::verify) struct Memorable {
    check: Arc<JwtCheck>,
    generation: Generation,
}

impl Memorable {
    /// `None` if the issuer's verdicts are not to be remembered.
    pub(in crate::verify) fn new(check: &Arc<JwtCheck>, generation: Generation) -> Option<Self> {
        check.is_remembered().then(|| Self { check: Arc::clone(check), generation })
    }
}

/// One remembered verdict.
pub(super) struct Entry {
    hash: u64,
    token: Kept,
    verified: Verified,
    until: MonotonicTime,
    times: Range<SystemTime>,
    by: Memorable,
    since: Epoch,
}

/// A token, to be compared with another as a whole.
enum Kept {
    Whole(Zeroizing<Box<[u8]>>),
    Digest(Digest),
}

impl Entry {
    /// `None` for a token that never ends: nothing would bound the entry but its time.
    pub(super) fn new(
        hash: u64,
        token: &[u8],
        digests_only: bool,
        by: Memorable,
        since: Epoch,
        verified: &Verified,
    ) -> Option<Self> {
        let token =
            if digests_only { Kept::Digest(Digest::of(&[token])) } else { Kept::Whole(Zeroizing::new(token.into())) };
        let times = by.check.remember_from()..verified.expires_at()?;
        Some(Self { hash, token, verified: verified.clone(), until: by.check.remember_until(), times, by, since })
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether it is about this very token.
    pub(super) fn is_of(&self, hash: u64, token: &[u8]) -> bool {
        // The time that a comparison takes tells nothing: who does not know the whole token does not get past the hash, whose
        // key nobody knows.
        self.hash == hash
            && match &self.token {
                Kept::Whole(own) => ***own == *token,
                Kept::Digest(own) => bool::from(own.matches(&Digest::of(&[token]))),
            }
    }

    /// The verdict, while it stands.
    pub(super) fn verdict(&self, now: Epoch) -> Option<&Verified> {
        self.stands(now).then_some(&self.verified)
    }

    pub(super) fn stands(&self, now: Epoch) -> bool {
        self.since == now && self.by.check.upholds(self.by.generation, self.until, &self.times)
    }
}
