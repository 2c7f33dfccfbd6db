use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use super::grants::Basis;
use super::report::{FamilyReport, RefreshReport, RefreshTokenReport};
use crate::delivery::{Delivery, Losses};

/// How many refresh tokens are kept; beyond that one that is of no more use is forgotten for each new one, and the oldest if all are of use.
const MAX_TOKENS: usize = 100_000;

/// The refresh tokens that a server issued, and what became of each.
#[derive(Default)]
pub(super) struct Ledger {
    tokens: HashMap<Arc<str>, RefreshGrant>,
    /// By serial.
    order: BTreeMap<u64, Arc<str>>,
    /// The serials of the tokens that were spent, in that order.
    spent: VecDeque<u64>,
    families: BTreeMap<u64, Family>,
    last_family: u64,
    last_serial: u64,
    totals: Totals,
    losses: Arc<Losses>,
}

/// What stands behind a refresh token.
#[derive(Clone)]
pub(super) struct RefreshGrant {
    pub(super) basis: Basis,
    /// Those that came from one another by rotation.
    pub(super) family: u64,
    /// When it is good no more, even unspent.
    pub(super) expires: Option<SystemTime>,
    /// When it was first exchanged for a newer one.
    pub(super) spent: Option<SystemTime>,
    /// How often its client asked for something with it.
    pub(super) presented: usize,
    arrived: usize,
    serial: u64,
    generation: u64,
}

/// Tokens that came from one another.
struct Family {
    client_id: String,
    subject: String,
    generation: u64,
    rotations: usize,
    revoked: bool,
    reused: bool,
    /// How many of its tokens are kept.
    kept: usize,
    losses: Arc<Losses>,
}

/// What is counted over everything, forgotten tokens included.
#[derive(Default)]
struct Totals {
    arrivals: usize,
    presentations: usize,
    unknown_presentations: usize,
    max_presentations: usize,
    repeated: usize,
    rotations: usize,
    reuses: usize,
    revoked_families: usize,
    forgotten: usize,
}

impl Ledger {
    pub(super) fn new_family(&mut self) -> u64 {
        self.last_family += 1;
        self.last_family
    }

    /// Adds a token to `family`: one generation after its newest.
    pub(super) fn add(&mut self, token: &str, family: u64, basis: Basis, expires: Option<SystemTime>) {
        if self.tokens.len() >= MAX_TOKENS {
            self.forget_one();
        }
        self.last_serial += 1;
        let kin = self.families.entry(family).or_insert_with(|| Family {
            client_id: basis.client_id.clone(),
            subject: basis.subject.clone(),
            generation: 0,
            rotations: 0,
            revoked: false,
            reused: false,
            kept: 0,
            losses: Arc::default(),
        });
        kin.generation += 1;
        kin.kept += 1;
        let token: Arc<str> = token.into();
        let (serial, generation) = (self.last_serial, kin.generation);
        self.order.insert(serial, Arc::clone(&token));
        let grant = RefreshGrant { basis, family, expires, spent: None, presented: 0, arrived: 0, serial, generation };
        self.tokens.insert(token, grant);
    }

    pub(super) fn get(&self, token: &str) -> Option<&RefreshGrant> {
        self.tokens.get(token)
    }

    /// A token that can be spent.
    pub(super) fn live(&self, token: &str, now: SystemTime) -> Option<&RefreshGrant> {
        self.get(token)
            .filter(|grant| grant.spent.is_none() && !grant.is_expired(now) && !self.is_revoked(grant.family))
    }

    pub(super) fn is_revoked(&self, family: u64) -> bool {
        self.families.get(&family).is_some_and(|family| family.revoked)
    }

    /// Counts a request that came with a token, before anything becomes of it.
    pub(super) fn arrive(&mut self, token: &str) {
        self.totals.arrivals += 1;
        if let Some(grant) = self.tokens.get_mut(token) {
            grant.arrived += 1;
        }
    }

    /// Counts a use of a token by its client.
    pub(super) fn present(&mut self, token: &str) {
        let totals = &mut self.totals;
        if let Some(grant) = self.tokens.get_mut(token) {
            grant.presented += 1;
            totals.presentations += 1;
            totals.max_presentations = totals.max_presentations.max(grant.presented);
            totals.repeated += usize::from(grant.presented == 2);
        }
    }

    /// Counts a use of a token that is not known, or is another client's.
    pub(super) fn present_unknown(&mut self) {
        self.totals.unknown_presentations += 1;
    }

