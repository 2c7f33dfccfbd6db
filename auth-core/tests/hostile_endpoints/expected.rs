//! The table: what an answer means, by the standards and not by the code under test.

use tower_auth_core::TokenErrorKind::{self, *};

use super::answers::{Answer, DEADLINE, Meaning, Timing};
use super::ways::Way;

/// What has to come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Success,
    Failure(TokenErrorKind),
    /// A body that nobody can foretell, or its lifetime: either is well.
    Open,
}

use self::Expected::{Failure, Open, Success};

/// The table of the classes of errors.
pub(crate) fn expected(way: Way, answer: &Answer) -> Expected {
    let base = by_timing(answer).unwrap_or_else(|| match way {
        Way::Push => of_push(answer),
        Way::Revoke => of_revocation(answer),
        Way::Introspect => of_introspection(answer),
        _ => of_token(answer),
    });
    // A refresh token that may be spent needs somebody to look, since it must not be sent again.
    if way == Way::Refresh && may_be_spent(answer) {
        return match base {
            // Whether there is a code in it nobody knows.
            Failure(_)
                if answer.meaning == Meaning::Anything && matches!(answer.status.as_u16(), 502 | 504 | 520..=527) =>
            {
                Open
            }
            Failure(_) => Failure(Unconfirmed),
            Open => Open,
            Success => Success,
        };
    }
    base
}

fn by_timing(answer: &Answer) -> Option<Expected> {
    match answer.timing {
        Timing::Now => None,
        Timing::After(delay) => (delay > DEADLINE).then_some(Failure(TimedOut)),
        Timing::Never => Some(Failure(TimedOut)),
        Timing::Lost | Timing::Unsent | Timing::Foreign => Some(Failure(Unreachable)),
    }
}

fn may_be_spent(answer: &Answer) -> bool {
    match by_timing(answer) {
        Some(_) => answer.timing != Timing::Unsent,
        // What says no did not grant. A gateway that gave up waiting does not know.
        None => match answer.status.as_u16() {
            200..=299 => !matches!(answer.meaning, Meaning::Error(_)),
            // With a code of its own it is no gateway's answer.
            502 | 504 | 520..=527 => !matches!(answer.meaning, Meaning::Error(_)),
            _ => false,
        },
    }
}

fn of_token(answer: &Answer) -> Expected {
    match (answer.status.as_u16(), answer.meaning) {
        (200..=299, Meaning::Token | Meaning::FormToken) => Success,
        (200..=299, Meaning::Junk) => Failure(Unparsable),
        (200..=299, Meaning::Error(code)) => Failure(by_code(code)),
        (200..=299, Meaning::Anything) => Open,
        _ => of_refusal(answer),
    }
}

/// RFC 9126 section 2.2: 201, a JSON object, a lifetime in it.
fn of_push(answer: &Answer) -> Expected {
    match (answer.status.as_u16(), answer.meaning) {
        (201, Meaning::Token | Meaning::Anything) => Open,
        (200..=299, _) => Failure(Unparsable),
        _ => of_refusal(answer),
    }
}

/// RFC 7009 section 2.2: 200 whatever the body.
fn of_revocation(answer: &Answer) -> Expected {
    match answer.status.as_u16() {
        200 | 204 => Success,
        _ => of_refusal(answer),
    }
}

/// RFC 7662 section 2.2: 200 and a JSON object.
fn of_introspection(answer: &Answer) -> Expected {
    match (answer.status.as_u16(), answer.meaning) {
        (200, Meaning::Token) => Success,
        (200, Meaning::FormToken) => Failure(Unparsable),
        (200, Meaning::Error(code)) if answer.body.trim_ascii_start().starts_with(b"{") => Failure(by_code(code)),
        (200, Meaning::Error(_)) => Failure(Unparsable),
        (200, Meaning::Junk | Meaning::Anything) => Open,
        _ => of_refusal(answer),
    }
}

/// Of an answer that is no success: the status first, then the code, as far as the body says one.
fn of_refusal(answer: &Answer) -> Expected {
    match (answer.status.as_u16(), answer.meaning) {
        (300..=399 | 404 | 405, _) => Failure(Misconfigured),
        (408 | 500.., _) => Failure(ServerError),
        (429, _) => Failure(Throttled),
        (_, Meaning::Error(code)) => Failure(by_code(code)),
        (_, Meaning::Anything) => Open,
        (403, _) => Failure(Refused),
        _ => Failure(Misconfigured),
    }
}

fn by_code(code: &str) -> TokenErrorKind {
    match code {
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target"
        | "invalid_request"
        | "unsupported_token_type" => Misconfigured,
        "slow_down" => Throttled,
        "server_error" | "temporarily_unavailable" => ServerError,
        _ => Refused,
    }
}
