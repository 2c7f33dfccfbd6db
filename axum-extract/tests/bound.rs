//! Tokens that are bound to a key before the extractors.
#![cfg(all(feature = "dpop", feature = "jwt"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use serde_json::json;
use tower_auth::ValidateLayer;
use tower_auth_axum::core::{CertificateHeader, DpopKey, DpopProofs, PeerAddress, PeerCertificate, Token, Verifier};
use tower_auth_axum::{Auth, Basic, Bearer};

use self::support::*;

const API: &str = "https://api.test";

async fn me(user: Bearer) -> String {
    format!("{} by {}", user.subject(), user.scheme().as_str())
}

async fn anybody(user: Auth) -> String {
    user.subject().to_owned()
}

async fn password(user: Basic) -> String {
    user.subject().to_owned()
}

struct Client {
    issuer: Issuer,
    key: DpopKey,
}

impl Client {
    fn new() -> Self {
        let issuer = Issuer::new();
        let key = DpopKey::generate().unwrap().with_clock(issuer.time.clock());
        Self { issuer, key }
    }

    fn proofs(&self) -> DpopProofs {
        DpopProofs::new(API).unwrap().clock(self.issuer.time.clock())
    }

    fn verifier(&self) -> Verifier {
        self.issuer.verifier().with_dpop(self.proofs()).unwrap()
    }

