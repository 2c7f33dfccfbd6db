use std::sync::Arc;

use tokio::runtime::Handle as Runtime;

use super::accounts::{Accounts, Known};
use super::login::Login;
use super::memo::LoginMemo;
use super::pair_key::PairTag;
use super::pool::{self, HashPool, Place};
use super::rehash::Rehash;
use super::users::refused;
use super::{PasswordCost, UserAccount};
use crate::Clock;
use crate::credential::PairText;
use crate::verify::principal::Principal;
use crate::verify::rejection::Fault;
use crate::verify::step::{Finding, Step};
use crate::verify::telemetry::{self, PasswordOutcome};

/// The users whose passwords must be hashed, and all that this takes.
pub(super) struct HashedUsers {
    pub(super) accounts: Accounts,
    pub(super) pool: Arc<HashPool>,
    pub(super) memo: Option<LoginMemo>,
    /// Whether a look-up is asked also about pairs that the memo knows.
    pub(super) always_look_up: bool,
    pub(super) rehash: Option<Arc<Rehash>>,
    pub(super) cost: PasswordCost,
    pub(super) clock: Clock,
}

/// A pair that somebody tries, and what it is known by.
pub(super) struct Attempt {
    pub(super) pair: PairText,
    pub(super) tag: PairTag,
}

impl HashedUsers {
    pub(super) fn verify(self: &Arc<Self>, attempt: Attempt) -> Step {
        if let Some(principal) = self.at_once(&attempt) {
            return Step::from(Ok(principal));
        }
        match self.pool.enter() {
            Ok(place) => {
                let remembered = self.memo.is_some();
                Step::wait(pool::pending(), Login::new(Arc::clone(self).decide(attempt, place), remembered))
            }
            Err(full) => {
                telemetry::password(PasswordOutcome::TurnedAway);
                Step::from(full)
            }
        }
    }

    /// Who it is, if the memo knows the pair and nobody else must be asked.
    fn at_once(&self, attempt: &Attempt) -> Option<Principal> {
        let user = attempt.pair.user();
        let remembered = self.memo.as_ref()?.find(user, &attempt.tag, &self.clock)?;
        let account = match &self.accounts {
            Accounts::Listed(listed) => listed.find_at_once(user).filter(|now| agree(&remembered, now))?,
            Accounts::LookedUp(_) if self.always_look_up => return None,
            Accounts::LookedUp(_) => remembered,
        };
        Some(account.principal(user))
    }

    async fn decide(self: Arc<Self>, attempt: Attempt, place: Place) -> Result<Finding, Fault> {
        // As old as what it is based on, however long the hash takes.
        let until = self.memo.as_ref().map(|memo| memo.until(&self.clock));
        let user = attempt.pair.user();
        let (account, kinds) = self.accounts.find(user, &self.clock).await?;
        if let Some(memo) = &self.memo {
            memo.compare(user, account.as_deref());
        }
        if let Some(principal) = self.by_memo(&attempt, &account) {
            return Ok(principal.into());
        }
        let turn = place.turn().await?;
        // The same pair may have been hashed for somebody else meanwhile.
        if let Some(principal) = self.by_memo(&attempt, &account) {
            return Ok(principal.into());
        }
        let users = Arc::clone(&self);
        // All of it on that thread, so that a login counts also if its caller goes away.
        let hashing = turn.run(move || {
            let password = attempt.pair.password();
            let admitted = kinds.admits(account.as_deref(), password, users.cost)?;
            telemetry::password(if admitted { PasswordOutcome::Right } else { PasswordOutcome::Wrong });
            let admitted = account.filter(|_| admitted);
            if let (Some(memo), Some(until), Some(account)) = (&users.memo, until, &admitted) {
                memo.remember(attempt.pair.user(), attempt.tag, Arc::clone(account), until, &users.clock);
            }
            Ok((attempt.pair, admitted))
        });
        let (pair, admitted) = hashing.await?;
        let account = admitted.ok_or_else(refused)?;
        self.strengthen(&pair, &account);
        Ok(account.principal(pair.user()).into())
    }

    /// Who it is, if the memo knows the pair and the account is as it was then.
    fn by_memo(&self, attempt: &Attempt, account: &Known) -> Option<Principal> {
        let user = attempt.pair.user();
        let account = account.as_ref()?;
        let remembered = self.memo.as_ref()?.find(user, &attempt.tag, &self.clock)?;
        agree(&remembered, account).then(|| account.principal(user))
    }

    /// Has a stronger hash made, beside the request.
    fn strengthen(&self, pair: &PairText, account: &UserAccount) {
        let Some(rehash) = self.rehash.as_ref().filter(|_| account.hash().is_weaker_than(self.cost)) else { return };
        let Ok(runtime) = Runtime::try_current() else { return };
        let (pool, old) = (Arc::clone(&self.pool), account.hash().clone());
        runtime.spawn(Arc::clone(rehash).run(pool, pair.user().into(), old, pair.password().into(), self.cost));
    }
}

/// Whether what held for the account then holds for it now.
fn agree(then: &UserAccount, now: &UserAccount) -> bool {
    now.is_open() && now.hash().is_same(then.hash())
}
