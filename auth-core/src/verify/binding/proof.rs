use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::{Judged, Judgement};
use crate::dpop::{About, FirstUse, ProofChecker, ProofFault, digest_of, only_proof};
use crate::verify::incoming::CredentialText;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::Finding;

/// The proof of a request, and what it must be about.
pub(super) struct Shown<'a> {
    proof: Cow<'a, str>,
    method: Cow<'a, Method>,
    path: Cow<'a, str>,
    /// The hash of the token, so that the token need not be kept.
    ath: String,
}

/// When to try again if it cannot be told whether a proof was used before.
const RETRY: Duration = Duration::from_secs(1);

impl<'a> Shown<'a> {
    /// # Errors
    /// When there is not exactly one proof, or it cannot be known what it must be about.
    pub(super) fn with(credential: CredentialText<'a>) -> Result<Self, Fault> {
        let request = credential.request;
        let (Some(headers), Some(method), Some(uri)) = (request.headers(), request.method(), request.uri()) else {
            return Err(Fault::new(
                RejectionKind::Misconfigured,
                "a DPoP proof is about the method and the URL, and the verifier was given the header alone: give it the \
                 whole request, as layers do",
            ));
        };
        let proof = only_proof(headers).map_err(|fault| explained(fault, None))?;
        Ok(Self {
            proof: proof.into(),
            method: Cow::Borrowed(method),
            path: uri.path().into(),
            ath: digest_of(credential.text),
        })
    }

    pub(super) fn into_owned(self) -> Shown<'static> {
        Shown {
            proof: self.proof.into_owned().into(),
            method: Cow::Owned(self.method.into_owned()),
            path: self.path.into_owned().into(),
            ath: self.ath,
        }
    }
}

/// Checks the proof that came with a token that is bound to `jkt` and in order otherwise.
pub(super) fn judge(proofs: &Arc<ProofChecker>, shown: &Shown<'_>, jkt: &str, finding: Finding) -> Judgement {
    let about = About { method: &shown.method, path: &shown.path, ath: &shown.ath, jkt };
    let proven = match proofs.check(&shown.proof, &about) {
        Ok(proven) => proven,
        Err(fault) => return Judgement::Done(Err(explained(fault, Some(proofs)))),
    };
    let first_use = proofs.first_use(&proven);
    let judged = Judged { finding, nonce: proven.fresh_nonce };
    match first_use {
        FirstUse::Known(Ok(())) => Judgement::Done(Ok(judged)),
        FirstUse::Known(Err(fault)) => Judgement::Done(Err(explained(fault, Some(proofs)))),
        FirstUse::Asked(answer) => {
            let proofs = Arc::clone(proofs);
            Judgement::Wait {
                pending: Fault::new(
                    RejectionKind::LookupUnavailable,
                    "the store of used DPoP proofs must be asked, and the caller of the verifier does not wait",
                ),
                future: Box::pin(async move {
                    answer.await.map(|()| judged).map_err(|fault| explained(fault, Some(&proofs)))
                }),
            }
        }
    }
}

fn explained(fault: ProofFault, proofs: Option<&Arc<ProofChecker>>) -> Fault {
    match fault {
        ProofFault::Invalid(detail) => Fault::new(RejectionKind::InvalidProof, detail),
        ProofFault::OtherKey => Fault::new(
            RejectionKind::BoundToken,
            "the token is bound to another key than the one whose possession the DPoP proof proves",
        ),
        ProofFault::NonceRequired => Fault {
            nonce: proofs.and_then(|proofs| proofs.nonce()),
            ..Fault::new(RejectionKind::NonceRequired, "the DPoP proof has no nonce of ours, or an old one")
        },
        ProofFault::Replayed => Fault::new(RejectionKind::ReplayedProof, "the DPoP proof was used before"),
        ProofFault::CannotRemember(detail) => Fault::new(RejectionKind::Overloaded, detail).retry_after(RETRY),
        ProofFault::StoreFailed(detail) => Fault::new(RejectionKind::LookupUnavailable, detail).retry_after(RETRY),
    }
}
