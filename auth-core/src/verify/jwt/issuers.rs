use std::future::Future;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::check::JwtCheck;
use crate::SubjectToken;
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::jose::{JoseError, Jws, MAX_TOKEN_LEN};
use crate::verify::KeysStatus;
use crate::verify::keys::{KeyWait, Landed, Miss};
use crate::verify::memo::{MemoOptions, Memorable};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::{Finding, Step};

/// The issuers whose tokens are accepted, each with its own rules and keys.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Issuers(Vec<Arc<JwtCheck>>);

impl Issuers {
    pub(super) fn one(check: JwtCheck) -> Self {
        Self(vec![Arc::new(check)])
    }

    pub(in crate::verify) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells how the keys of each issuer are.
    pub(in crate::verify) fn report(&self, keys: &mut Vec<KeysStatus>) {
        keys.extend(self.0.iter().map(|check| check.keys.status(&check.issuer)));
    }

    pub(in crate::verify) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|check| &*check.issuer).collect()
    }

    pub(in crate::verify) fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        for check in &other.0 {
            if self.0.iter().any(|own| own.issuer == check.issuer) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("the issuer {} is there twice: give one verifier both audiences", check.issuer),
                ));
            }
            self.0.push(Arc::clone(check));
        }
        Ok(())
    }

    /// Verifies a token; the order of the rules is documented at [`JwtVerifier`](super::JwtVerifier).
    pub(in crate::verify) fn verify(&self, token: &str) -> Step {
        match self.attempt(token, None) {
            Ok(found) => Step::Done(Ok(found)),
            Err(Miss::Fault(fault)) => fault.into(),
            Err(Miss::Wait(wait)) => Step::wait(wait.pending(), self.resume(wait, token)),
        }
    }

    /// What verdicts may be remembered, if any.
    pub(in crate::verify) fn memo_options(&self) -> Option<MemoOptions> {
        self.0.iter().filter(|check| !check.memo_ttl.is_zero()).map(|check| check.memo).reduce(MemoOptions::and)
    }

    /// Verifies a token again after the keys have come, or not.
    fn resume(&self, wait: KeyWait, token: &str) -> impl Future<Output = Result<Finding, Fault>> + Send + 'static {
        let issuers = self.clone();
        let token = Zeroizing::new(token.to_owned());
        async move {
            let landed = wait.landed().await;
            let again = match issuers.attempt(&token, Some(&landed)) {
                Err(Miss::Wait(again)) => again,
                other => return other.map_err(Miss::into_fault),
            };
            // The first fetch was somebody else's, from before; nobody waits for a third.
            let landed = again.landed().await;
            issuers.attempt(&token, Some(&landed)).map_err(Miss::into_fault)
        }
    }

    /// Waits for the keys of every issuer.
    pub(in crate::verify) async fn ready(&self) -> Result<(), Fault> {
        // The fetches are tasks of their own, so they run at the same time.
        let begun: Vec<_> = self.0.iter().map(|check| (check, check.keys.ready())).collect();
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

    fn attempt(&self, token: &str, after: Option<&Landed>) -> Result<Finding, Miss> {
        let mut buffer = Vec::new();
        let (check, caller, generation) = {
            let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).map_err(not_a_token)?;
            let claims = jws.claims().map_err(not_a_token)?;
            let Some(issuer) = claims.iss.as_deref() else {
                return Err(Fault::new(RejectionKind::UnknownIssuer, "the token has no `iss`").into());
            };
            // Not verified yet, so it only chooses whose rules and keys the token must satisfy.
            let check = self.0.iter().find(|check| *check.issuer == *issuer).ok_or_else(|| unknown_issuer(issuer))?;
            let (caller, generation) = check.check(&jws, &claims, after)?;
            (check, caller, generation)
        };
        let principal = caller
            .into_principal(buffer)
            .ok_or_else(|| Fault::new(RejectionKind::Malformed, "the claims are not a text"))?;
        let subject_token = check.keep_subject_token.then(|| SubjectToken::new(token, principal.expires_at));
        let memorable = if principal.is_bound() { None } else { Memorable::new(check, generation) };
        Ok(Finding { principal, subject_token, memorable })
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
