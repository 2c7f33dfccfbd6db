use axum::body::Bytes;
use axum::http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tower_auth::core::{BoxError, HttpTransport};
use tower_auth_testing::{AuthorizationServer, TestCertificate};

use crate::support::{Guard, Upstream, bearer, callers, file};

/// A certificate for guard, and who vouches for it.
struct Chain {
    root: String,
    section: String,
}

fn chain(more: &str) -> Chain {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &root).unwrap();
    let (cert, key) = (file(&own.pem()), file(&key.serialize_pem()));
    let section =
        format!("[tls]\ncert = {:?}\nkey = {:?}\n{more}\n", cert.display().to_string(), key.display().to_string());
    Chain { root: root.pem(), section }
}

async fn get(
    url: &str,
    root: &str,
    certificate: Option<&TestCertificate>,
    token: &str,
) -> Result<Response<Bytes>, BoxError> {
    let mut transport = HttpTransport::new().only_roots(root);
    if let Some(certificate) = certificate {
        transport = transport.client_certificate(certificate.pem(), certificate.key_pem());
    }
    let request = Request::get(url).header("authorization", format!("Bearer {token}"));
    transport.build().unwrap().send(request.body(Bytes::new()).unwrap()).await
}

fn text(server: &AuthorizationServer, chain: &Chain, more: &str) -> String {
    format!("{}[server]\nallow_plaintext_issuer = true\n{}{more}", callers(&server.issuer()), chain.section)
}

// R8705-3a, THREAT-V9
#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_certificate_serves_with_it_and_no_other() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let upstream = Upstream::start().await;
    let chain = chain("client_certificates = \"optional\"");
    let guard = Guard::start(&text(&server, &chain, &upstream.section("")));
    let (own, other) = (TestCertificate::self_signed("client"), TestCertificate::self_signed("client"));
    let bound = |claim: &str, value: &str| {
        server.mint().audience("orders").claim("cnf", &serde_json::json!({ claim: value })).sign()
    };
    let token = bound("x5t#S256", &own.thumbprint());
    for path in ["/me", "/behind"] {
        let url = format!("https://{}{path}", guard.http);
        let status =
            async |certificate, token: &str| get(&url, &chain.root, certificate, token).await.unwrap().status();
        assert_eq!(status(Some(&own), &token).await, 200);
        assert_eq!(status(Some(&other), &token).await, 401);
        assert_eq!(status(None, &token).await, 401);
        assert_eq!(status(Some(&own), &bound("unknown", "x")).await, 401);
        assert_eq!(status(Some(&own), &server.mint().audience("orders").sign()).await, 200);
    }
    let me = get(&format!("https://{}/me", guard.http), &chain.root, Some(&own), &token).await.unwrap();
    let me: serde_json::Value = serde_json::from_slice(me.body()).unwrap();
    assert_eq!(me["certificate_thumbprint"], own.thumbprint());
    // A certificate is shown by a handshake, and never by a header.
    let pem = own.pem().replace('\n', "%0A");
    let answer = guard.get("/me", &format!("{}x-ssl-client-cert: {pem}\r\n", bearer(&token)));
    assert_ne!(answer.status, 200, "plain HTTP is not spoken here: {answer:?}");
}

// R8705-3a
#[tokio::test(flavor = "multi_thread")]
async fn where_roots_are_named_only_their_certificates_are_taken() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let vouching = tower_auth_testing::TestCa::new();
    let roots = file(vouching.pem());
    let chain = chain(&format!("client_ca = {:?}", roots.display().to_string()));
    let guard = Guard::start(&text(&server, &chain, ""));
    let url = format!("https://{}/me", guard.http);
    let token = server.mint().audience("orders").sign();
    let known = vouching.client_certificate("client");
    assert_eq!(get(&url, &chain.root, Some(&known), &token).await.unwrap().status(), 200);
    assert!(get(&url, &chain.root, None, &token).await.is_err());
    assert!(get(&url, &chain.root, Some(&TestCertificate::self_signed("client")), &token).await.is_err());
}

// THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_with_tls_is_trusted_by_the_roots_that_are_named() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let chain = chain("");
    let behind = Guard::start(&text(&server, &chain, ""));
    let ca = file(&chain.root);
    let section = format!("[upstream]\nurl = \"https://{}\"\nkeep_credential = true\n", behind.http);
    let callers = format!("{}[server]\nallow_plaintext_issuer = true\nprefix = \"/-\"\n", callers(&server.issuer()));
    let guard = Guard::start(&format!("{callers}{section}ca = {:?}\n", ca.display().to_string()));
    let token = bearer(&server.mint().audience("orders").sign());
    assert_eq!(guard.get("/me", &token).status, 200);
    let guard = Guard::start(&format!("{callers}{section}"));
    assert_eq!(guard.get("/me", &token).status, 502);
}
