use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Visitor};
use tower_auth_core::Secret;

use super::caller::ApiState;
use super::problem::Refusal;

/// The body of a request, as JSON.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Input<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await.map_err(|_| {
            let text = "the body is longer than 64 KiB, or did not come whole";
            Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, "connect.too_large", text)
        })?;
        // What stands there is not repeated: it may be a secret.
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let text = format!(
                "the body is not what this wants, at line {} column {}; see openapi.json",
                error.line(),
                error.column()
            );
            Refusal::plain(StatusCode::BAD_REQUEST, "connect.bad_request", text)
        })
    }
}

/// The value of a field: a text, or what can be written as one.
#[derive(Clone, Debug)]
pub(super) struct FieldValue(pub(super) Secret);

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl Visitor<'_> for Values {
            type Value = FieldValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E>(self, text: &str) -> Result<FieldValue, E> {
                Ok(FieldValue(Secret::from(text)))
            }

            fn visit_string<E>(self, text: String) -> Result<FieldValue, E> {
                Ok(FieldValue(Secret::from(text)))
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<FieldValue, E> {
                self.visit_string(value.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<FieldValue, E> {
                self.visit_string(value.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<FieldValue, E> {
                self.visit_string(value.to_string())
            }
        }
        deserializer.deserialize_any(Values)
    }
}
