//! What requests look like when they have come over a socket.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Version};
use axum::{Router, routing};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower_auth::ValidateLayer;
use tower_auth_axum::core::Verifier;
use tower_auth_axum::{Auth, Identity};

use self::support::{API_KEY, Issuer, api_key};

// R9110-11.6.2a, R6750-3.1c, THREAT-T8
#[tokio::test]
async fn two_credentials_are_refused_over_http_1_and_2_in_either_order() {
    let issuer = Issuer::new();
    let verifier = Verifier::any_of([issuer.verifier(), api_key()]).unwrap();
    let app = Router::new()
        .route("/layer", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route_layer(ValidateLayer::new(verifier.clone()))
        .route("/extractor", routing::get(|caller: Auth| async move { caller.subject().to_owned() }))
        .with_state(verifier);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let good = issuer.bearer();
    for http2 in [false, true] {
        let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        for path in ["/layer", "/extractor"] {
            let send = |lines: &[(&'static str, &str)]| {
                let mut request = Request::get(format!("{origin}{path}")).body(Body::empty()).unwrap();
                if http2 {
                    *request.version_mut() = Version::HTTP_2;
                }
                for (name, value) in lines {
                    request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
                }
                let sent = client.request(request);
                async move { sent.await.unwrap().status().as_u16() }
            };
            let (token, other) = (("authorization", good.as_str()), ("authorization", "Bearer other"));
            let key = ("x-api-key", API_KEY);
            assert_eq!(send(&[token]).await, 200, "{path} {http2}");
            for lines in [[token, other], [other, token], [token, token], [token, key], [key, token], [key, key]] {
                assert_eq!(send(&lines).await, 400, "{path} {http2} {lines:?}");
            }
            // Names that a careless service would fold are other names: they neither count nor stand in the way.
            for name in ["authorization_", "x_api_key", "x-authorization", "proxy-authorization"] {
                assert_eq!(send(&[(name, &good)]).await, 401, "{path} {http2} {name}");
                assert_eq!(send(&[token, (name, "Bearer other")]).await, 200, "{path} {http2} {name}");
            }
        }
    }
}
