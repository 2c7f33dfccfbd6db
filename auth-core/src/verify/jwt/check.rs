use std::time::{Duration, SystemTime};

use super::caller::{Caller, Rights};
use super::{Profile, times};
use crate::error::printable;
use crate::jose::{AlgorithmSet, Claims, Jws};
use crate::verify::keys::{Generation, KeySource, Landed, Miss};
use crate::verify::memo::MemoOptions;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::{Clock, MonotonicTime};

/// The rules for the tokens of one issuer.
#[derive(Debug)]
pub(in crate::verify) struct JwtCheck {
    pub(super) issuer: Box<str>,
    pub(super) audiences: Box<[Box<str>]>,
    pub(super) profile: Profile,
    pub(super) algorithms: AlgorithmSet,
    pub(super) leeway: Duration,
    pub(super) rights: Rights,
    pub(super) keep_subject_token: bool,
    /// How long a verdict may be remembered.
    pub(super) memo_ttl: Duration,
    pub(super) memo: MemoOptions,
    pub(super) clock: Clock,
    pub(super) keys: KeySource,
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
        self.profile.check_kind(header, claims)?;
        match &claims.aud {
            Some(aud) if self.audiences.iter().any(|own| aud.contains(own)) => {}
            Some(aud) => {
                return Err(self.fault(RejectionKind::WrongAudience, || {
                    let shown: Vec<_> = aud.iter().take(4).map(|one| printable(one, 100)).collect();
                    format!("the token is for {shown:?}, and we are {:?}", self.audiences)
                }));
            }
            None => return Err(Fault::new(RejectionKind::WrongAudience, "the token has no `aud`").into()),
        }
        let wall = self.clock.wall();
        times::check(claims, wall, self.leeway)?;
        self.profile.check_claims(claims)?;
        if claims.cnf.as_ref().is_some_and(|cnf| cnf.has_unknown || (cnf.jkt.is_none() && cnf.x5t_s256.is_none())) {
            return Err(Fault::new(
                RejectionKind::BoundToken,
                "the token is bound (`cnf`) in a way that is not understood here",
            )
            .into());
        }
        let generation = self.keys.verify(jws, wall, after)?;
        Ok((Caller::new(claims, &self.rights)?, generation))
    }

    /// Whether a verdict that was made with keys of this generation still stands.
    pub(in crate::verify) fn upholds(&self, generation: Generation, until: MonotonicTime, end: SystemTime) -> bool {
        let wall = self.clock.wall();
        self.clock.now() < until && wall < end && self.keys.serves(generation, wall)
    }

    /// Whether verdicts may be remembered.
    pub(in crate::verify) fn is_remembered(&self) -> bool {
        !self.memo_ttl.is_zero()
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
