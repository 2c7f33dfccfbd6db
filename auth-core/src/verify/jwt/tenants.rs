use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::builder::Blueprint;
use super::check::JwtCheck;
use super::trusted::{Answer, ClaimedIssuer, TrustedIssuers};
use crate::clock::within;
use crate::error::printable;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::{Clock, MonotonicTime};

/// A use is noted at most this often, so that threads which share an issuer do not write to one word at each token.
const USE_RESOLUTION: Duration = Duration::from_secs(1);

/// Look-ups of the user's that run at a time, about strangers and about known issuers each.
const MAX_LOOK_UPS: usize = 32;

/// How many refusals are remembered, and for how long.
const MAX_REFUSALS: usize = 1_000;
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// Issuers that nobody named beforehand, each with rules and keys of its own, made when its first token comes.
///
/// A token of an issuer that is there takes no lock.
pub(super) struct Tenants {
    trusted: TrustedIssuers,
    blueprint: Blueprint,
    clock: Clock,
    live: papaya::HashMap<Arc<str>, Arc<JwtCheck>>,
    /// For those whom nobody named, and who may be strangers.
    newcomers: Mutex<Newcomers>,
    look_ups: Semaphore,
    /// Look-ups about issuers of whom a token was good.
    renewals: Semaphore,
    refused: Mutex<HashMap<Arc<str>, MonotonicTime>>,
}

/// What is known of one of the issuers.
pub(in crate::verify) struct Standing {
    trusted: TrustedIssuers,
    issuer: ClaimedIssuer,
    /// When a look-up said yes.
    decided: AtomicU64,
    used: AtomicU64,
    /// Whether one of its tokens was good.
    proved: AtomicBool,
    retired: AtomicBool,
}

/// What comes of the name of an issuer.
pub(super) enum Known {
    Check(Arc<JwtCheck>),
    /// The user's look-up has to be waited for.
    Ask(ClaimedIssuer),
}

impl Tenants {
    pub(super) fn new(trusted: TrustedIssuers, blueprint: Blueprint) -> Self {
        let clock = blueprint.clock().clone();
        Self {
            trusted,
            blueprint,
            clock,
            live: papaya::HashMap::new(),
            newcomers: Mutex::default(),
            look_ups: Semaphore::new(MAX_LOOK_UPS),
            renewals: Semaphore::new(MAX_LOOK_UPS),
            refused: Mutex::default(),
        }
    }

    pub(super) fn trusted(&self) -> &TrustedIssuers {
        &self.trusted
    }

    pub(super) fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Who checks tokens of `issuer`; `None` if it has not the shape of these issuers, or is not trusted.
    pub(super) fn find(&self, issuer: &str) -> Result<Option<Known>, Fault> {
        let now = self.clock.now();
        {
            let live = self.live.pin();
            if let Some(check) = live.get(issuer) {
                let standing = check.standing();
                if standing.is_none_or(|standing| standing.holds(now)) {
                    if let Some(standing) = standing {
                        standing.touch(now);
                    }
                    return Ok(Some(Known::Check(Arc::clone(check))));
                }
            }
        }
        let Some(claimed) = self.trusted.claimed(issuer) else { return Ok(None) };
        match self.trusted.decide(&claimed) {
            Answer::Yes => self.admit(claimed, now).map(|check| Some(Known::Check(check))),
            Answer::No => {
                self.retire(issuer);
                Ok(None)
            }
            Answer::Ask if self.was_refused(issuer, now) => Ok(None),
            Answer::Ask => Ok(Some(Known::Ask(claimed))),
        }
    }

    /// Lets no verdict stand that was made with the keys of now.
    pub(super) fn forget(&self) {
        self.live.pin().values().for_each(|check| check.keys.forget());
    }

