use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle as Runtime;

use super::UserAccount;
use super::htpasswd::HtpasswdFile;
use super::kinds::Kinds;
use super::lookup::ErasedLookup;
use crate::Clock;
use crate::clock::within;
use crate::verify::rejection::{Fault, RejectionKind};

/// Where the users are whose passwords must be hashed.
pub(super) enum Accounts {
    Listed(Listed),
    LookedUp(LookedUp),
}

/// Users that are known beforehand: of a list, of a file, or of both.
pub(super) struct Listed {
    users: HashMap<Box<str>, Arc<UserAccount>>,
    kinds: Kinds,
    file: Option<Arc<HtpasswdFile>>,
}

/// Users that somebody else knows.
pub(super) struct LookedUp {
    lookup: Box<dyn ErasedLookup>,
    timeout: Duration,
    /// The kinds of hash that were seen so far.
    kinds: ArcSwap<Kinds>,
}

/// What is known of a user at this time, if there is such a user.
pub(super) type Known = Option<Arc<UserAccount>>;

impl Accounts {
    /// The account of `user` as it is now, and the kinds of hash that a refusal is to cost.
    pub(super) async fn find(&self, user: &str, clock: &Clock) -> Result<(Known, Kinds), Fault> {
        match self {
            Self::Listed(listed) => {
                listed.renew().await;
                Ok((listed.find(user), listed.kinds()))
            }
            Self::LookedUp(looked_up) => {
                let account = looked_up.find(user, clock).await?;
                Ok((account, looked_up.kinds()))
            }
        }
    }
}

impl Listed {
    /// The users of a list, and those of a file.
    pub(super) fn new(users: HashMap<Box<str>, Arc<UserAccount>>, file: Option<HtpasswdFile>) -> Self {
        let kinds = Kinds::of(users.values().map(|account| account.hash().kind()));
        Self { users, kinds, file: file.map(Arc::new) }
    }

    /// The account of `user`, without a look at the file; that is done beside, if it is time.
    pub(super) fn find_at_once(&self, user: &str) -> Known {
        if let Some(file) = &self.file {
            file.look_beside();
        }
        self.find(user)
    }

    /// Of a user who is in both, the list knows better.
    fn find(&self, user: &str) -> Known {
        let listed = self.users.get(user).cloned();
        listed.or_else(|| self.file.as_ref()?.find(user))
    }

    /// Looks at the file, if it is time to: who has just been taken out of it must not get in.
    async fn renew(&self) {
        let Some(file) = self.file.as_ref().filter(|file| file.is_due()) else { return };
        let file = Arc::clone(file);
        if let Ok(runtime) = Runtime::try_current() {
            // A look that panics or is cut off leaves things as they are.
            let _ = runtime.spawn_blocking(move || file.look()).await;
        }
    }

    fn kinds(&self) -> Kinds {
        let mut kinds = self.kinds.clone();
        if let Some(file) = &self.file {
            kinds.add(&file.kinds());
        }
        kinds
    }
}

impl LookedUp {
    /// The users that `lookup` finds, each within `timeout`.
    pub(super) fn new(lookup: Box<dyn ErasedLookup>, timeout: Duration) -> Self {
        Self { lookup, timeout, kinds: ArcSwap::default() }
    }

    async fn find(&self, user: &str, clock: &Clock) -> Result<Known, Fault> {
        let unavailable = |detail: String| Fault::new(RejectionKind::LookupUnavailable, detail);
        let account = match within(clock, self.timeout, self.lookup.look_up_boxed(user)).await {
            Some(Ok(account)) => account.map(Arc::new),
            Some(Err(error)) => return Err(unavailable(format!("the look-up of a user failed: {error}"))),
            None => {
                let seconds = self.timeout.as_secs_f64();
                return Err(unavailable(format!("the look-up of a user took longer than {seconds:.1} s")));
            }
        };
        if let Some(account) = &account {
            self.learn(account);
        }
        Ok(account)
    }

    /// Takes note of the kind of a hash. Nothing is known of them beforehand.
    fn learn(&self, account: &UserAccount) {
        let seen = Kinds::of([account.hash().kind()]);
        let mut kinds = Kinds::clone(&self.kinds.load());
        if kinds.add(&seen) {
            self.kinds.rcu(|current| {
                let mut all = Kinds::clone(current);
                all.add(&seen);
                all
            });
        }
    }

    fn kinds(&self) -> Kinds {
        Kinds::clone(&self.kinds.load())
    }
}
