use std::fmt;
use std::sync::Arc;

use super::binding::Presented;
use super::incoming::{Accepted, extract};
#[cfg(feature = "jwt")]
use super::memo::Memo;
use super::parts::{NO_CREDENTIAL, Parts};
use super::rejection::{Fault, RejectionKind, Scheme};
use super::step::{Finding, Step};
use super::telemetry::RequestSpan;
use super::{
    IncomingCredential, IncomingRequest, Rejection, Verification, Verified, VerifierId, VerifierStatus, telemetry,
};

/// Verifies the one credential of a request.
#[derive(Clone)]
pub(super) struct One(Arc<Inner>);

struct Inner {
    id: VerifierId,
    parts: Parts,
    #[cfg(feature = "jwt")]
    memo: Option<Memo>,
}

impl One {
    pub(super) fn new(id: VerifierId, parts: Parts) -> Self {
        #[cfg(feature = "jwt")]
        let memo = parts.jwt.memo_options().map(Memo::new);
        Self(Arc::new(Inner {
            id,
            #[cfg(feature = "jwt")]
            memo,
            parts,
        }))
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(super) fn accepted(&self) -> Accepted<'_> {
        self.0.parts.accepted()
    }

    pub(super) fn credential<'a>(&self, request: IncomingRequest<'a>) -> Result<IncomingCredential<'a>, Rejection> {
        match extract(request, self.accepted()) {
            Ok(Some(credential)) => Ok(credential),
            Ok(None) => Err(self.refuse(Fault::new(RejectionKind::MissingCredential, NO_CREDENTIAL), None)),
            Err((fault, tried)) => Err(self.refuse(fault, tried)),
        }
    }

    pub(super) fn verify(&self, request: IncomingRequest<'_>) -> Verification {
        match self.credential(request) {
            Ok(credential) => self.verify_credential(credential),
            Err(refusal) => Verification::done(telemetry::verified(Err(refusal), &RequestSpan::current())),
        }
    }

    pub(super) fn verify_credential(&self, credential: IncomingCredential<'_>) -> Verification {
        let scheme = credential.scheme;
        let span = RequestSpan::current();
        #[cfg(feature = "jwt")]
        if let Some(verified) = self.remembered(&credential) {
            return Verification::done(telemetry::remembered(verified, &span));
        }
        let presented = match Presented::new(&credential) {
            Ok(presented) => presented,
            Err(fault) => return self.conclude(Err(fault), scheme, &span),
        };
        match self.0.parts.check(&credential) {
            Step::Done(found) => {
                let suited = found.and_then(|found| presented.suits(&found.principal).map(|()| found));
                #[cfg(feature = "jwt")]
                let memorable = suited.as_ref().ok().and_then(|found| found.memorable.clone());
                let verification = self.conclude(suited, scheme, &span);
                #[cfg(feature = "jwt")]
                if let (Some(memo), Some(memorable), Some(verified)) = (&self.0.memo, memorable, verification.verdict())
                {
                    memo.insert(credential.text, memorable, verified);
                }
                verification
            }
            Step::Wait { pending, future } => {
                let pending = self.refuse(pending, Some(scheme));
                let one = self.clone();
                Verification::waiting(pending, async move {
                    let suited = future.await.and_then(|found| presented.suits(&found.principal).map(|()| found));
                    one.conclude(suited, scheme, &span).await
                })
            }
        }
    }

    pub(super) fn refuse(&self, fault: Fault, tried: Option<Scheme>) -> Rejection {
        let parts = &self.0.parts;
        Rejection::from_fault(fault, tried, &parts.challenges).with_body(parts.body.unwrap_or_default())
    }

    pub(super) fn forget(&self) {
        #[cfg(feature = "jwt")]
        if let Some(memo) = &self.0.memo {
            memo.clear();
        }
    }

    pub(super) fn report(&self, status: &mut VerifierStatus) {
        #[cfg(feature = "jwt")]
        self.0.parts.jwt.report(&mut status.keys);
        #[cfg(not(feature = "jwt"))]
        let _ = status;
    }

    pub(super) async fn ready(&self) -> Result<(), Rejection> {
        #[cfg(feature = "jwt")]
        if let Err(fault) = self.0.parts.jwt.ready().await {
            return Err(self.refuse(fault, None));
        }
        Ok(())
    }

    pub(super) fn describe(&self, shown: &mut fmt::DebugStruct<'_, '_>) {
        #[cfg(feature = "jwt")]
        shown.field("issuers", &self.0.parts.jwt.names());
        shown.field("basic", &self.0.parts.basic.is_some()).field("api_key", &self.0.parts.api_key.is_some());
    }

    /// Only plain tokens are remembered: a proof is good for one request.
    #[cfg(feature = "jwt")]
    fn remembered(&self, credential: &IncomingCredential<'_>) -> Option<Verified> {
        let memo = self.0.memo.as_ref().filter(|_| credential.scheme == Scheme::Bearer)?;
        memo.find(credential.text)
    }

    fn conclude(&self, found: Result<Finding, Fault>, tried: Scheme, span: &RequestSpan) -> Verification {
        let result = match found {
            Ok(Finding { mut principal, subject_token, .. }) => {
                principal.scheme = tried;
                Ok(Verified::new(principal, self.0.id).with_subject_token(subject_token))
            }
            Err(fault) => Err(self.refuse(fault, Some(tried))),
        };
        Verification::done(telemetry::verified(result, span))
    }
}