    /// The header lines of a request for `path`.
    fn lines(&self, path: &str, nonce: Option<&str>) -> [(&'static str, String); 2] {
        let token = self.issuer.token().claim("cnf", &json!({ "jkt": self.key.thumbprint() })).sign();
        let uri = format!("{API}{path}").parse().unwrap();
        let proof = self.key.proof(&Method::GET, &uri, Some(&Token::new(&*token).unwrap()), nonce).unwrap();
        [("authorization", format!("DPoP {token}")), ("dpop", proof.to_str().unwrap().to_owned())]
    }

    async fn get(&self, app: &Router, path: &str, nonce: Option<&str>) -> Answer {
        let lines = self.lines(path, nonce);
        let lines = lines.each_ref().map(|(name, value)| (*name, value.as_str()));
        send(app, path, &lines).await
    }
}

// R9449-4.3b, R9449-7.1b, R9449-7.2b
#[tokio::test]
async fn a_bound_token_is_a_bearer_of_identity_with_its_proof() {
    let client = Client::new();
    let app: Router = Router::new().route("/me", get(me)).route("/any", get(anybody)).with_state(client.verifier());
    assert_eq!(client.get(&app, "/me?x=1", None).await.body, "alice by dpop");
    assert_eq!(client.get(&app, "/any", None).await.body, "alice");
    let plain = get_with(&app, "/me", &client.issuer.bearer()).await;
    assert_eq!(plain.body, "alice by bearer");
    let missing = support::get(&app, "/me", None).await;
    let challenges = missing.challenges();
    assert_eq!(challenges[0], r#"Bearer realm="orders""#);
    assert!(challenges[1].starts_with(r#"DPoP realm="orders", algs="RS256 "#), "{challenges:?}");
    let [authorization, _] = client.lines("/me", None);
    let refused = get_with(&app, "/me", &authorization.1).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.challenges()[1].contains("invalid_dpop_proof"));
}

async fn get_with(app: &Router, path: &str, authorization: &str) -> Answer {
    support::get(app, path, Some(authorization)).await
}

// R9449-4.3b
#[tokio::test]
async fn a_proof_is_about_the_whole_path_below_nested_routers_too() {
    let client = Client::new();
    let inner: Router<Verifier> = Router::new().route("/me", get(me));
    let app: Router = Router::new().nest("/v1", Router::new().nest("/users", inner)).with_state(client.verifier());
    assert_eq!(client.get(&app, "/v1/users/me", None).await.body, "alice by dpop");
    let lines = client.lines("/me", None);
    let lines = lines.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(send(&app, "/v1/users/me", &lines).await.status, StatusCode::UNAUTHORIZED, "the part is not the whole");
}

// R9449-11.1a
#[tokio::test]
async fn extractors_and_a_layer_with_one_verifier_use_a_proof_once_together() {
    async fn both(one: Bearer, two: Auth) -> String {
        format!("{} {}", one.subject(), two.subject())
    }
    let client = Client::new();
    let verifier = client.verifier();
    let app: Router = Router::new().route("/me", get(both)).with_state(verifier.clone());
    assert_eq!(client.get(&app, "/me", None).await.body, "alice alice");
    let guarded = Router::new().route("/me", get(both)).with_state(verifier.clone());
    let guarded: Router = guarded.layer(ValidateLayer::new(verifier));
    assert_eq!(client.get(&guarded, "/me", None).await.body, "alice alice");
}

// R9449-8b
#[tokio::test]
async fn a_nonce_is_told_with_the_refusal_and_by_a_layer_with_answers() {
    let client = Client::new();
    let lifetime = std::time::Duration::from_secs(60);
    let verifier = client.issuer.verifier();
    let verifier = verifier.with_dpop(client.proofs().require_nonce().nonce_lifetime(lifetime)).unwrap();
    let app = Router::new().route("/me", get(me)).with_state(verifier.clone());
    let refused = client.get(&app, "/me", None).await;
    assert_eq!(
        (refused.status, &refused.headers["cache-control"]),
        (StatusCode::UNAUTHORIZED, &"no-store".parse().unwrap())
    );
    let nonce = refused.headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(client.get(&app, "/me", Some(&nonce)).await.status, StatusCode::OK);
    client.issuer.time.tick(lifetime);
    let guarded: Router = app.layer(ValidateLayer::new(verifier));
    let answer = client.get(&guarded, "/me", Some(&nonce)).await;
    assert_eq!((answer.status, &answer.headers["cache-control"]), (StatusCode::OK, &"no-store".parse().unwrap()));
    assert_ne!(answer.headers["dpop-nonce"], nonce);
}

// R9449-7.2b
#[tokio::test]
async fn a_route_for_passwords_takes_no_bound_token() {
    let client = Client::new();
    let verifier = Verifier::any_of([client.verifier(), basic()]).unwrap();
    let app: Router = Router::new().route("/login", get(password)).with_state(verifier);
    let refused = client.get(&app, "/login", None).await;
    assert_eq!(
        (refused.status, refused.challenges()),
        (StatusCode::UNAUTHORIZED, vec![r#"Basic realm="orders", charset="UTF-8""#])
    );
}

// R8705-3a, R8705-P1
#[tokio::test]
async fn a_certificate_comes_from_the_extensions_or_from_a_trusted_proxy() {
    let client = Client::new();
    let certificate = PeerCertificate::from_der(b"abc");
    let token = client.issuer.token().claim("cnf", &json!({ "x5t#S256": certificate.thumbprint() }));
    let authorization = format!("Bearer {}", token.sign());
    let header = CertificateHeader::client_cert().trusted_proxy("10.0.0.7").unwrap();
    let verifier = client.issuer.verifier().with_certificate_header(header).unwrap();
    let app: Router = Router::new().route("/me", get(me)).with_state(verifier);
    assert_eq!(get_with(&app, "/me", &authorization).await.status, StatusCode::UNAUTHORIZED);
    let by_tls = app.clone().layer(axum::Extension(certificate));
    assert_eq!(get_with(&by_tls, "/me", &authorization).await.body, "alice by bearer");
    for (peer, status) in [("10.0.0.7:1", StatusCode::OK), ("10.0.0.8:1", StatusCode::UNAUTHORIZED)] {
        let address = PeerAddress::from(peer.parse::<std::net::SocketAddr>().unwrap());
        let behind = app.clone().layer(axum::Extension(address));
        let answer = send(&behind, "/me", &[("authorization", &authorization), ("client-cert", ":YWJj:")]).await;
        assert_eq!(answer.status, status, "{peer}");
    }
}

// R8705-P1
#[cfg(feature = "tokio")]
#[tokio::test]
async fn the_address_of_a_connection_is_known_to_extractors_and_told_to_layers() {
    let client = Client::new();
    let thumbprint = PeerCertificate::from_der(b"abc").thumbprint();
    let token = client.issuer.token().claim("cnf", &json!({ "x5t#S256": thumbprint }));
    let authorization = format!("Bearer {}", token.sign());
    let header = CertificateHeader::client_cert().trusted_proxy("10.0.0.7").unwrap();
    let verifier = client.issuer.verifier().with_certificate_header(header).unwrap();
    let plain: Router = Router::new().route("/me", get(me)).with_state(verifier.clone());
    let layered = plain.clone().layer(ValidateLayer::new(verifier));
    let told = layered.clone().layer(axum::middleware::map_request(tower_auth_axum::with_peer));
    for (app, peer, status) in [
        (&plain, "10.0.0.7:1", StatusCode::OK),
        (&plain, "10.0.0.8:1", StatusCode::UNAUTHORIZED),
        (&layered, "10.0.0.7:1", StatusCode::UNAUTHORIZED),
        (&told, "10.0.0.7:1", StatusCode::OK),
        (&told, "10.0.0.8:1", StatusCode::UNAUTHORIZED),
    ] {
        // As `into_make_service_with_connect_info` does for each connection.
        let connected = axum::extract::ConnectInfo(peer.parse::<std::net::SocketAddr>().unwrap());
        let app = app.clone().layer(axum::Extension(connected));
        let lines = [("authorization", &*authorization), ("client-cert", ":YWJj:"), ("x-forwarded-for", "10.0.0.7")];
        assert_eq!(send(&app, "/me", &lines).await.status, status, "{peer}");
    }
}
