use crate::http::TransportError;
use crate::{TokenError, TokenErrorKind};

/// What is known of a token request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No byte of it has left.
    Unsent,
    /// The server said no, so it granted nothing.
    Denied,
    /// It may have been granted, and the answer lost.
    Unknown,
}

impl Arrival {
    pub(super) fn of(error: &TokenError) -> Self {
        if let Some(status) = error.status() {
            return match status {
                // A success that could not be read is one all the same. What a gateway gave up waiting for may still have happened.
                200..=299 if error.oauth_error().is_none() => Self::Unknown,
                502 | 504 | 520..=527 if error.oauth_error().is_none() => Self::Unknown,
                _ => Self::Denied,
            };
        }
        let is_unsent = || TransportError::find(error).is_some_and(TransportError::is_unsent);
        if !error.was_handed_over() || is_unsent() || error.kind() == TokenErrorKind::Misconfigured {
            Self::Unsent
        } else {
            Self::Unknown
        }
    }
}

/// Whether a failed request may have been granted all the same.
pub(crate) fn may_have_been_granted(error: &TokenError) -> bool {
    Arrival::of(error) == Arrival::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransportErrorKind;

    // THREAT-S7
    #[test]
    fn what_may_have_happened_is_told_from_what_did_not() {
        let error = |kind| TokenError::new(kind, "x");
        let below = |unsent| {
            let transport = TransportError::new(TransportErrorKind::TimedOut, "y").unsent(unsent);
            error(TokenErrorKind::TimedOut).with_source(transport).handed_over()
        };
        for (error, expected) in [
            (error(TokenErrorKind::TimedOut), Arrival::Unsent),
            (error(TokenErrorKind::TimedOut).handed_over(), Arrival::Unknown),
            (below(true), Arrival::Unsent),
            (below(false), Arrival::Unknown),
            (error(TokenErrorKind::Unparsable).with_status(200), Arrival::Unknown),
            (error(TokenErrorKind::Refused).with_status(200).with_oauth_error("invalid_grant"), Arrival::Denied),
            (error(TokenErrorKind::Refused).with_status(400), Arrival::Denied),
            (error(TokenErrorKind::ServerError).with_status(503), Arrival::Denied),
            (error(TokenErrorKind::ServerError).with_status(502), Arrival::Unknown),
            (error(TokenErrorKind::ServerError).with_status(502).with_oauth_error("server_error"), Arrival::Denied),
            (error(TokenErrorKind::ServerError).with_status(504), Arrival::Unknown),
            (error(TokenErrorKind::ServerError).with_status(522), Arrival::Unknown),
        ] {
            assert_eq!(Arrival::of(&error), expected, "{error:?}");
        }
    }
}
