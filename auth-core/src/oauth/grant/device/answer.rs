use std::time::Duration;

use http::Uri;

use super::verification::{check, is_same_host};
use crate::oauth::client::Answered;
use crate::oauth::lifetime::span;
use crate::{Secret, TokenError};

/// The interval of a server that names none (RFC 8628 section 3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The longest that a code is waited for.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// The longest code that a person is asked to type, in characters.
const MAX_USER_CODE: usize = 64;

/// What a device authorization endpoint gives (RFC 8628 section 3.2).
pub(super) struct Codes {
    pub(super) device_code: Secret,
    pub(super) user_code: String,
    pub(super) uri: Uri,
    pub(super) complete: Option<Uri>,
    pub(super) expires_in: Duration,
    pub(super) interval: Duration,
}

impl Codes {
    pub(super) fn read(answered: &Answered<'_>) -> Result<Self, TokenError> {
        let (reader, response) = (answered.reader(), &answered.response);
        let answer = reader.success(response)?;
        let unusable = |what: &str| reader.unparsable(response, what);

        let device_code = answer.secret("device_code").ok_or_else(|| unusable("no device_code"))?;
        let user_code = answer.text("user_code").ok_or_else(|| unusable("no user_code"))?;
        // What is shown must be what the server will look for, so nothing is taken out of it.
        if user_code.len() > MAX_USER_CODE || !user_code.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(unusable("a user_code that nobody can type"));
        }
        // The second name is from before the standard.
        let uri = answer.text("verification_uri").or_else(|| answer.text("verification_url"));
        let uri = uri.ok_or_else(|| unusable("no verification_uri"))?;
        let uri = check(&uri, answered.uri())
            .map_err(|why| unusable(&format!("a verification_uri {why}, which nobody is sent to")))?;
        let complete = answer.text("verification_uri_complete").and_then(|text| match check(&text, answered.uri()) {
            // Another host than the one that is shown could be anybody's.
            Ok(complete) if is_same_host(&complete, &uri) => Some(complete),
            _ => {
                tracing::warn!("the device authorization endpoint gave a verification_uri_complete that is not shown");
                None
            }
        });
        let expires_in = span(&answer, "expires_in").ok_or_else(|| unusable("no usable expires_in"))?;
        let interval = span(&answer, "interval").unwrap_or(DEFAULT_INTERVAL);
        let user_code = user_code.as_str().to_owned();
        Ok(Self { device_code, user_code, uri, complete, expires_in: expires_in.min(MAX_LIFETIME), interval })
    }
}
