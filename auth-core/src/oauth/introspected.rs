use std::time::Duration;

use serde::Deserialize;

use super::OAuthClient;
use super::endpoints::Target;
use super::request::Params;
use crate::{Secret, TokenError, TokenErrorKind};

/// The part of an introspection answer that tells how long a token lives (RFC 7662 section 2.2).
#[derive(Deserialize)]
struct Introspected {
    #[serde(default)]
    active: bool,
    exp: Option<f64>,
}

impl OAuthClient {
    /// Asks how long `token` lives. `None` if the answer does not say.
    pub(crate) async fn introspected_lifetime(&self, token: &Secret) -> Result<Option<Duration>, TokenError> {
        let mut params = Params::default();
        params.push("token", token.clone());
        params.push("token_type_hint", "access_token");
        let answered = self.post("introspection", Target::Introspection, params).await?;
        if !answered.response.status().is_success() {
            return Err(answered.reader().read_refusal(&answered.response));
        }
        // The parser's own error may quote the answer.
        let answer: Introspected = serde_json::from_slice(answered.response.body()).map_err(|_| {
            TokenError::new(TokenErrorKind::Unparsable, "the introspection endpoint did not answer JSON")
        })?;
        let now = self.clock().wall().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let left = answer.exp.filter(|_| answer.active).map(|exp| (exp - now).floor().clamp(0.0, 31_536_000.0));
        Ok(left.map(Duration::from_secs_f64))
    }
}
