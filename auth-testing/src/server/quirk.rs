use std::sync::atomic::{AtomicU32, Ordering};

/// Something that a server does otherwise than its standards say, until it is told not to: with
/// [`set_quirk`](crate::AuthorizationServer::set_quirk).
///
/// What goes wrong with single answers is a [`Fault`](crate::Fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Redirects have no `iss`, although the metadata promises it (RFC 9207 section 2.4).
    MissingIss,
    /// Redirects name another issuer.
    WrongIss,
    /// Neither redirects nor metadata know `iss`, as before RFC 9207.
    UnannouncedIss,
    /// Redirects have no `state`.
    MissingState,
    /// Redirects have another `state` than the request.
    WrongState,
    /// Device authorizations name no `interval`, which then is 5 seconds (RFC 8628 section 3.2).
    MissingInterval,
    /// Assertions may also be for the token endpoint, or the one that they are sent to, and for others beside it: what
    /// draft-ietf-oauth-rfc7523bis did away with.
    EndpointAudience,
    /// Assertions of clients must have the type `client-authentication+jwt`.
    StrictAssertionType,
    /// Tokens are not bound and called Bearer, although there is a DPoP proof.
    BearerForDpop,
    /// Metadata are where OpenID Connect Discovery appends their path to the issuer's, and nowhere else.
    OpenIdMetadataOnly,
    /// Metadata are at the path of OpenID Connect Discovery put before the issuer's (RFC 8414 section 5), and nowhere else.
    InsertedOpenIdMetadataOnly,
    /// Access tokens cannot be revoked: `unsupported_token_type` (RFC 7009 section 2.2.1).
    KeepsAccessTokens,
    /// Introspection says no more than `active`, `client_id` and `exp`: neither for whom the token is nor about whom.
    TerseIntrospection,
}

/// Which quirks are on.
#[derive(Debug, Default)]
pub(super) struct Quirks(AtomicU32);

impl Quirks {
    pub(super) fn set(&self, quirk: Quirk, on: bool) {
        let bit = 1 << (quirk as u32);
        if on {
            self.0.fetch_or(bit, Ordering::SeqCst);
        } else {
            self.0.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.0.load(Ordering::SeqCst) & (1 << (quirk as u32)) != 0
    }
}
