//! What tokens are bound to, and how long verdicts are remembered, as an operator describes it.
#![cfg(all(feature = "dpop", feature = "spec"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::json;
use tower_auth_core::jose::SigningKey;
use tower_auth_core::{DpopKey, PeerAddress, RejectionKind, Token, Verifier, VerifierSpec};
use tower_auth_testing::{TestCertificate, TestClock};

use self::verify_support::*;

const ISSUERS: &str = "[[issuer]]\nurl = \"https://login.example.com\"\naudience = \"orders\"\n";

fn build(text: &str, time: &TestClock, issuer: &SigningKey) -> Verifier {
    let env = |name: &str| (name == "NONCES").then(|| "0123456789abcdef0123456789abcdef".to_owned());
    let http = Server::with_key(issuer).client();
    VerifierSpec::from_toml(text).env(env).http_client(http).clock(time.clock()).build().unwrap()
}

fn mistakes(text: &str) -> String {
    let spec = VerifierSpec::from_toml(text).env(|_| None).http_client(Server::default().client());
    spec.build().unwrap_err().to_string()
}

// R9449-7.1a, R9449-8b
#[tokio::test]
async fn proofs_are_described_and_replicas_share_their_nonces() {
    let (time, issuer) = (TestClock::new(), es256());
    let text = format!(
        "{ISSUERS}[dpop]\nbase_url = [\"https://api.example.com\", \"https://alias.example.com/v1\"]\n\
         algorithms = [\"ES256\"]\nmax_age = \"30s\"\nrequired = true\nrequire_nonce = true\n\
         nonce_secret = {{ env = \"NONCES\" }}\nreplay_capacity = 10\n"
    );
    let (one, other) = (build(&text, &time, &issuer), build(&text, &time, &issuer));
    let refusal = one.try_verify(&http::HeaderMap::new()).unwrap_err();
    assert_eq!(refusal.challenges(), [r#"DPoP realm="api", algs="ES256""#]);

    let key = DpopKey::generate().unwrap().with_clock(time.clock());
    let bound = token(&issuer, &with(claims(), "cnf", json!({ "jkt": key.thumbprint() })));
    let request = |url: &str, nonce: Option<&str>| {
        let presented = Token::new(bound.as_str()).unwrap();
        let proof = key.proof(&Method::GET, &url.parse().unwrap(), Some(&presented), nonce).unwrap();
        let request = Request::get("/orders").header(AUTHORIZATION, format!("DPoP {bound}"));
        request.header(DpopKey::HEADER, proof).body(()).unwrap()
    };
    let (url, alias) = ("https://api.example.com/orders", "https://alias.example.com/v1/orders");
    let refusal = one.verify(&request(url, None)).await.unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::NonceRequired);
    let nonce = refusal.to_response::<()>().headers()["dpop-nonce"].to_str().unwrap().to_owned();
    for url in [url, alias] {
        let verified = other.verify(&request(url, Some(&nonce))).await.unwrap();
        assert_eq!(verified.dpop_thumbprint(), Some(key.thumbprint()));
    }
    let elsewhere = request("https://other.example.com/orders", Some(&nonce));
    assert_eq!(other.verify(&elsewhere).await.unwrap_err().kind(), RejectionKind::InvalidProof);
    let plain = bearer(&token(&issuer, &claims()));
    assert_eq!(one.verify(&plain).await.unwrap_err().kind(), RejectionKind::BoundToken);
}

// R8705-P1, THREAT-T10
#[tokio::test]
async fn the_header_of_a_trusted_proxy_is_described() {
    let (time, issuer) = (TestClock::new(), es256());
    let certificate = TestCertificate::self_signed("client");
    let cnf = json!({ "x5t#S256": certificate.thumbprint() });
    let bound = token(&issuer, &with(claims(), "cnf", cnf));
    let pem = certificate.pem().replace('\n', "%0A").replace(' ', "%20");
    let der = format!(":{}:", STANDARD.encode(certificate.der()));
    for (section, name, value) in [
        ("", "client-cert", &der),
        ("form = \"client_cert\"\n", "client-cert", &der),
        ("form = \"escaped_pem\"\nname = \"X-SSL-Client-Cert\"\n", "x-ssl-client-cert", &pem),
        ("form = \"envoy\"\n", "x-forwarded-client-cert", &format!("Cert=\"{pem}\"")),
    ] {
        let text = format!("{ISSUERS}[certificate_header]\n{section}trusted_proxies = [\"10.1.0.0/16\", \"::1\"]\n");
        let verifier = build(&text, &time, &issuer);
        let outcome = async |peer: &str| {
            let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {bound}")).header(name, value);
            let mut request = request.body(()).unwrap();
            request.extensions_mut().insert(PeerAddress::from(peer.parse::<SocketAddr>().unwrap()));
            verifier.verify(&request).await.map(drop).map_err(|refusal| refusal.kind())
        };
        assert_eq!(outcome("10.1.0.7:1").await, Ok(()), "{section}");
        assert_eq!(outcome("[::1]:1").await, Ok(()), "{section}");
        assert_eq!(outcome("10.2.0.7:1").await, Err(RejectionKind::WrongCertificate), "{section}");
    }
}

#[test]
fn mistakes_about_them_name_line_and_key() {
    for (text, expected) in [
        ("[dpop]\n", "line 4: dpop.base_url: the URL that clients know this service by is missing"),
        (
            "[dpop]\nbase_url = \"https://a\"\nrequird = true\n",
            "line 6: dpop.requird: unknown key; did you mean \"required\"?",
        ),
        ("[dpop]\nbase_url = \"ftp://a\"\n", "line 4: dpop: "),
        ("[dpop]\nbase_url = \"https://a\"\nmax_age = \"1h\"\n", "line 4: dpop: DPoP proofs may be 1 to 300 s old"),
        (
            "[dpop]\nbase_url = \"https://a\"\nnonce_secret = { env = \"ABSENT\" }\n",
            "line 4: dpop: the environment variable ABSENT",
        ),
        ("dpop = 1\n", "dpop: the value is not a table"),
        ("[certificate_header]\n", "line 4: certificate_header: no proxy is trusted"),
        (
            "[certificate_header]\nform = \"nginx\"\n",
            "line 5: certificate_header.form: unknown value \"nginx\"; known are client_cert, escaped_pem, envoy",
        ),
        (
            "[certificate_header]\nform = \"escaped_pem\"\n",
            "certificate_header.name: headers of this form have any name",
        ),
        ("[certificate_header]\nname = \"x\"\n", "line 5: certificate_header.name: headers of this form have one name"),
        ("[certificate_header]\ntrusted_proxies = \"0.0.0.0/0\"\n", "line 4: certificate_header: "),
    ] {
        let section = if text.starts_with("dpop") { format!("{text}{ISSUERS}") } else { format!("{ISSUERS}{text}") };
        let found = mistakes(&section);
        assert!(found.contains(expected), "{expected}\nnot in\n{found}");
    }
    let users = "[[basic]]\nuser = \"a\"\npassword = { value = \"b\" }\n[dpop]\nbase_url = \"https://a\"\n";
    assert!(mistakes(users).contains("line 4: dpop: this verifier accepts no tokens"), "{}", mistakes(users));
}

// THREAT-K3
#[tokio::test]
async fn how_long_verdicts_are_remembered_is_described() {
    let (time, issuer) = (TestClock::new(), es256());
    let remembers = async |keys: &str| {
        let verifier = build(&format!("{ISSUERS}{keys}"), &time, &issuer);
        let token = bearer(&token(&issuer, &claims()));
        // The one that waits for the keys is not remembered.
        verifier.verify(&token).await.unwrap();
        let first = verifier.verify(&token).await.unwrap();
        let second = verifier.verify(&token).await.unwrap();
        std::ptr::eq(&raw const *first, &raw const *second)
    };
    assert!(remembers("").await);
    assert!(remembers("memo = \"10s\"\nmemo_capacity = 16\nmemo_digests_only = true\n").await);
    assert!(!remembers("memo = 0\n").await);
    assert!(mistakes(&format!("{ISSUERS}memo = \"2h\"\n")).contains("issuer[0]: "));
    assert!(mistakes(&format!("{ISSUERS}leeway = \"1h\"\n")).contains("issuer[0]: "));
}
