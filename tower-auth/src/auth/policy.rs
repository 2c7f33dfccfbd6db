use http::Request;
use tower_auth_core::{Credential, Generation};

use super::layer::Config;
use super::{AuthError, AuthErrorKind};

/// What happens to a request that already has the header which the layer would set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExistingCredential {
    /// It is sent as it is: the caller's own credential wins.
    #[default]
    Keep,
    /// The layer's credential takes its place.
    Replace,
    /// It is not sent; the error is [`AuthErrorKind::ExistingCredential`].
    Refuse,
}

/// A request does not get a ready-made credential.
pub(super) enum Aside {
    /// It has one of its own.
    Keep,
    Refuse(AuthError),
    /// The credential is made of the request.
    Sign(Credential, Generation),
}

/// Puts `credential` on `request`, which was judged.
#[inline]
pub(super) fn put<B>(request: &mut Request<B>, credential: &Credential) -> Result<(), Aside> {
    credential.apply(request).map_err(|error| Aside::Refuse(AuthError::not_signed(error)))
}

impl Config {
    /// Whether nothing is done to a [usual](Self::is_usual) request but to give it a credential if it has none.
    #[inline]
    pub(super) fn only_fills(&self) -> bool {
        !self.recovery && self.existing != ExistingCredential::Replace
    }

    /// Puts `credential` on `request` unless it has one of its own.
    pub(super) fn attach<B>(&self, request: &mut Request<B>, credential: &Credential) -> Result<(), Aside> {
        self.judge(request, credential)?;
        put(request, credential)
    }

    /// Whether `credential` goes on `request`, and what follows if it does not.
    pub(super) fn judge<B>(&self, request: &mut Request<B>, credential: &Credential) -> Result<(), Aside> {
        if let Some(aside) = self.elsewhere(request.uri(), credential) {
            return Err(aside);
        }
        if self.existing != ExistingCredential::Replace && credential.is_present_in(request.headers()) {
            self.complete(request, credential);
            return Err(self.present());
        }
        Ok(())
    }

    /// What follows from a request's having a credential of its own, if it has.
    pub(super) fn conflict(&self, present: bool) -> Option<Aside> {
        (present && self.existing != ExistingCredential::Replace).then(|| self.present())
    }

    #[cold]
    fn present(&self) -> Aside {
        match self.existing {
            ExistingCredential::Keep | ExistingCredential::Replace => Aside::Keep,
            ExistingCredential::Refuse => Aside::Refuse(AuthError::new(
                AuthErrorKind::ExistingCredential,
                "the request has a credential of its own, and the layer was told to refuse such requests",
            )),
        }
    }
}
