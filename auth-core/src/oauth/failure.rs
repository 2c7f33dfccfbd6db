use std::error::Error;
use std::fmt;

use super::endpoints::Target;
use super::redact::Redactor;
use crate::error::BoxError;
use crate::http::{TransportError, TransportErrorKind};
use crate::{TokenError, TokenErrorKind};

/// What a failed exchange with the endpoint `target` at `site` means.
pub(crate) fn transport_failure(target: Target, site: &str, redactor: &Redactor, error: BoxError) -> TokenError {
    let request = target.request();
    let Some(transport) = TransportError::find(&*error) else {
        let source = ForeignError::new(&*error, redactor);
        let message = format!("the HTTP client could not send the {request} to {site}");
        return TokenError::new(TokenErrorKind::Unreachable, message).with_source(source);
    };
    let (kind, message) = match transport.kind() {
        TransportErrorKind::Connect => (
            TokenErrorKind::Unreachable,
            format!("cannot connect to {site}: check the host of the {} and the network", target.url()),
        ),
        TransportErrorKind::Tls => (
            TokenErrorKind::Unreachable,
            format!("there is no trusted TLS connection to {site}: check its certificate and the trusted roots"),
        ),
        TransportErrorKind::TimedOut => (TokenErrorKind::TimedOut, format!("{site} did not answer in time")),
        TransportErrorKind::TooLarge => {
            (TokenErrorKind::Unparsable, format!("{site} answered with more than the transport reads"))
        }
        TransportErrorKind::Encoded => {
            (TokenErrorKind::Unparsable, format!("{site} answered with a compressed body, which nobody asked for"))
        }
        TransportErrorKind::Forbidden => (
            TokenErrorKind::Misconfigured,
            format!("the {request} to {site} was not sent: a rule of the transport forbids it"),
        ),
        TransportErrorKind::Protocol => (TokenErrorKind::Unreachable, format!("the connection to {site} broke")),
    };
    TokenError::new(kind, message).with_source(transport.clone())
}

/// How much of a foreign error's text is kept, in characters.
const MAX_FOREIGN: usize = 300;

/// What is left of an error of the user's own code, which may quote a request: its cleaned text.
#[derive(Debug)]
pub(super) struct ForeignError(String);

impl ForeignError {
    pub(super) fn new(error: &(dyn Error + 'static), redactor: &Redactor) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            text = format!("{text}: {source}");
            next = source.source();
        }
        Self(redactor.clean(&text, MAX_FOREIGN))
    }
}

impl fmt::Display for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ForeignError {}