    /// Waits for what the user's look-up says.
    pub(super) async fn ask(&self, issuer: ClaimedIssuer) -> Result<Option<Arc<JwtCheck>>, Fault> {
        let unavailable = |why: String| Err(Fault::new(RejectionKind::LookupUnavailable, why));
        let limit = self.blueprint.timeout();
        let answer = within(&self.clock, limit, async {
            // Those of whom a token was good do not stand in line with whoever invents names.
            let line = if self.is_proved(issuer.url()) { &self.renewals } else { &self.look_ups };
            let _permit = line.acquire().await.ok()?;
            // Somebody who came with the same issuer may have asked already.
            match self.find(issuer.url()) {
                Ok(Some(Known::Ask(_))) => {}
                other => return Some(Err(other)),
            }
            Some(Ok(self.trusted.ask(&issuer)?.await))
        });
        match answer.await.flatten() {
            Some(Ok(Ok(true))) => self.admit(issuer, self.clock.now()).map(Some),
            Some(Ok(Ok(false))) => {
                self.retire(issuer.url());
                self.refuse(&issuer);
                Ok(None)
            }
            Some(Ok(Err(error))) => unavailable(format!(
                "it could not be looked up whether the issuer {:?} is trusted: {}",
                printable(issuer.url(), 200),
                printable(&error.to_string(), 200)
            )),
            Some(Err(found)) => Ok(found?.and_then(|known| match known {
                Known::Check(check) => Some(check),
                Known::Ask(_) => None,
            })),
            None => unavailable(format!(
                "it was not known within {:.1} s whether the issuer {:?} is trusted",
                limit.as_secs_f64(),
                printable(issuer.url(), 200)
            )),
        }
    }

    /// Whether a token of this issuer was good.
    fn is_proved(&self, issuer: &str) -> bool {
        let live = self.live.pin();
        let standing = live.get(issuer).and_then(|check| check.standing());
        standing.is_some_and(|standing| standing.proved.load(Ordering::Relaxed))
    }

    /// What to answer instead of waiting for a look-up.
    pub(super) fn pending(issuer: &ClaimedIssuer) -> Fault {
        let detail = format!("it is being looked up whether the issuer {:?} is trusted", printable(issuer.url(), 200));
        Fault::new(RejectionKind::LookupUnavailable, detail).retry_after(Duration::from_secs(1))
    }

    /// Makes the rules of a trusted issuer, unless somebody was faster.
    fn admit(&self, issuer: ClaimedIssuer, now: MonotonicTime) -> Result<Arc<JwtCheck>, Fault> {
        if let Some(check) = self.live.pin().get(issuer.url()) {
            // Still trusted: the keys that are there serve on.
            if let Some(standing) = check.standing() {
                standing.decided.store(now.as_nanos(), Ordering::Relaxed);
            }
            return Ok(Arc::clone(check));
        }
        if self.trusted.is_any() && !self.newcomers().take(now) {
            return Err(Fault::new(
                RejectionKind::Overloaded,
                "too many issuers that were not seen before have come at once, so that this one has to wait",
            )
            .retry_after(Duration::from_secs(1)));
        }
        let key = issuer.key();
        let standing = Standing {
            trusted: self.trusted.clone(),
            issuer,
            decided: AtomicU64::new(now.as_nanos()),
            used: AtomicU64::new(now.as_nanos()),
            proved: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        };
        let check = self.blueprint.check(&key, Some(standing)).map_err(|error| {
            let detail = format!("the issuer {:?} cannot be used: {error}", printable(&key, 200));
            Fault::new(RejectionKind::UnknownIssuer, detail)
        })?;
        self.make_room();
        // Somebody else may have been faster.
        let live = self.live.pin();
        let check = live.get_or_insert(key, Arc::new(check));
        Ok(Arc::clone(check))
    }

