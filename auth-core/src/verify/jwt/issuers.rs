use std::future::Future;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::check::JwtCheck;
use super::tenants::{Known, Tenants};
use super::trusted::ClaimedIssuer;
use crate::SubjectToken;
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::jose::{JoseError, Jws, LastHeader, MAX_TOKEN_LEN};
use crate::verify::KeysStatus;
use crate::verify::keys::{KeyWait, Landed, Miss};
use crate::verify::memo::{MemoOptions, Memorable};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::{Finding, Step};

/// The issuers whose tokens are accepted, each with its own rules and keys.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Issuers {
    /// Those that were named beforehand. One of them is never one of the others too.
    named: Vec<Arc<JwtCheck>>,
    tenants: Vec<Arc<Tenants>>,
    last_header: LastHeader,
}

/// Why a token is not verified at once.
enum Pause {
    Fault(Fault),
    /// For keys. An issuer that nobody named comes along: it may have made room for another until they are there.
    Keys(KeyWait, Option<Arc<JwtCheck>>),
    /// For the user to say whether an issuer is trusted.
    Trust(Arc<Tenants>, ClaimedIssuer),
}

/// What was waited for. Nothing is waited for twice.
#[derive(Default)]
struct Waited {
    keys: Option<Landed>,
    issuer: Option<Arc<JwtCheck>>,
}

impl Issuers {
    pub(super) fn one(check: JwtCheck) -> Self {
        Self { named: vec![Arc::new(check)], ..Self::default() }
    }

    pub(super) fn tenants(tenants: Tenants) -> Self {
        Self { tenants: vec![Arc::new(tenants)], ..Self::default() }
    }

