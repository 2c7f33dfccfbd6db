use std::time::Duration;

use http::StatusCode;

use super::AuthorizationError;
use crate::oauth::answer::Answer;
use crate::oauth::endpoints::Target;
use crate::oauth::lifetime::lifetime;
use crate::oauth::request::Params;
use crate::oauth::response::MAX_ANSWER;
use crate::{Lifetime, OAuthClient, Secret, TokenError, TokenErrorKind};

/// What stands for a pushed request.
pub(super) struct Pushed {
    pub(super) request_uri: Secret,
    pub(super) expires_in: Duration,
}

/// Pushes an authorization request (RFC 9126 section 2): every parameter, with the client's authentication.
pub(super) async fn push(client: &OAuthClient, mut params: Params) -> Result<Pushed, AuthorizationError> {
    // Where the client authenticates by the body, its id comes with that.
    if client.auth().id_in_body() {
        params.remove("client_id");
    }
    let pushed = async {
        let answered = client.post("pushed_authorization", Target::PushedAuthorization, params).await?;
        let response = &answered.response;
        let status = response.status();
        if status != StatusCode::CREATED {
            let error = answered.reader().read_refusal(response);
            return Err(if status.is_success() { unusable(status, "another status than 201") } else { error });
        }
        read(response.body(), client).map_err(|what| unusable(status, what))
    };
    pushed.await.map_err(|error| {
        AuthorizationError::start_failed("the authorization server did not take the pushed request", error)
    })
}

/// The two members of an answer that both must be there (RFC 9126 section 2.2).
fn read(body: &[u8], client: &OAuthClient) -> Result<Pushed, &'static str> {
    if body.len() > MAX_ANSWER {
        return Err("more than 64 KiB");
    }
    let answer = Answer::from_json(body).map_err(|_| "something that is not a well-formed JSON object")?;
    let request_uri = answer.secret("request_uri").ok_or("no request_uri")?;
    match lifetime(&answer, client.clock().wall()) {
        Lifetime::For(expires_in) if !expires_in.is_zero() => Ok(Pushed { request_uri, expires_in }),
        _ => Err("no expires_in"),
    }
}

fn unusable(status: StatusCode, what: &str) -> TokenError {
    let status = status.as_u16();
    let message = format!("the pushed authorization request endpoint answered with {what} (status {status})");
    TokenError::new(TokenErrorKind::Unparsable, message).with_status(status)
}