    /// At the bound, drops those that were used least recently: a tenth at once, so that a full map is not searched for each
    /// newcomer. Those of which no token was ever good go first, so that strangers displace each other.
    fn make_room(&self) {
        if self.live.len() < self.trusted.most() {
            return;
        }
        let live = self.live.pin();
        let mut all: Vec<_> = live
            .iter()
            .filter_map(|(key, check)| {
                let standing = check.standing()?;
                let used = standing.used.load(Ordering::Relaxed);
                Some((standing.proved.load(Ordering::Relaxed), used, Arc::clone(key)))
            })
            .collect();
        let excess = (all.len() + 1).saturating_sub(self.trusted.most());
        if excess == 0 {
            return;
        }
        all.sort_unstable_by_key(|(proved, used, _)| (*proved, *used));
        for (_, _, key) in all.iter().take(excess.max(self.trusted.most() / 10)) {
            self.retire(key);
        }
    }

    fn retire(&self, issuer: &str) {
        if let Some(check) = self.live.pin().remove(issuer) {
            if let Some(standing) = check.standing() {
                standing.retired.store(true, Ordering::Relaxed);
            }
        }
    }

    fn was_refused(&self, issuer: &str, now: MonotonicTime) -> bool {
        self.refused().get(issuer).is_some_and(|until| now < *until)
    }

    fn refuse(&self, issuer: &ClaimedIssuer) {
        let now = self.clock.now();
        let mut refused = self.refused();
        if refused.len() >= MAX_REFUSALS {
            refused.retain(|_, until| now < *until);
        }
        if refused.len() >= MAX_REFUSALS {
            refused.clear();
        }
        refused.insert(issuer.key(), now + REFUSED_FOR);
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<Arc<str>, MonotonicTime>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newcomers(&self) -> MutexGuard<'_, Newcomers> {
        self.newcomers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// What stands in the open part of the issuer's template.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.issuer.tenant()
    }

    /// Whether the issuer is trusted now, as far as that can be told at once.
    pub(super) fn holds(&self, now: MonotonicTime) -> bool {
        !self.retired.load(Ordering::Relaxed)
            && match self.trusted.decide(&self.issuer) {
                Answer::Yes => true,
                Answer::No => false,
                Answer::Ask => {
                    let decided = MonotonicTime::from_nanos(self.decided.load(Ordering::Relaxed));
                    now < decided + self.trusted.trusted_for()
                }
            }
    }

    /// Takes note that a token of the issuer was good.
    pub(super) fn prove(&self) {
        // Written once: it is read for every token.
        if !self.proved.load(Ordering::Relaxed) {
            self.proved.store(true, Ordering::Relaxed);
        }
    }

    fn touch(&self, now: MonotonicTime) {
        let last = MonotonicTime::from_nanos(self.used.load(Ordering::Relaxed));
        if now.saturating_since(last) >= USE_RESOLUTION {
            self.used.store(now.as_nanos(), Ordering::Relaxed);
        }
    }
}

/// How many issuers that anybody may name are let in: a hundred at once, and ten in a second.
struct Newcomers {
    left: u32,
    refilled: MonotonicTime,
}

impl Newcomers {
    const BURST: u32 = 100;
    const PERIOD: Duration = Duration::from_millis(100);

    fn take(&mut self, now: MonotonicTime) -> bool {
        let periods = now.saturating_since(self.refilled).as_nanos() / Self::PERIOD.as_nanos();
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        if periods >= Self::BURST - self.left {
            (self.left, self.refilled) = (Self::BURST, now);
        } else {
            self.left += periods;
            self.refilled = self.refilled + Self::PERIOD * periods;
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

impl Default for Newcomers {
    fn default() -> Self {
        Self { left: Self::BURST, refilled: MonotonicTime::START }
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A2
    #[test]
    fn a_hundred_newcomers_at_once_and_ten_in_a_second() {
        let mut newcomers = Newcomers::default();
        let at = |millis: u64| MonotonicTime::START + Duration::from_millis(1_000_000 + millis);
        let mut count = |millis| (0..1_000).filter(|_| newcomers.take(at(millis))).count();
        assert_eq!(count(0), 100);
        assert_eq!(count(99), 0);
        assert_eq!(count(1_000), 10);
        assert_eq!(count(1_150), 1);
        assert_eq!(count(1_200), 1, "what is left of a period counts");
        assert_eq!(count(100_000), 100);
    }
}