    pub(in crate::verify) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.tenants.is_empty()
    }

    /// Lets no verdict stand that was made with the keys of now.
    pub(in crate::verify) fn forget(&self) {
        self.named.iter().for_each(|check| check.keys.forget());
        self.tenants.iter().for_each(|tenants| tenants.forget());
    }

    /// Tells how the keys of each issuer are that was named. Those of tenants do not count: strangers could bring them into any
    /// state.
    pub(in crate::verify) fn report(&self, keys: &mut Vec<KeysStatus>) {
        keys.extend(self.named.iter().map(|check| check.keys.status(&check.issuer)));
    }

    /// What they are called, or what their names look like.
    pub(in crate::verify) fn names(&self) -> Vec<&str> {
        let shapes = self.tenants.iter().map(|tenants| tenants.trusted().shape());
        self.named.iter().map(|check| &*check.issuer).chain(shapes).collect()
    }

    /// Takes others in. No issuer may have two sets of rules, since it could not be told which of them holds.
    pub(in crate::verify) fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        let twice = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        for check in &other.named {
            if self.named.iter().any(|own| own.issuer == check.issuer) {
                return twice(format!("the issuer {} is there twice: give one verifier both audiences", check.issuer));
            }
            self.named.push(Arc::clone(check));
        }
        for tenants in &other.tenants {
            if let Some(own) = self.tenants.iter().find(|own| own.trusted().overlaps(tenants.trusted())) {
                return twice(format!(
                    "trusted issuers of the shape {} may be of the shape {} too: make one of them",
                    own.trusted().shape(),
                    tenants.trusted().shape()
                ));
            }
            self.tenants.push(Arc::clone(tenants));
        }
        Ok(())
    }

    /// Whether `token` is a JWT that names one of these issuers, or one of the shape of those that may be trusted. Nothing of it
    /// is verified.
    #[cfg(feature = "introspection")]
    pub(in crate::verify) fn is_of_known_issuer(&self, token: &str) -> bool {
        let mut buffer = Vec::new();
        let Ok(jws) = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer) else { return false };
        let Ok(claims) = jws.claims() else { return false };
        claims.iss.is_some_and(|issuer| {
            self.named.iter().any(|check| *check.issuer == *issuer)
                || self.tenants.iter().any(|tenants| tenants.trusted().claimed(&issuer).is_some())
        })
    }

    /// Verifies a token; the order of the rules is documented at [`JwtVerifier`](super::JwtVerifier).
    pub(in crate::verify) fn verify(&self, token: &str) -> Step {
        match self.attempt(token, &Waited::default()) {
            Ok(found) => Step::Done(Ok(found)),
            Err(Pause::Fault(fault)) => fault.into(),
            Err(pause) => Step::wait(pause.pending(), self.resume(pause, token)),
        }
    }

    /// What verdicts may be remembered, if any.
    pub(in crate::verify) fn memo_options(&self) -> Option<MemoOptions> {
        let named = self.named.iter().filter(|check| check.is_remembered()).map(|check| check.memo);
        let tenants = self.tenants.iter().filter_map(|tenants| tenants.blueprint().memo_options());
        named.chain(tenants).reduce(MemoOptions::and)
    }

    /// Verifies a token again after what it needs has come, or not.
    fn resume(&self, mut pause: Pause, token: &str) -> impl Future<Output = Result<Finding, Fault>> + Send + 'static {
        let issuers = self.clone();
        let token = Zeroizing::new(token.to_owned());
        async move {
            let mut waited = Waited::default();
            // A first fetch that was under way already may be from before the token's key; nobody waits for a third.
            let mut fetches = 0;
            loop {
                match pause {
                    Pause::Keys(wait, issuer) if fetches < 2 => {
                        fetches += 1;
                        let landed = wait.landed().await;
                        // There is one at a time: a second one began after the first, so after the token came.
                        waited.keys = Some(if fetches == 1 { landed } else { landed.of_a_later_fetch() });
                        waited.issuer = waited.issuer.or(issuer);
                    }
                    Pause::Trust(tenants, issuer) if waited.issuer.is_none() => {
                        let found = tenants.ask(issuer.clone()).await?;
                        waited.issuer = Some(found.ok_or_else(|| unknown_issuer(issuer.url()))?);
                    }
                    other => return Err(other.pending()),
                }
                pause = match issuers.attempt(&token, &waited) {
                    Ok(found) => return Ok(found),
                    Err(pause) => pause,
                };
            }
        }
    }

    /// Waits for the keys of every issuer that was named.
    pub(in crate::verify) async fn ready(&self) -> Result<(), Fault> {
        // The fetches are tasks of their own, so they run at the same time.
        let begun: Vec<_> = self.named.iter().map(|check| (check, check.keys.ready())).collect();
        for (check, state) in begun {
            let state = match state {
                Err(Miss::Wait(wait)) => {
                    // Whatever it brought: older keys may serve.
                    wait.landed().await;
                    check.keys.ready()
                }
                other => other,
            };
            state.map_err(Miss::into_fault)?;
        }
        Ok(())
    }

    fn attempt(&self, token: &str, waited: &Waited) -> Result<Finding, Pause> {
        let mut buffer = Vec::new();
        let known = self.last_header.load();
        let found;
        let (check, caller, generation) = {
            let jws = Jws::parse_beside(&known, token, MAX_TOKEN_LEN, &mut buffer).map_err(not_a_token)?;
            let claims = jws.claims().map_err(not_a_token)?;
            let Some(issuer) = claims.iss.as_deref() else {
                return Err(Fault::new(RejectionKind::UnknownIssuer, "the token has no `iss`").into());
            };
            // Not verified yet, so it only chooses whose rules and keys the token must satisfy.
            let check = match (self.named.iter().find(|check| *check.issuer == *issuer), &waited.issuer) {
                (Some(named), _) => named,
                (None, Some(waited_for)) => waited_for,
                (None, None) => {
                    found = self.tenant(issuer)?;
                    &found
                }
            };
            let (caller, generation) = check.check(&jws, &claims, waited.keys.as_ref()).map_err(|miss| match miss {
                Miss::Fault(fault) => Pause::Fault(fault),
                Miss::Wait(wait) => Pause::Keys(wait, check.standing().map(|_| Arc::clone(check))),
            })?;
            self.last_header.learn(&known, token, jws.header());
            (check, caller, generation)
        };
        let principal = caller
            .into_principal(buffer)
            .ok_or_else(|| Fault::new(RejectionKind::Malformed, "the claims are not a text"))?;
        let subject_token = check.keep_subject_token.then(|| SubjectToken::new(token, principal.expires_at));
        let memorable = if principal.is_bound() { None } else { Memorable::new(check, generation) };
        Ok(Finding { principal, subject_token, memorable })
    }

    /// Who checks tokens of an issuer that was not named.
    fn tenant(&self, issuer: &str) -> Result<Arc<JwtCheck>, Pause> {
        for tenants in &self.tenants {
            match tenants.find(issuer)? {
                Some(Known::Check(check)) => return Ok(check),
                Some(Known::Ask(claimed)) => return Err(Pause::Trust(Arc::clone(tenants), claimed)),
                None => {}
            }
        }
        Err(unknown_issuer(issuer).into())
    }
}

impl Pause {
    /// What to answer instead of waiting.
    fn pending(&self) -> Fault {
        match self {
            Self::Fault(fault) => fault.clone(),
            Self::Keys(wait, _) => wait.pending(),
            Self::Trust(_, issuer) => Tenants::pending(issuer),
        }
    }
}

impl From<Fault> for Pause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

#[cold]
fn not_a_token(error: JoseError) -> Fault {
    let kind = match error {
        JoseError::UnknownAlgorithm => RejectionKind::UnsupportedAlgorithm,
        _ => RejectionKind::Malformed,
    };
    Fault::new(kind, format!("the token is not an acceptable JWT: {error}"))
}

#[cold]
fn unknown_issuer(issuer: &str) -> Fault {
    Fault::new(RejectionKind::UnknownIssuer, format!("the issuer {:?} is not accepted", printable(issuer, 200)))
}
