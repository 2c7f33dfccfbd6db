//! What an answer, or the lack of one, means.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{
    BoxError, ClientCredentials, FailureClass, HttpClient, TokenError, TokenErrorKind, TransportError,
    TransportErrorKind,
};

use super::endpoint::{Endpoint, URL, response};

fn over(http: &HttpClient) -> ClientCredentials {
    ClientCredentials::new(URL, "orders", "s3cret").http_client(http.clone())
}

async fn failure(endpoint: &Endpoint) -> TokenError {
    let error = over(&endpoint.http).build().unwrap().request_token().await.unwrap_err();
    assert_eq!(endpoint.seen().len(), 1, "asked more than once");
    error
}

// SYS-V10, R6749-5.2a, R21-2.4a
#[tokio::test]
async fn a_wrong_secret_is_explained_and_no_other_method_is_tried() {
    let body =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided: s3cret."}"#;
    let error = failure(&Endpoint::json(401, body)).await;
    assert_eq!(
        error.to_string(),
        "login.example.com refused the client (status 401, invalid_client: \"AADSTS7000215: Invalid client secret provided: \
         [redacted].\"): check client id, secret and the authentication method (currently basic) [token.misconfigured]"
    );
    assert_eq!((error.class(), error.status()), (FailureClass::Misconfigured, Some(401)));
    assert_eq!(error.oauth_error(), Some("invalid_client"));
}

// SYS-V10
#[tokio::test]
async fn a_wrong_tenant_is_explained() {
    let body = r#"{"error":"invalid_request","error_description":"AADSTS90002: Tenant 'acme' not found.","error_codes":[90002]}"#;
    assert_eq!(
        failure(&Endpoint::json(400, body)).await.to_string(),
        "login.example.com refused the request (status 400, invalid_request: \"AADSTS90002: Tenant 'acme' not found.\"): check the \
         token URL, the tenant in it, the parameters and the authentication method (currently basic) [token.misconfigured]"
    );
    let page = Endpoint::new(|| Ok(response(404, "text/html", "<html>nothing here</html>")));
    assert_eq!(
        failure(&page).await.to_string(),
        "login.example.com has no token endpoint at this URL (status 404): check the token URL, and the tenant in it \
         [token.misconfigured]"
    );
}

// SYS-V10
#[tokio::test]
async fn a_web_page_in_place_of_a_token_is_explained() {
    let page = Endpoint::new(|| Ok(response(200, "text/html", "<!doctype html><p>Sign in</p>")));
    assert_eq!(
        failure(&page).await.to_string(),
        "login.example.com answered with an HTML page (status 200), not JSON: is the token URL right? [token.unparsable]"
    );
}

// R6749-5.2a
#[tokio::test]
async fn an_error_within_a_success_is_an_error() {
    for body in [r#"{"ok":false,"error":"invalid_client"}"#, r#"{"error":"invalid_client","access_token":"t"}"#] {
        let error = failure(&Endpoint::json(200, body)).await;
        assert_eq!((error.kind(), error.status()), (TokenErrorKind::Misconfigured, Some(200)), "{body}");
    }
}

// THREAT-A4
#[tokio::test]
async fn a_wish_for_patience_is_passed_on_and_capped() {
    let busy = |seconds: &'static str| {
        Endpoint::new(move || {
            let mut busy = response(429, "text/plain", "slow down");
            busy.headers_mut().insert("retry-after", http::HeaderValue::from_static(seconds));
            Ok(busy)
        })
    };
    let error = failure(&busy("20")).await;
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::Throttled, Some(Duration::from_secs(20))));
    assert_eq!(failure(&busy("999999")).await.retry_after(), Some(Duration::from_secs(3600)));
}

// THREAT-T2, THREAT-T4
#[tokio::test]
async fn a_redirect_is_a_misconfiguration() {
    let moved = Endpoint::new(|| {
        let mut moved = response(307, "text/plain", "");
        moved.headers_mut().insert("location", http::HeaderValue::from_static("https://evil.example/"));
        Ok(moved)
    });
    let error = failure(&moved).await;
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("redirect") && !format!("{error:?}").contains("evil"), "{error:?}");
}

#[tokio::test]
async fn a_failed_transport_keeps_its_kind_and_whether_anything_was_sent() {
    use TransportErrorKind::{Connect, Encoded, Forbidden, Protocol, TimedOut, Tls, TooLarge};
    for (kind, expected) in [
        (Connect, TokenErrorKind::Unreachable),
        (Tls, TokenErrorKind::Unreachable),
        (Protocol, TokenErrorKind::Unreachable),
        (TimedOut, TokenErrorKind::TimedOut),
        (TooLarge, TokenErrorKind::Unparsable),
        (Encoded, TokenErrorKind::Unparsable),
        (Forbidden, TokenErrorKind::Misconfigured),
    ] {
        for unsent in [false, true] {
            // Wrapped, as a layer might do it.
            let broken =
                move || Err(BoxError::from(std::io::Error::other(TransportError::new(kind, "x").unsent(unsent))));
            let error = failure(&Endpoint::new(broken)).await;
            assert_eq!(error.kind(), expected, "{kind:?}");
            let below = TransportError::find(error.source().unwrap()).unwrap();
            assert_eq!((below.kind(), below.is_unsent()), (kind, unsent));
        }
    }
}

// THREAT-L2
#[tokio::test]
async fn somebody_elses_error_is_kept_as_cleaned_text() {
    let broken = || Err(BoxError::from("cannot POST https://login.example.com/?client_secret=s3cret"));
    let error = failure(&Endpoint::new(broken)).await;
    assert_eq!(error.kind(), TokenErrorKind::Unreachable);
    let below = error.source().unwrap().to_string();
    assert_eq!(below, "cannot POST https://login.example.com/?client_secret=[redacted]");
}

// THREAT-A4
#[tokio::test]
async fn an_http_client_that_never_ends_is_given_up() {
    let hanging =
        HttpClient::new(tower::service_fn(|_: Request<Bytes>| pending::<Result<Response<Bytes>, BoxError>>()));
    let tokens = over(&hanging).configure(|client| client.timeout(Duration::from_millis(30))).build().unwrap();
    let error = tokens.request_token().await.unwrap_err();
    assert_eq!(error.to_string(), "login.example.com did not answer within 30ms [token.timed_out]");
}
