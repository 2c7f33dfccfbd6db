use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use super::hash::OutOfMemory;
use super::pool::HashPool;
use super::{PasswordCost, PasswordHash};
use crate::{BoxError, Secret};

/// A stronger hash of a password that a user has just logged in with; see
/// [`BasicVerifier::on_login`](super::BasicVerifier::on_login).
#[derive(Clone, Debug)]
#[must_use = "the new hash is lost unless it is stored"]
pub struct StrongerHash {
    user: Box<str>,
    old: PasswordHash,
    new: PasswordHash,
}

impl StrongerHash {
    /// The user-id.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The hash to be replaced. If it is not the stored one any more, the user has another password by now, and the new
    /// hash must not be stored: `UPDATE … WHERE user = ? AND hash = ?`.
    #[must_use]
    pub fn old_hash(&self) -> &PasswordHash {
        &self.old
    }

    /// The hash to be stored.
    #[must_use]
    pub fn new_hash(&self) -> &PasswordHash {
        &self.new
    }
}

type Hook = dyn Fn(StrongerHash) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send + Sync;

/// Makes hashes stronger, one at a time for each user.
pub(super) struct Rehash {
    hook: Box<Hook>,
    under_way: Mutex<HashSet<Box<str>>>,
}

impl Rehash {
    pub(super) fn new<F, Fut, E>(hook: F) -> Self
    where
        F: Fn(StrongerHash) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let hook = Box::new(move |stronger| {
            let future = hook(stronger);
            Box::pin(async move { future.await.map_err(Into::into) }) as Pin<Box<dyn Future<Output = _> + Send>>
        });
        Self { hook, under_way: Mutex::default() }
    }

    /// Hashes and tells the hook, unless that is under way for this user, or there is more to hash than can be: the next
    /// login comes.
    pub(super) async fn run(
        self: Arc<Self>,
        pool: Arc<HashPool>,
        user: Box<str>,
        old: PasswordHash,
        password: Secret,
        cost: PasswordCost,
    ) {
        let Some(_claim) = self.claim(&user) else { return };
        let Ok(place) = pool.enter() else { return };
        let Ok(turn) = place.turn().await else { return };
        let hashing = turn.run(move || PasswordHash::hash_with(&password, cost).map_err(|_| OutOfMemory));
        let Ok(new) = hashing.await else { return };
        if let Err(error) = (self.hook)(StrongerHash { user, old, new }).await {
            tracing::warn!(error = %error, "stronger password hash not stored");
        }
    }

    fn claim(&self, user: &str) -> Option<Claim<'_>> {
        let mut under_way = self.under_way.lock().ok()?;
        under_way.insert(user.into()).then(|| Claim { rehash: self, user: user.into() })
    }
}

/// Gives the user free for another rehash, whatever became of this one.
struct Claim<'a> {
    rehash: &'a Rehash,
    user: Box<str>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Ok(mut under_way) = self.rehash.under_way.lock() {
            under_way.remove(&self.user);
        }
    }
}

impl fmt::Debug for Rehash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehash").finish_non_exhaustive()
    }
}
