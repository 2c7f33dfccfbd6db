use std::borrow::Cow;

use http::HeaderValue;

use super::RejectionKind;
use crate::json_writer::JsonObject;

/// What stands in the body of a refusal. Status and header are the same with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionBody {
    /// Nothing.
    Empty,
    /// The short message, as plain text.
    #[default]
    Text,
    /// A problem as RFC 9457 describes it, as `application/problem+json`: `title`, `status`, `detail`, and what the challenge
    /// tells, for clients that cannot read it: `error`, `scope`, `acr_values`, `max_age`.
    Problem,
}

impl RejectionBody {
    /// Content type and body.
    pub(super) fn write(
        self,
        kind: RejectionKind,
        told: &[(&'static str, String)],
    ) -> Option<(HeaderValue, Cow<'static, str>)> {
        match self {
            Self::Empty => None,
            Self::Text => Some((HeaderValue::from_static("text/plain; charset=utf-8"), kind.message().into())),
            Self::Problem => Some((HeaderValue::from_static("application/problem+json"), problem(kind, told).into())),
        }
    }
}

/// There is no `type`: the problem is what the status says (RFC 9457 section 4.2.1).
fn problem(kind: RejectionKind, told: &[(&'static str, String)]) -> String {
    let status = kind.status();
    let mut json = JsonObject::default();
    json.text("title", status.canonical_reason().unwrap_or_default())
        .number("status", status.as_u16().into())
        .text("detail", kind.message())
        .text("error", kind.oauth_error().unwrap_or_default());
    for (name, value) in told {
        match value.parse() {
            Ok(number) => json.number(name, number),
            Err(_) => json.text(name, value),
        };
    }
    json.finish()
}
