use std::borrow::Cow;
use std::fmt;

use super::value::Claim;

/// Who acts for the subject of a token: its outermost `act` claim (RFC 8693 section 4.1).
///
/// Who acted before, in an `act` within this one, is history and decides nothing, so that there is no way to it from here.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    claim: Claim<'a>,
}

impl<'a> Actor<'a> {
    pub(super) fn new(claim: Claim<'a>) -> Option<Self> {
        claim.is_object().then_some(Self { claim })
    }

    /// Whom the actor is, within its issuer.
    #[must_use]
    pub fn subject(self) -> Option<Cow<'a, str>> {
        self.text("sub")
    }

    /// Who vouches for the actor, if that is said.
    #[must_use]
    pub fn issuer(self) -> Option<Cow<'a, str>> {
        self.text("iss")
    }

    /// The client that acts, if that is said.
    #[must_use]
    pub fn client_id(self) -> Option<Cow<'a, str>> {
        self.text("client_id")
    }

    /// What else is said of the actor, by the name of the claim. Former actors are not shown.
    #[must_use]
    pub fn claim(self, name: &str) -> Option<Claim<'a>> {
        if name == "act" || name.starts_with('/') { None } else { self.claim.get(name) }
    }

    fn text(self, name: &str) -> Option<Cow<'a, str>> {
        self.claim.get(name)?.as_text()
    }
}

impl fmt::Debug for Actor<'_> {
    /// Nothing of who it is: that is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").finish_non_exhaustive()
    }
}
