use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::caller::Caller;
use super::rights::Rights;
use super::rules::{Rules, check_actor};
use super::tenants::Standing;
use super::times;
use crate::jose::{AlgorithmSet, Claims, Jws};
use crate::verify::claim::Places;
use crate::verify::keys::{Generation, KeySource, Landed, Miss};
use crate::verify::memo::MemoOptions;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::{Clock, MonotonicTime};

/// The rules for the tokens of one issuer.
#[derive(Debug)]
pub(in crate::verify) struct JwtCheck {
    pub(super) issuer: Box<str>,
    pub(super) audiences: Box<[Box<str>]>,
    pub(super) rules: Rules,
    /// What rules and rights look at.
    pub(super) places: Places,
    pub(super) algorithms: AlgorithmSet,
    pub(super) leeway: Duration,
    pub(super) rights: Rights,
    pub(super) keep_subject_token: bool,
    /// How long a verdict may be remembered.
    pub(super) memo_ttl: Duration,
    pub(super) memo: MemoOptions,
    pub(super) clock: Clock,
    pub(super) keys: KeySource,
    /// `None` for an issuer that was named beforehand.
    pub(super) standing: Option<Standing>,
}

impl JwtCheck {
    /// Checks a token whose `iss` is ours. Everything that needs no key comes first: what is refused here costs no
    /// signature. `after` is what came of the fetch of keys that was waited for. Which keys it was checked with is told too.
    pub(super) fn check(
        &self,
        jws: &Jws<'_>,
        claims: &Claims<'_>,
        after: Option<&Landed>,
    ) -> Result<(Caller, Generation), Miss> {
        let header = jws.header();
        if !self.algorithms.contains(header.alg) {
            return Err(self.fault(RejectionKind::UnsupportedAlgorithm, || {
                format!("the token's algorithm {} is not among those accepted of this issuer", header.alg)
            }));
        }
        let picked = self.places.pick(claims.raw);
        self.rules.check_kind(header, claims, &picked, &self.issuer)?;
        self.rules.check_audience(claims, &picked, &self.audiences, &self.issuer)?;
        let wall = self.clock.wall();
        times::check(claims, wall, self.leeway)?;
        self.rules.check_claims(claims, &picked)?;
        check_actor(claims)?;
        if claims.cnf.as_ref().is_some_and(|cnf| cnf.has_unknown || (cnf.jkt.is_none() && cnf.x5t_s256.is_none())) {
            return Err(Fault::new(
                RejectionKind::BoundToken,
                "the token is bound (`cnf`) in a way that is not understood here",
            )
            .into());
        }
        let generation = self.keys.verify(jws, wall, after)?;
        if let Some(standing) = &self.standing {
            standing.prove();
        }
        Ok((Caller::new(claims, &picked, &self.rights)?, generation))
    }

    /// What is known of an issuer that was not named beforehand.
    pub(super) fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// Whether a verdict that was made with keys of this generation still stands: until then by the one clock, and within
    /// these times by the other, which can be set back too.
    pub(in crate::verify) fn upholds(
        &self,
        generation: Generation,
        until: MonotonicTime,
        times: &Range<SystemTime>,
    ) -> bool {
        let wall = self.clock.wall();
        let now = self.clock.now();
        now < until
            && times.contains(&wall)
            && self.keys.serves(generation, now, wall)
            && self.standing.as_ref().is_none_or(|standing| standing.holds(now))
    }

    /// Whether verdicts may be remembered.
    pub(in crate::verify) fn is_remembered(&self) -> bool {
        !self.memo_ttl.is_zero()
    }

    /// The earliest time of day at which a verdict of now counts. What was valid now may not be valid yet by a clock that was
    /// set back further.
    pub(in crate::verify) fn remember_from(&self) -> SystemTime {
        self.clock.wall().checked_sub(self.leeway).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Until when a verdict of now may be remembered.
    pub(in crate::verify) fn remember_until(&self) -> MonotonicTime {
        self.clock.now() + self.memo_ttl
    }

    #[cold]
    fn fault(&self, kind: RejectionKind, detail: impl FnOnce() -> String) -> Miss {
        Fault::new(kind, format!("{} (issuer {})", detail(), self.issuer)).into()
    }
}
