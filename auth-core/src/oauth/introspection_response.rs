use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

#[cfg(feature = "provider")]
use super::answer::Answer;
use super::response::Reader;
use crate::TokenError;

/// What an authorization server says of a token (RFC 7662 section 2.2).
///
/// `Debug` shows whether it is active: the rest is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct IntrospectionResponse {
    active: bool,
    /// One strict JSON object.
    json: Bytes,
}

impl IntrospectionResponse {
    /// Reads the answer of an introspection endpoint. Whatever is not one JSON object that came with status 200 is an error.
    pub(super) fn read(reader: &Reader<'_>, response: &Response<Bytes>) -> Result<Self, TokenError> {
        if response.status() != StatusCode::OK {
            return Err(reader.read_refusal(response));
        }
        let active = reader.json_object(response, "active")?.is_true("active");
        Ok(Self { active, json: without_mark(response.body()) })
    }

    /// Whether the token is active: `active` is the JSON value `true`, and nothing that merely looks like it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The whole answer: one JSON object without repeated names, at most 16 levels deep, with at most 1,000 members.
    #[must_use]
    pub fn json(&self) -> &str {
        // It was read as JSON, which is UTF-8.
        std::str::from_utf8(&self.json).unwrap_or("{}")
    }

    /// When the token ends, in seconds since 1970; also where that is written as a text.
    #[cfg(feature = "provider")]
    pub(super) fn expiry(&self) -> Option<f64> {
        let text = Answer::from_json(&self.json).ok()?.number_text("exp")?;
        text.parse().ok().filter(|seconds: &f64| seconds.is_finite())
    }
}

/// The text without the byte order mark that some servers write.
fn without_mark(body: &Bytes) -> Bytes {
    if body.starts_with(b"\xef\xbb\xbf") { body.slice(3..) } else { body.clone() }
}

impl fmt::Debug for IntrospectionResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionResponse").field("active", &self.active).finish_non_exhaustive()
    }
}
