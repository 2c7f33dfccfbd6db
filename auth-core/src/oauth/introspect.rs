use bytes::Bytes;
use http::{Request, StatusCode};

use super::client::{Answered, Inner};
use super::client_auth::Proof;
use super::endpoints::Target;
use super::limit::Limit;
use super::request::Params;
use super::{IntrospectionResponse, OAuthClient, TokenTypeHint};
use crate::clock::race;
use crate::http::Endpoint;
use crate::{Credential, Secret, TokenCache, TokenError, TokenErrorKind};

impl OAuthClient {
    /// Asks the authorization server what a token is worth (RFC 7662).
    ///
    /// The endpoint is the configured one, else that of the issuer's metadata. The request is a form whatever the client's body format
    /// is, and proves the client as token requests do, or has a [token](crate::OAuthClientBuilder::introspection_tokens) of its own.
    ///
    /// To accept or refuse callers use `IntrospectionVerifier`, which also looks at what the answer says: that a token is active does
    /// not mean that it is for this service (section 4).
    ///
    /// # Errors
    /// Whatever is not a JSON object with status 200: then nothing is known of the token, and it is neither active nor inactive
    /// (section 2.3).
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): no introspection endpoint is known, or the client was refused.
    /// - [`Unparsable`](TokenErrorKind::Unparsable): another document, more than 64 KiB, a member named twice.
    /// - [`ServerError`](TokenErrorKind::ServerError) and the other transient kinds; see [`TokenError::retry_after`].
    /// - Those of the cache, if the request has a token of its own.
    ///
    /// # Cancel safety
    /// Nothing is lost with the future.
    pub async fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<IntrospectionResponse, TokenError> {
        let mut params = Params::default();
        params.push("token", token.clone());
        if let Some(hint) = hint {
            params.push("token_type_hint", hint.as_str());
        }
        let answered = self.post("introspection", Target::Introspection, params).await?;
        IntrospectionResponse::read(&answered.reader(), &answered.response)
    }

    /// Finds the introspection endpoint, which asks the issuer for its metadata if that is not known. Nothing is asked of the endpoint.
    #[cfg(feature = "introspection")]
    pub(crate) async fn find_introspection(&self) -> Result<(), TokenError> {
        self.0.endpoint(Target::Introspection).await.map(|_| ())
    }

    #[cfg(feature = "introspection")]
    pub(crate) fn own_clock(&self) -> crate::Clock {
        self.clock()
    }

    /// Host, and port if it is not the scheme's own, of the introspection endpoint if it was configured.
    #[cfg(feature = "introspection")]
    pub(crate) fn introspection_site(&self) -> &str {
        self.0.endpoints.get(Target::Introspection).map_or(self.site(), Endpoint::site)
    }

    /// Whose tokens the server issues, if that is known.
    #[cfg(feature = "introspection")]
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// Asks how long `token` lives. `None` if the answer does not say.
    #[cfg(feature = "provider")]
    pub(crate) async fn introspected_lifetime(
        &self,
        token: &Secret,
    ) -> Result<Option<std::time::Duration>, TokenError> {
        let answer = self.introspect(token, Some(TokenTypeHint::AccessToken)).await?;
        let now = self.clock().wall().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let left =
            answer.expiry().filter(|_| answer.is_active()).map(|exp| (exp - now).floor().clamp(0.0, 31_536_000.0));
        Ok(left.map(std::time::Duration::from_secs_f64))
    }
}

impl Inner {
    /// What authenticates requests to `target`, if not the client's own method.
    pub(super) fn tokens_for(&self, target: Target) -> Option<&TokenCache> {
        self.introspection_tokens.as_ref().filter(|_| target == Target::Introspection)
    }

    /// Sends `params` with a token in place of the client's own authentication. One that is refused is renewed, and the request sent
    /// once more.
    pub(super) async fn post_with(
        &self,
        tokens: &TokenCache,
        target: Target,
        endpoint: &Endpoint,
        params: &Params,
        limit: Limit<'_>,
    ) -> Result<Answered<'_>, TokenError> {
        let mut refused = None;
        let mut sent_anew = false;
        loop {
            let current = race(tokens.current(), limit.passed()).await.unwrap_or_else(|| Err(too_late()))?;
            if let Some((generation, answered)) = refused.take_if(|(generation, _)| *generation == current.generation) {
                // The source has no other.
                tokens.ignore_refusals(generation);
                return Ok(answered);
            }
            let proof = Proof::by(current.credential.clone());
            let answered = self.send(target, endpoint, params, &proof, limit).await?;
            let (status, headers) = (answered.response.status(), answered.response.headers());
            if current.credential.observe(endpoint.uri(), status, headers) && !std::mem::replace(&mut sent_anew, true) {
                continue;
            }
            if status != StatusCode::UNAUTHORIZED {
                return Ok(answered);
            }
            if refused.is_some() {
                tokens.ignore_refusals(current.generation);
                return Ok(answered);
            }
            if tokens.invalidate(current.generation) == crate::Invalidation::Throttled {
                return Ok(answered);
            }
            refused = Some((current.generation, answered));
        }
    }
}

/// Puts a credential on a request, and gives what of it nobody may see.
pub(super) fn put_on(request: &mut Request<Bytes>, credential: &Credential) -> Result<Vec<Secret>, TokenError> {
    let (target, body) = (request.uri().clone(), request.body().clone());
    credential.sign(request, &target, Some(&body)).map_err(|error| {
        TokenError::new(TokenErrorKind::Misconfigured, "the credential does not fit on the introspection request")
            .with_source(error)
    })?;
    let sensitive = request.headers().values().filter(|value| value.is_sensitive());
    let texts = sensitive.filter_map(|value| value.to_str().ok());
    Ok(texts.map(|text| Secret::from(text.split_once(' ').map_or(text, |(_, token)| token))).collect())
}

fn too_late() -> TokenError {
    TokenError::new(TokenErrorKind::TimedOut, "no token for the introspection request came in time")
}
