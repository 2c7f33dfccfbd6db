use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use super::{IncomingCredential, IncomingRequest, Rejection, Verification, Verified, Verifier, VerifierId};
use crate::error::{ConfigError, ConfigErrorKind};

/// Several verifiers that all have to accept a request.
pub(super) struct All {
    id: VerifierId,
    first: Verifier,
    /// All of them, the first as well.
    verifiers: Box<[Verifier]>,
}

impl All {
    /// # Errors
    /// When there are fewer than two.
    pub(super) fn new(id: VerifierId, verifiers: Vec<Verifier>) -> Result<Self, ConfigError> {
        match verifiers.as_slice() {
            [first, _, ..] => Ok(Self { id, first: first.clone(), verifiers: verifiers.into() }),
            _ => Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "there are not several verifiers that could all have to accept",
            )),
        }
    }

    pub(super) fn first(&self) -> &Verifier {
        &self.first
    }

    pub(super) fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    pub(super) fn verify(&self, request: IncomingRequest<'_>) -> Verification {
        self.combine(|verifier| verifier.verify(request))
    }

    /// Those that take such a credential judge this one, the others what the request has for them.
    pub(super) fn verify_credential(&self, credential: IncomingCredential<'_>) -> Verification {
        self.combine(|verifier| {
            if verifier.accepts(credential.scheme()) {
                verifier.verify_credential(credential)
            } else {
                verifier.verify(credential.request)
            }
        })
    }

    /// Asks one after the other, as long as each has its verdict at once. From the first that has to wait, all that are
    /// left work at the same time.
    fn combine(&self, ask: impl Fn(&Verifier) -> Verification) -> Verification {
        let mut caller: Option<Verified> = None;
        let mut verifiers = self.verifiers.iter();
        for verifier in &mut verifiers {
            let verification = ask(verifier);
            if verification.is_waiting() {
                let others: Vec<_> = verifiers.map(ask).collect();
                return self.wait(caller, verification, others);
            }
            match verification.into_result() {
                Ok(verified) => caller = caller.or(Some(verified)),
                Err(refusal) => return Verification::done(Err(refusal)),
            }
        }
        match caller {
            Some(verified) => Verification::done(Ok(verified.judged_by(self.id))),
            // Unreachable, as there are two at least; and nobody gets in by it.
            None => self.first.verify(IncomingRequest::default()),
        }
    }

    /// Goes on with all that are left, and ends with the first refusal.
    fn wait(&self, caller: Option<Verified>, waiting: Verification, others: Vec<Verification>) -> Verification {
        let id = self.id;
        let Some(pending) = waiting.pending().cloned() else { return waiting };
        Verification::waiting(pending, async move {
            let all = std::iter::once(waiting).chain(others).map(Some).collect();
            let verified = join(all).await?;
            Ok(caller.unwrap_or(verified).judged_by(id))
        })
    }
}

/// The verdict of the first, once all have accepted; else the first refusal that comes.
async fn join(mut all: Vec<Option<Verification>>) -> Result<Verified, Rejection> {
    let mut first = None;
    poll_fn(|context| {
        for (index, slot) in all.iter_mut().enumerate() {
            let Some(verification) = slot else { continue };
            let Poll::Ready(outcome) = Pin::new(verification).poll(context) else { continue };
            *slot = None;
            match outcome {
                Ok(verified) if index == 0 => first = Some(verified),
                Ok(_) => {}
                Err(refusal) => return Poll::Ready(Err(refusal)),
            }
        }
        match first.take_if(|_| all.iter().all(Option::is_none)) {
            Some(verified) => Poll::Ready(Ok(verified)),
            None => Poll::Pending,
        }
    })
    .await
}