    /// Marks a token as exchanged. What is returned goes with the answer.
    pub(super) fn spend(&mut self, token: &str, now: SystemTime) -> Option<Arc<Delivery>> {
        let grant = self.tokens.get_mut(token)?;
        let family = self.families.get_mut(&grant.family)?;
        if grant.spent.replace(grant.spent.unwrap_or(now)).is_none() {
            self.spent.push_back(grant.serial);
        }
        family.rotations += 1;
        self.totals.rotations += 1;
        Some(Delivery::new([Arc::clone(&family.losses), Arc::clone(&self.losses)]))
    }

    /// A token of `family` came again after it was spent.
    pub(super) fn note_reuse(&mut self, family: u64) {
        self.totals.reuses += 1;
        if let Some(family) = self.families.get_mut(&family) {
            family.reused = true;
        }
    }

    pub(super) fn revoke(&mut self, family: u64) {
        if let Some(family) = self.families.get_mut(&family) {
            self.totals.revoked_families += usize::from(!family.revoked);
            family.revoked = true;
        }
    }

    /// Revokes every family of `subject`. How many there were.
    pub(super) fn revoke_subject(&mut self, subject: &str) -> usize {
        let live = self.families.values_mut().filter(|family| family.subject == subject && !family.revoked);
        let count = live.map(|family| family.revoked = true).count();
        self.totals.revoked_families += count;
        count
    }

    pub(super) fn max_presentations(&self) -> usize {
        self.totals.max_presentations
    }

    pub(super) fn report(&self) -> RefreshReport {
        let tokens = self.order.values().filter_map(|token| self.tokens.get(token)).map(|grant| RefreshTokenReport {
            serial: grant.serial,
            family: grant.family,
            generation: grant.generation,
            arrivals: grant.arrived,
            presentations: grant.presented,
            is_spent: grant.spent.is_some(),
        });
        let families = self.families.iter().map(|(id, family)| FamilyReport {
            family: *id,
            client_id: family.client_id.clone(),
            subject: family.subject.clone(),
            generation: family.generation,
            rotations: family.rotations,
            is_revoked: family.revoked,
            was_reused: family.reused,
            replies_dropped: family.losses.dropped(),
            replies_undelivered: family.losses.undelivered(),
        });
        RefreshReport {
            tokens: tokens.collect(),
            families: families.collect(),
            arrivals: self.totals.arrivals,
            presentations: self.totals.presentations,
            unknown_presentations: self.totals.unknown_presentations,
            max_presentations: self.totals.max_presentations,
            presented_more_than_once: self.totals.repeated,
            rotations: self.totals.rotations,
            reuses: self.totals.reuses,
            families_revoked: self.totals.revoked_families,
            replies_dropped: self.losses.dropped(),
            replies_undelivered: self.losses.undelivered(),
            forgotten: self.totals.forgotten,
        }
    }

    /// Forgets a token, and its family with the last one.
    fn forget_one(&mut self) {
        let Some(serial) = self.spent.pop_front().or_else(|| self.order.keys().next().copied()) else { return };
        let Some(grant) = self.order.remove(&serial).and_then(|token| self.tokens.remove(&token)) else { return };
        self.totals.forgotten += 1;
        if let Some(family) = self.families.get_mut(&grant.family) {
            family.kept -= 1;
            if family.kept == 0 {
                self.families.remove(&grant.family);
            }
        }
    }
}

impl RefreshGrant {
    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    // THREAT-A9
    #[test]
    fn spent_tokens_are_forgotten_first_and_stay_counted() {
        let mut ledger = Ledger::default();
        let (idle, busy) = (ledger.new_family(), ledger.new_family());
        ledger.add("idle", idle, Basis::default(), None);
        for number in 0..MAX_TOKENS + 9 {
            let token = number.to_string();
            ledger.add(&token, busy, Basis::default(), None);
            ledger.present(&token);
            ledger.spend(&token, NOW).unwrap().sent();
        }
        assert!(ledger.get("idle").is_some() && ledger.get("9").is_none() && ledger.get("10").is_some());
        let report = ledger.report();
        assert_eq!((report.tokens.len(), report.forgotten), (MAX_TOKENS, 10));
        assert_eq!(
            (report.rotations, report.presentations, report.max_presentations),
            (MAX_TOKENS + 9, MAX_TOKENS + 9, 1)
        );
    }

    #[test]
    fn a_family_is_forgotten_with_its_last_token() {
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            let family = ledger.new_family();
            ledger.add(&family.to_string(), family, Basis::default(), None);
        }
        ledger.forget_one();
        let report = ledger.report();
        assert_eq!((report.tokens.len(), report.families.len(), report.families[0].family), (1, 1, 2));
    }
}
