//! What is known of the other end of a connection: its address, and the certificate that it showed.
#![cfg(all(feature = "jwt", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use axum::middleware::map_request;
use axum::{Router, routing};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as Authority, KeyPair, SanType};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tower_auth::ValidateLayer;
use tower_auth_axum::core::{CertificateHeader, HttpClient, HttpTransport, Policy, Verifier};
use tower_auth_axum::{Bearer, Identity, TlsListener, TlsPeer, with_peer};
use tower_auth_testing::{TestCa, TestCertificate};

use self::support::{Issuer, bearer, send};

/// Accepts connections at a free port: where, and the root to trust. `clients` vouches for the certificates of clients.
async fn listen(clients: &TestCa) -> (TlsListener, SocketAddr, String) {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let mut server = CertificateParams::new(Vec::new()).unwrap();
    server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let server = server.signed_by(&key, &Authority::new(root, root_key)).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        .with_single_cert(
            vec![server.der().clone()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    (TlsListener::new(tcp, config), address, root_pem)
}

fn client(root: &str, certificate: Option<&TestCertificate>) -> HttpClient {
    let transport = HttpTransport::new().only_roots(root);
    match certificate {
        Some(shown) => transport.client_certificate(shown.pem(), shown.key_pem()).build().unwrap(),
        None => transport.build().unwrap(),
    }
}

async fn status(client: &HttpClient, url: String, authorization: &str) -> u16 {
    let request = http::Request::get(url).header("authorization", authorization).body(Bytes::new()).unwrap();
    client.send(request).await.unwrap().status().as_u16()
}

fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/layer", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route_layer(ValidateLayer::new(verifier.clone()))
        .route_layer(map_request(with_peer))
        .route("/extractor", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .route(
            "/peer",
            routing::get(
                |ConnectInfo(peer): ConnectInfo<TlsPeer>| async move { peer.certificate().is_some().to_string() },
            ),
        )
        .with_state(verifier)
}

// R8705-3a, R8705-P1
#[tokio::test]
async fn a_token_is_good_over_the_connection_whose_certificate_it_names() {
    let issuer = Issuer::new();
    let authority = TestCa::new();
    let (listener, address, root) = listen(&authority).await;
    let routes = app(issuer.verifier()).into_make_service_with_connect_info::<TlsPeer>();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    // Whoever begins a handshake and says nothing more keeps nobody waiting, and who talks nonsense ends alone.
    let _silent = TcpStream::connect(address).await.unwrap();
    TcpStream::connect(address).await.unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();

    let (own, other) = (authority.client_certificate("own"), authority.client_certificate("other"));
    let bound = bearer(issuer.token().claim("cnf", &serde_json::json!({ "x5t#S256": own.thumbprint() })));
    for path in ["/extractor", "/layer"] {
        let url = || format!("https://{address}{path}");
        assert_eq!(status(&client(&root, Some(&own)), url(), &bound).await, 200, "{path}");
        assert_eq!(status(&client(&root, Some(&other)), url(), &bound).await, 401, "{path}");
        assert_eq!(status(&client(&root, None), url(), &bound).await, 401, "{path}");
        assert_eq!(status(&client(&root, None), url(), &issuer.bearer()).await, 200, "{path}");
    }
    let request = || http::Request::get(format!("https://{address}/peer")).body(Bytes::new()).unwrap();
    assert_eq!(client(&root, Some(&own)).send(request()).await.unwrap().body(), "true");
    assert_eq!(client(&root, None).send(request()).await.unwrap().body(), "false");
}

// R8705-P1, THREAT-T10
#[tokio::test]
async fn a_certificate_header_counts_from_a_trusted_address_alone() {
    let issuer = Issuer::new();
    let certificate = TestCertificate::self_signed("own");
    let header = CertificateHeader::client_cert().trusted_proxy("10.0.0.0/8").unwrap();
    let verifier = issuer.verifier().with_certificate_header(header).unwrap();
    let token = bearer(issuer.token().claim("cnf", &serde_json::json!({ "x5t#S256": certificate.thumbprint() })));
    let base64: String = certificate.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let field = format!(":{base64}:");
    let lines = [("authorization", token.as_str()), ("client-cert", field.as_str())];
    for (peer, expected) in [(Some("10.1.2.3:4"), 200), (Some("192.0.2.1:4"), 401), (None, 401)] {
        let mut app = app(verifier.clone());
        if let Some(peer) = peer {
            app = app.layer(MockConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        for path in ["/extractor", "/layer"] {
            // What a client says of itself is not the address of its connection.
            let spoofed = [lines[0], lines[1], ("x-forwarded-for", "10.1.2.3"), ("forwarded", "for=10.1.2.3")];
            assert_eq!(send(&app, path, &spoofed).await.status, expected, "{peer:?} {path}");
        }
    }
}

// R9700-2.2a
#[tokio::test]
async fn a_policy_can_demand_tokens_that_are_bound() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", routing::get(|caller: Identity| async move { caller.is_bound().to_string() }))
        .route_layer(ValidateLayer::new(issuer.verifier()).require(Policy::new().bound()).unwrap());
    let refused = support::get(&app, "/", Some(&issuer.bearer())).await;
    assert_eq!(refused.status, 401);
    assert!(refused.challenges()[0].contains("error=\"invalid_token\""));
}
