use http::{Request, Uri};
use tower_auth_core::Credential;

#[cfg(feature = "provider")]
use super::layer::Choice;
use super::layer::Config;
use super::policy::Aside;
#[cfg(feature = "provider")]
use super::{AuthError, AuthErrorKind};

/// Credentials that come with the address of the one API that they are for.
#[cfg(feature = "provider")]
impl Config {
    #[inline]
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.choice, Choice::Bound { .. })
    }

    /// What follows from a request's going elsewhere than `credential` may, if it does.
    #[inline]
    pub(super) fn elsewhere(&self, uri: &Uri, credential: &Credential) -> Option<Aside> {
        if self.is_bound() { self.judge_bound(uri, credential) } else { None }
    }

    fn judge_bound(&self, uri: &Uri, credential: &Credential) -> Option<Aside> {
        let Some(base) = credential.base_url() else {
            return Some(Aside::Refuse(AuthError::new(
                AuthErrorKind::UnknownOrigin,
                "the request was not sent because the provider has not said yet where its API is: connect, or run the \
                 connection's probe, or give base_url as a value",
            )));
        };
        if uri.authority().is_none() || base.origin().matches(uri) {
            return None;
        }
        let refusal = self.judge_beside(uri, std::iter::once(base.origin()));
        Some(refusal.map_or(Aside::Keep, Aside::Refuse))
    }

    /// Writes the API's address in front of a path, of a request that goes there with a credential of its own.
    pub(super) fn complete<B>(&self, request: &mut Request<B>, credential: &Credential) {
        let base = credential.base_url().filter(|_| self.is_bound());
        if let Some(uri) = base.and_then(|base| base.resolve(request.uri())) {
            *request.uri_mut() = uri;
        }
    }
}

#[cfg(not(feature = "provider"))]
impl Config {
    #[inline]
    pub(super) fn is_bound(&self) -> bool {
        false
    }

    #[inline]
    pub(super) fn elsewhere(&self, _: &Uri, _: &Credential) -> Option<Aside> {
        None
    }

    pub(super) fn complete<B>(&self, _: &mut Request<B>, _: &Credential) {}
}
