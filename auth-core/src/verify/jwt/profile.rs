use crate::jose::{Claims, Header, Marker};
use crate::verify::rejection::{Fault, RejectionKind};

/// Which JWTs are access tokens. The kinds of JWT exclude each other (RFC 8725 section 3.12): an ID token, a logout
/// token, a client assertion or a DPoP proof is never one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are there.
    #[default]
    Rfc9068,
    /// For issuers that do not mark their access tokens: `typ` is `JWT` or absent, and `iss`, `exp`, `aud` and `sub`
    /// are there.
    ///
    /// # Security
    /// An ID token looks much the same. It is told by its claims (`nonce`, `at_hash`, `c_hash`) and by its audience,
    /// which is the client: never accept a client id as an audience here.
    Generic,
}

impl Profile {
    /// Checks what kind of token it is. `hint` says what to do about tokens of this issuer that are of another kind.
    pub(super) fn check_kind(
        self,
        header: &Header<'_>,
        claims: &Claims<'_>,
        issuer: &str,
        hint: Option<&str>,
    ) -> Result<(), Fault> {
        let wrong = |detail: &'static str| Err(Fault::new(RejectionKind::WrongType, detail));
        match self {
            Self::Rfc9068 if !header.typ_is("at+jwt") => return Err(not_rfc_9068(issuer, hint)),
            Self::Generic if header.typ_is("at+jwt") => {
                return wrong("the token's `typ` is `at+jwt`: this issuer uses RFC 9068 (choose that profile)");
            }
            Self::Generic if header.typ.is_some() && !header.typ_is("JWT") => {
                return wrong("the token's `typ` is neither `JWT` nor absent: it is no access token");
            }
            Self::Rfc9068 | Self::Generic => {}
        }
        let foreign = |marker: &Marker| claims.has(*marker);
        if [Marker::Nonce, Marker::AtHash, Marker::CHash].iter().any(foreign) {
            return wrong("the token has claims of an ID token (`nonce`, `at_hash` or `c_hash`)");
        }
        if [Marker::Events, Marker::Htm, Marker::Htu].iter().any(foreign) {
            return wrong("the token has claims of a security event (`events`) or a DPoP proof (`htm`, `htu`)");
        }
        Ok(())
    }

    /// Checks that what the profile demands is there; issuer, audience and expiry are demanded by all and checked
    /// elsewhere.
    pub(super) fn check_claims(self, claims: &Claims<'_>, subject_elsewhere: bool) -> Result<(), Fault> {
        let missing = |detail: &'static str| Err(Fault::new(RejectionKind::MissingClaim, detail));
        let free = self == Self::Generic && subject_elsewhere;
        if !free && claims.sub.as_deref().is_none_or(str::is_empty) {
            return missing("the token has no `sub`");
        }
        if self == Self::Rfc9068 {
            if claims.client_id.as_deref().is_none_or(str::is_empty) {
                return missing("the token has no `client_id`, which RFC 9068 demands");
            }
            if claims.iat.is_none() {
                return missing("the token has no `iat`, which RFC 9068 demands");
            }
            if claims.jti.as_deref().is_none_or(str::is_empty) {
                return missing("the token has no `jti`, which RFC 9068 demands");
            }
        }
        Ok(())
    }
}

/// The commonest mistake of all, explained.
#[cold]
fn not_rfc_9068(issuer: &str, hint: Option<&str>) -> Fault {
    let hint = hint.unwrap_or("choose the generic profile or a preset");
    let detail = format!(
        "the token's `typ` is not `at+jwt`: it is no access token, or this issuer ({issuer}) does not use RFC 9068: {hint}"
    );
    Fault::new(RejectionKind::WrongType, detail)
}
