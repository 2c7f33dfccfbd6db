use super::{AuthorizationError, AuthorizationErrorKind};
use crate::error::printable;

/// What an authorization response must say about who answers, by its parameter `iss` (RFC 9207).
///
/// It tells an honest server's answer from that of another one to which the user's browser was led (a mix-up attack).
/// Where the server's metadata is known, it decides; else [`Accepted`](Self::Accepted) for a client whose issuer is
/// known, and [`Unexpected`](Self::Unexpected) for one whose issuer is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IssuerParameter {
    /// It must be there and be the issuer: the server announces that it sends it.
    Required,
    /// If it is there it must be the issuer.
    Accepted,
    /// An answer with it is discarded, since this server is not known to send it.
    Unexpected,
}

impl IssuerParameter {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Accepted => "accepted",
            Self::Unexpected => "unexpected",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Required, Self::Accepted, Self::Unexpected].into_iter().find(|own| own.as_str() == name)
    }

    /// Compares what came with what is expected, as simple strings (RFC 9207 section 2.4).
    pub(super) fn check(self, expected: Option<&str>, found: Option<&str>) -> Result<(), AuthorizationError> {
        let why = match (self, found) {
            (Self::Required, None) => "names no issuer, although this server announces that it does".to_owned(),
            (Self::Accepted | Self::Unexpected, None) => return Ok(()),
            (Self::Required | Self::Accepted, Some(found)) if Some(found) == expected => return Ok(()),
            (Self::Required | Self::Accepted, Some(found)) => {
                format!("is from {:?} and not from the issuer that was asked", printable(found, 200))
            }
            (Self::Unexpected, Some(found)) => format!(
                "names the issuer {:?}, and this server is not known to do so: give the client its issuer",
                printable(found, 200)
            ),
        };
        let message = format!("the authorization response {why}");
        Err(AuthorizationError::new(AuthorizationErrorKind::IssuerMismatch, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Option<&str> = Some("https://login.example.com");

    // R9207-2.4a, R9207-2.4b, R9207-2.4c
    #[test]
    fn the_three_rules() {
        use IssuerParameter::{Accepted, Required, Unexpected};
        let passes = |rule: IssuerParameter, found| rule.check(US, found).is_ok();
        assert!(passes(Required, US) && passes(Accepted, US) && !passes(Unexpected, US));
        assert!(!passes(Required, None) && passes(Accepted, None) && passes(Unexpected, None));
        for other in ["https://login.example.com/", "https://LOGIN.example.com", "https://evil.example", "x\r\ny"] {
            for rule in [Required, Accepted, Unexpected] {
                let error = rule.check(US, Some(other)).unwrap_err();
                assert_eq!(error.kind(), AuthorizationErrorKind::IssuerMismatch);
                assert!(!error.to_string().contains(['\r', '\n']));
            }
        }
        assert!(Accepted.check(None, US).is_err(), "nothing equals an issuer that is not known");
    }

    #[test]
    fn rules_have_names() {
        for rule in [IssuerParameter::Required, IssuerParameter::Accepted, IssuerParameter::Unexpected] {
            assert_eq!(IssuerParameter::from_name(rule.as_str()), Some(rule));
        }
        assert_eq!(IssuerParameter::from_name("none"), None);
    }
}
