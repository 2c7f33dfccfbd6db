use askama::Template;
use http::StatusCode;

use super::shell::Shell;

/// A page instead of the one that was asked for.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/error.html")]
pub(crate) struct ErrorPage {
    pub(crate) shell: Shell,
    pub(crate) kind: ErrorKind,
    /// Finds the event in the logs of the server, for support.
    pub(crate) reference: Option<String>,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    SessionExpired,
    /// Not there, or not theirs: the two look alike.
    NotFound,
    /// The form is not from this session, or was sent twice.
    FormExpired,
    TooManyRequests {
        retry_after: Option<u64>,
    },
    NotAllowed,
    /// Something of ours does not work.
    Unavailable,
}

impl ErrorKind {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::SessionExpired => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::FormExpired | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
