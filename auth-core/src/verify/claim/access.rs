use std::borrow::Cow;
use std::time::SystemTime;

use super::{Actor, Claim};
use crate::verify::Principal;

/// Claims beside the usual ones. Each call looks through the claims set once and decodes nothing else; what is not there, or of
/// another type, is absent.
impl Principal {
    /// One claim, by its name, or by a JSON pointer (RFC 6901) if `place` begins with a slash: `tid`, `/realm_access/roles`,
    /// `https://example.com/plan`.
    ///
    /// ```
    /// # use tower_auth_core::Principal;
    /// fn plan(principal: &Principal) -> Option<String> {
    ///     principal.claim("plan")?.as_text().map(Into::into)
    /// }
    /// ```
    #[must_use]
    pub fn claim(&self, place: &str) -> Option<Claim<'_>> {
        Claim::find(self.claims_json(), place)
    }

    /// Whom the credential is for (`aud`).
    #[must_use]
    pub fn audience(&self) -> Vec<Cow<'_, str>> {
        self.claim("aud").and_then(Claim::texts).unwrap_or_default()
    }

    /// The id of the token (`jti`).
    #[must_use]
    pub fn jwt_id(&self) -> Option<Cow<'_, str>> {
        self.claim("jti")?.as_text()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.claim("iat")?.as_date().map(|date| date.to_system_time())
    }

    /// When the user logged in (`auth_time`, RFC 9470 section 6.2).
    #[must_use]
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.claim("auth_time")?.as_date().map(|date| date.to_system_time())
    }

    /// How strongly the user was authenticated (`acr`, RFC 9470 section 6.2).
    #[must_use]
    pub fn acr(&self) -> Option<Cow<'_, str>> {
        self.claim("acr")?.as_text()
    }

    /// By what means the user was authenticated (`amr`, RFC 8176).
    #[must_use]
    pub fn amr(&self) -> Vec<Cow<'_, str>> {
        self.claim("amr").and_then(Claim::texts).unwrap_or_default()
    }

    /// Who acts for the subject, if somebody does (`act`). Only the present actor: former ones decide nothing (RFC 8693
    /// section 4.1).
    #[must_use]
    pub fn actor(&self) -> Option<Actor<'_>> {
        Actor::new(self.claim("act")?)
    }
}
