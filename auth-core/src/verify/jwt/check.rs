use std::time::Duration;

use super::caller::{Caller, Rights};
use super::{Profile, times};
use crate::Clock;
use crate::error::printable;
use crate::jose::{AlgorithmSet, Claims, Jws};
use crate::verify::keys::{KeySource, Landed, Miss};
use crate::verify::rejection::{Fault, RejectionKind};

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
    pub(super) clock: Clock,
    pub(super) keys: KeySource,
}

impl JwtCheck {
    /// Checks a token whose `iss` is ours. Everything that needs no key comes first: what is refused here costs no
    /// signature. `after` is what came of the fetch of keys that was waited for.
    pub(super) fn check(&self, jws: &Jws<'_>, claims: &Claims<'_>, after: Option<&Landed>) -> Result<Caller, Miss> {
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
        if claims.cnf.is_some() {
            return Err(Fault::new(
                RejectionKind::BoundToken,
                "the token is bound to a key (`cnf`) and was presented as a plain Bearer token",
            )
            .into());
        }
        self.keys.verify(jws, wall, after)?;
        Ok(Caller::new(claims, &self.rights)?)
    }

    #[cold]
    fn fault(&self, kind: RejectionKind, detail: impl FnOnce() -> String) -> Miss {
        Fault::new(kind, format!("{} (issuer {})", detail(), self.issuer)).into()
    }
}
