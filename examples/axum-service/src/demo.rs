//! The service seen from outside: one call after the other, over a socket.

use std::fmt::Write;

use axum::http::Request;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use bytes::Bytes;
use tower_auth_axum::core::{BoxError, ClientCredentials, HttpClient, HttpTransport, TokenCache};
use tower_auth_testing::AuthorizationServer;

use crate::app::AUDIENCE;

/// Calls the service as a client with `orders:read`, as one without, and as nobody. Returns what happened, line by
/// line.
///
/// # Errors
/// When something is answered that should not be.
pub(crate) async fn run(base: &str, login: &AuthorizationServer) -> Result<String, BoxError> {
    let http = HttpTransport::new().allow_loopback_http().build()?;
    let reader = tokens(login, "reader")?.token().await?;
    let visitor = tokens(login, "visitor")?.token().await?;
    let (reader, visitor) = (reader.secret().expose_secret(), visitor.secret().expose_secret());
    let cases = [
        ("/", None, 200),
        ("/", Some(reader), 200),
        ("/", Some("no-token"), 401),
        ("/me", None, 401),
        ("/me", Some(visitor), 200),
        ("/orders", Some(visitor), 403),
        ("/orders", Some(reader), 200),
    ];
    let mut report = String::new();
    for (path, token, expected) in cases {
        let (status, line) = call(&http, &format!("{base}{path}"), token).await?;
        writeln!(report, "{path:8} {line}")?;
        if status != expected {
            return Err(format!("{path} was answered with {status} in place of {expected}").into());
        }
    }
    Ok(report)
}

/// The tokens of a client, for this service.
fn tokens(login: &AuthorizationServer, client: &str) -> Result<TokenCache, BoxError> {
    let tokens = ClientCredentials::new(login.token_url(), client, "secret")
        .audience(AUDIENCE)
        .allow_loopback_http()
        .cached()?;
    Ok(tokens)
}

async fn call(http: &HttpClient, url: &str, token: Option<&str>) -> Result<(u16, String), BoxError> {
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = http.send(request.body(Bytes::new())?).await?;
    let status = response.status().as_u16();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str()).transpose()?;
    let body = String::from_utf8_lossy(response.body());
    Ok((status, format!("{status} {}", challenge.unwrap_or(body.trim_end()))))
}
