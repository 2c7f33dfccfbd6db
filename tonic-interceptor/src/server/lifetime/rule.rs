use std::time::Duration;

use http::{Extensions, HeaderMap, Request};
use tower_auth_core::{Clock, IncomingRequest, PeerAddress, PeerCertificate, Scheme, Verified, Verifier};

use super::watch::Watch;
use crate::server::refusal::Refusals;

/// What is to happen to a call that outlives its credential.
#[derive(Clone)]
pub(in crate::server) struct Rule {
    pub(in crate::server) ends_at_expiry: bool,
    /// How often the credential is verified again while a call lasts.
    pub(in crate::server) recheck: Option<Duration>,
    pub(in crate::server) clock: Clock,
}

impl Rule {
    /// Whether calls are left alone.
    pub(in crate::server) fn is_idle(&self) -> bool {
        !self.ends_at_expiry && self.recheck.is_none()
    }

    /// What has to be known of a request before others take its credential away.
    pub(in crate::server) fn prepare<B>(
        &self,
        request: &Request<B>,
        verifier: &Verifier,
        refusals: &Refusals,
    ) -> Option<Plan> {
        if self.is_idle() {
            return None;
        }
        let presented = self.recheck.and_then(|_| Presented::of(request, verifier));
        Some(Plan { rule: self.clone(), verifier: verifier.clone(), refusals: refusals.clone(), presented })
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self { ends_at_expiry: false, recheck: None, clock: Clock::system() }
    }
}

/// The rule, for one call.
#[derive(Clone)]
pub(in crate::server) struct Plan {
    rule: Rule,
    verifier: Verifier,
    refusals: Refusals,
    presented: Option<Presented>,
}

impl Plan {
    /// `None` if nothing can end the call.
    pub(super) fn watch(self, verified: &Verified) -> Option<Watch> {
        let Self { rule: Rule { ends_at_expiry, recheck, clock }, verifier, refusals, presented } = self;
        let expires_at = verified.expires_at().filter(|_| ends_at_expiry);
        let recheck = recheck.zip(presented);
        (expires_at.is_some() || recheck.is_some()).then(|| Watch::new(clock, verifier, refusals, expires_at, recheck))
    }
}

/// A credential, to be verified again, and what came with it.
#[derive(Clone)]
pub(super) struct Presented {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Presented {
    /// `None` for a credential with a proof, which is good for one request.
    fn of<B>(request: &Request<B>, verifier: &Verifier) -> Option<Self> {
        let credential = verifier.credential(request).ok()?;
        if credential.scheme() == Scheme::Dpop {
            return None;
        }
        // The whole header: which fields a verifier looks at, such as a proxy's word on the certificate, is its own business.
        let mut headers = request.headers().clone();
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        let mut extensions = Extensions::new();
        let around = request.extensions();
        around.get::<PeerCertificate>().cloned().map(|certificate| extensions.insert(certificate));
        around.get::<PeerAddress>().copied().map(|address| extensions.insert(address));
        Some(Self { headers, extensions })
    }

    pub(super) fn request(&self) -> IncomingRequest<'_> {
        IncomingRequest::from(&self.headers).with_extensions(&self.extensions)
    }
}
