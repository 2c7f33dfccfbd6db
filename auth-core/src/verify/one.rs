use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::binding::{Judged, Judgement, Presented};
use super::incoming::{Accepted, CredentialText, extract};
#[cfg(feature = "jwt")]
use super::memo::Memo;
use super::parts::{NO_CREDENTIAL, Parts};
use super::rejection::{Fault, RejectionKind, Scheme};
use super::step::{Finding, Step};
use super::telemetry::RequestSpan;
use super::{
    IncomingCredential, IncomingRequest, Rejection, Verification, Verified, VerifierId, VerifierStatus, telemetry,
};

/// Which state of the memo a verification began with, if there is a memo.
#[cfg(feature = "jwt")]
type Since = Option<super::memo::Since>;
#[cfg(not(feature = "jwt"))]
type Since = ();

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
        let span = RequestSpan::current();
        #[cfg(feature = "jwt")]
        if let Some(verified) = self.remembered(&credential) {
            return Verification::done(telemetry::remembered(verified, &span));
        }
        match credential.read() {
            Ok(read) => self.judge(read, span),
            Err(fault) => self.conclude(Err(fault), credential.scheme(), &span),
        }
    }

    fn judge(&self, credential: CredentialText<'_>, span: RequestSpan) -> Verification {
        let scheme = credential.scheme;
        let presented = match Presented::with(credential) {
            Ok(presented) => presented,
            Err(fault) => return self.conclude(Err(fault), scheme, &span),
        };
        let since = self.since();
        let binding = &self.0.parts.binding;
        match self.0.parts.check(&credential) {
            Step::Done(Err(fault)) => self.conclude(Err(fault), scheme, &span),
            Step::Done(Ok(found)) => match binding.judge(&presented, found) {
                Judgement::Done(judged) => self.remember(credential, judged, since, &span),
                Judgement::Wait { pending, future } => self.wait(pending, scheme, span, future),
            },
            Step::Wait { pending, future } => {
                let (one, presented) = (self.clone(), presented.into_owned(binding));
                self.wait(pending, scheme, span, async move {
                    let found = future.await?;
                    one.0.parts.binding.judge(&presented, found).outcome().await
                })
            }
        }
    }

    /// The verdict that is there at once, kept for the next request with this token where that is allowed.
    fn remember(
        &self,
        credential: CredentialText<'_>,
        judged: Result<Judged, Fault>,
        since: Since,
        span: &RequestSpan,
    ) -> Verification {
        #[cfg(not(feature = "jwt"))]
        let () = since;
        #[cfg(feature = "jwt")]
        let memorable = judged.as_ref().ok().and_then(|judged| judged.finding.memorable.clone());
        let verification = self.conclude(judged, credential.scheme, span);
        #[cfg(feature = "jwt")]
        if let (Some(memo), Some(since), Some(memorable), Some(verified)) =
            (&self.0.memo, since, memorable, verification.verdict())
        {
            memo.insert(credential.text.as_bytes(), memorable, since, verified);
        }
        verification
    }

    fn wait(
        &self,
        pending: Fault,
        scheme: Scheme,
        span: RequestSpan,
        judged: impl Future<Output = Result<Judged, Fault>> + Send + 'static,
    ) -> Verification {
        let pending = self.refuse(pending, Some(scheme));
        let one = self.clone();
        Verification::waiting(pending, async move { one.conclude(judged.await, scheme, &span).await })
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
        #[cfg(feature = "jwt")]
        self.0.parts.jwt.forget();
        #[cfg(feature = "introspection")]
        self.0.parts.opaque.forget();
        #[cfg(feature = "password-hash")]
        if let Some(users) = &self.0.parts.basic {
            users.forget();
        }
    }

    #[cfg(feature = "jwt")]
    pub(super) fn forget_token(&self, token: &str) {
        if let Some(memo) = &self.0.memo {
            memo.remove(token.as_bytes());
        }
        #[cfg(feature = "introspection")]
        self.0.parts.opaque.forget_token(token);
    }

    pub(super) fn report(&self, status: &mut VerifierStatus) {
        #[cfg(feature = "jwt")]
        self.0.parts.jwt.report(&mut status.keys);
        #[cfg(feature = "introspection")]
        self.0.parts.opaque.report(&mut status.introspection);
        #[cfg(not(feature = "jwt"))]
        let _ = status;
    }

    pub(super) async fn ready(&self) -> Result<(), Rejection> {
        #[cfg(feature = "jwt")]
        if let Err(fault) = self.0.parts.jwt.ready().await {
            return Err(self.refuse(fault, None));
        }
        #[cfg(feature = "introspection")]
        if let Err(fault) = self.0.parts.opaque.ready().await {
            return Err(self.refuse(fault, None));
        }
        Ok(())
    }

    pub(super) fn describe(&self, shown: &mut fmt::DebugStruct<'_, '_>) {
        #[cfg(feature = "jwt")]
        shown.field("issuers", &self.0.parts.jwt.names());
        #[cfg(feature = "introspection")]
        shown.field("introspection", &self.0.parts.opaque.names());
        shown.field("basic", &self.0.parts.basic.is_some()).field("api_key", &self.0.parts.api_key.is_some());
        shown.field("dpop", &self.0.parts.binding.accepts_proofs());
    }

    /// When a verification begins: what is forgotten while it goes on stays forgotten.
    fn since(&self) -> Since {
        #[cfg(feature = "jwt")]
        return self.0.memo.as_ref().map(Memo::since);
    }

    /// Only plain tokens are remembered: a proof is good for one request.
    #[cfg(feature = "jwt")]
    fn remembered(&self, credential: &IncomingCredential<'_>) -> Option<Verified> {
        let memo = self.0.memo.as_ref().filter(|_| credential.scheme() == Scheme::Bearer)?;
        memo.find(credential.bytes())
    }

    fn conclude(&self, judged: Result<Judged, Fault>, tried: Scheme, span: &RequestSpan) -> Verification {
        let result = match judged {
            Ok(Judged { finding: Finding { mut principal, subject_token, .. }, nonce }) => {
                if let Some(principal) = Arc::get_mut(&mut principal) {
                    principal.scheme = tried;
                }
                Ok(Verified::new(principal, self.0.id).with_subject_token(subject_token).with_nonce(nonce))
            }
            Err(fault) => Err(self.refuse(fault, Some(tried))),
        };
        Verification::done(telemetry::verified(result, span))
    }
}
