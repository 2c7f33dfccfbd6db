use super::Binding;
#[cfg(feature = "dpop")]
use super::proof::Shown;
use crate::verify::IncomingRequest;
use crate::verify::certificate::PeerCertificate;
use crate::verify::incoming::CredentialText;
use crate::verify::rejection::{Fault, Scheme};

/// What a request proves beside its token.
pub(in crate::verify) struct Presented<'a> {
    pub(super) scheme: Scheme,
    certificate: Certificate<'a>,
    /// The proof of a DPoP key, whenever the scheme says that there is one.
    #[cfg(feature = "dpop")]
    pub(super) proof: Option<Shown<'a>>,
}

enum Certificate<'a> {
    /// Few tokens need one, so it is not looked for before.
    Unread(IncomingRequest<'a>),
    Read(Result<Option<PeerCertificate>, Fault>),
}

impl<'a> Presented<'a> {
    /// What `credential` comes with.
    ///
    /// # Errors
    /// When that is not enough, whatever the token says.
    pub(in crate::verify) fn with(credential: CredentialText<'a>) -> Result<Self, Fault> {
        Ok(Self {
            scheme: credential.scheme,
            certificate: Certificate::Unread(credential.request),
            #[cfg(feature = "dpop")]
            proof: if credential.scheme == Scheme::Dpop { Some(Shown::with(credential)?) } else { None },
        })
    }

    /// The same, taken out of the request, so that something can be waited for.
    pub(in crate::verify) fn into_owned(self, binding: &Binding) -> Presented<'static> {
        Presented {
            scheme: self.scheme,
            certificate: Certificate::Read(self.certificate(binding)),
            #[cfg(feature = "dpop")]
            proof: self.proof.map(Shown::into_owned),
        }
    }

    /// The certificate of the client, if it showed one.
    pub(super) fn certificate(&self, binding: &Binding) -> Result<Option<PeerCertificate>, Fault> {
        match &self.certificate {
            Certificate::Unread(request) => binding.certificate_of(*request),
            Certificate::Read(certificate) => certificate.clone(),
        }
    }
}
