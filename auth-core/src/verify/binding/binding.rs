use std::fmt;
use std::sync::Arc;

use super::{Judgement, Presented};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::certificate::{CertificateHeader, PeerCertificate};
use crate::verify::rejection::{Fault, RejectionKind, Scheme};
use crate::verify::step::Finding;
use crate::verify::{IncomingRequest, Principal};

/// What is demanded of requests beside their tokens.
#[derive(Clone, Default)]
pub(in crate::verify) struct Binding {
    #[cfg(feature = "dpop")]
    pub(super) proofs: Option<Arc<crate::dpop::ProofChecker>>,
    /// Where the certificate stands if a proxy ended TLS.
    pub(super) certificates: Option<Arc<CertificateHeader>>,
}

impl Binding {
    /// Whether tokens are accepted with DPoP proofs.
    pub(in crate::verify) fn accepts_proofs(&self) -> bool {
        #[cfg(feature = "dpop")]
        return self.proofs.is_some();
        #[cfg(not(feature = "dpop"))]
        false
    }

    /// Takes in what `other` demands.
    ///
    /// # Errors
    /// When both know how to check the same.
    pub(in crate::verify) fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        let twice = |what: &str| {
            Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                format!("{what} are configured twice: do so once, for the verifier that is made of the others"),
            ))
        };
        #[cfg(feature = "dpop")]
        {
            if self.proofs.is_some() && other.proofs.is_some() {
                return twice("DPoP proofs");
            }
            self.proofs = self.proofs.take().or_else(|| other.proofs.clone());
        }
        if self.certificates.is_some() && other.certificates.is_some() {
            return twice("certificate headers");
        }
        self.certificates = self.certificates.take().or_else(|| other.certificates.clone());
        Ok(())
    }

    /// Whether the request proves what its token is bound to. A token that is bound to no key has no proof, and one that
    /// is bound to two has both. A DPoP proof counts as used only when everything else is as it must be.
    pub(in crate::verify) fn judge(&self, presented: &Presented<'_>, found: Finding) -> Judgement {
        if !presented.scheme.is_token() {
            return Ok(found).into();
        }
        if let Err(fault) = self.judge_certificate(presented, &found.principal) {
            return Err(fault).into();
        }
        let is_bound_to_key = found.principal.dpop_thumbprint().is_some();
        match presented.scheme {
            Scheme::Dpop if is_bound_to_key => self.judge_proof(presented, found),
            Scheme::Dpop => refused("the token is bound to no key, and was presented with the scheme DPoP"),
            _ if is_bound_to_key => {
                refused("the token is bound to a key (`cnf`) and was presented as a plain Bearer token")
            }
            _ if self.demands_binding() && !found.principal.is_bound() => {
                refused("the token is bound to nothing, and only bound ones are accepted")
            }
            _ => Ok(found).into(),
        }
    }

    #[cfg(feature = "dpop")]
    fn judge_proof(&self, presented: &Presented<'_>, found: Finding) -> Judgement {
        let Some(jkt) = found.principal.dpop_thumbprint().map(str::to_owned) else {
            return refused("the token is bound to no key");
        };
        match (&self.proofs, &presented.proof) {
            (Some(proofs), Some(shown)) => super::proof::judge(proofs, shown, &jkt, found),
            _ => refused("no DPoP proofs are accepted"),
        }
    }

    #[cfg(not(feature = "dpop"))]
    fn judge_proof(&self, _: &Presented<'_>, _: Finding) -> Judgement {
        refused("no DPoP proofs are accepted")
    }

    fn demands_binding(&self) -> bool {
        #[cfg(feature = "dpop")]
        return self.proofs.as_ref().is_some_and(|proofs| proofs.is_required());
        #[cfg(not(feature = "dpop"))]
        false
    }

    /// RFC 8705 section 3.
    fn judge_certificate(&self, presented: &Presented<'_>, principal: &Principal) -> Result<(), Fault> {
        let Some(thumbprint) = principal.certificate_thumbprint() else { return Ok(()) };
        match presented.certificate(self)? {
            Some(certificate) if certificate.has_thumbprint(thumbprint) => Ok(()),
            Some(_) => Err(Fault::new(
                RejectionKind::WrongCertificate,
                "the token is bound to another client certificate than the one that the client showed",
            )),
            None => Err(Fault::new(
                RejectionKind::WrongCertificate,
                "the token is bound to a client certificate, and the client showed none, or the verifier was not told: it \
                 finds a `PeerCertificate` in the extensions of the request",
            )),
        }
    }

    pub(super) fn certificate_of(&self, request: IncomingRequest<'_>) -> Result<Option<PeerCertificate>, Fault> {
        let Some(extensions) = request.extensions() else { return Ok(None) };
        match (&self.certificates, request.headers()) {
            (Some(header), Some(headers)) => header.certificate(headers, extensions),
            _ => Ok(extensions.get().cloned()),
        }
    }
}

fn refused(detail: &'static str) -> Judgement {
    Err(Fault::new(RejectionKind::BoundToken, detail)).into()
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Binding");
        #[cfg(feature = "dpop")]
        shown.field("proofs", &self.proofs);
        shown.field("certificates", &self.certificates).finish()
    }
}
