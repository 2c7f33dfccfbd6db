//! Tokens that are bound to a client certificate, as a verifier takes them.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tower_auth_core::jose::{JwkSet, SigningKey};
use tower_auth_core::{
    BasicVerifier, CertificateHeader, JwtVerifier, PeerAddress, PeerCertificate, RejectionKind, Scheme, Verified,
    Verifier,
};
use tower_auth_testing::{TestCa, TestCertificate, TestClock};

use self::verify_support::*;

const PROXY: &str = "10.1.0.7:40000";

struct World {
    time: TestClock,
    issuer: SigningKey,
    certificate: TestCertificate,
}

impl World {
    fn new() -> Self {
        Self { time: TestClock::new(), issuer: es256(), certificate: TestCa::new().client_certificate("orders") }
    }

    fn verifier(&self) -> Verifier {
        let keys = JwkSet::parse(key_set(&[("k1", &self.issuer)]).as_bytes()).unwrap();
        JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(self.time.clock()).build().unwrap()
    }

    fn behind(&self, header: CertificateHeader) -> Verifier {
        self.verifier().with_certificate_header(header.trusted_proxy("10.1.0.0/16").unwrap()).unwrap()
    }

    fn token(&self, cnf: Value) -> String {
        token(&self.issuer, &with(claims(), "cnf", cnf))
    }

    fn bound(&self) -> String {
        self.token(json!({"x5t#S256": self.certificate.thumbprint()}))
    }

    /// A request with a token for the certificate.
    fn request(&self) -> Request<()> {
        Request::get("/orders").header(AUTHORIZATION, format!("Bearer {}", self.bound())).body(()).unwrap()
    }
}

fn from(mut request: Request<()>, peer: &str) -> Request<()> {
    request.extensions_mut().insert(PeerAddress::from(peer.parse::<SocketAddr>().unwrap()));
    request
}

fn showing(mut request: Request<()>, der: &[u8]) -> Request<()> {
    request.extensions_mut().insert(PeerCertificate::from_der(der));
    request
}

fn with_header(mut request: Request<()>, name: &'static str, value: &str) -> Request<()> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

fn check(verifier: &Verifier, request: &Request<()>) -> Result<Verified, RejectionKind> {
    verifier.try_verify(request).map_err(|refusal| refusal.kind())
}

fn escaped(pem: &str) -> String {
    pem.bytes().fold(String::new(), |out, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => out + &char::from(byte).to_string(),
        other => out + &format!("%{other:02X}"),
    })
}

// R8705-3a, R9700-2.2a
#[test]
fn a_token_is_accepted_with_the_certificate_that_it_is_bound_to() {
    let world = World::new();
    let verifier = world.verifier();
    let verified = check(&verifier, &showing(world.request(), world.certificate.der())).unwrap();
    assert_eq!(verified.certificate_thumbprint(), Some(&*world.certificate.thumbprint()));
    assert_eq!(verified.scheme(), Scheme::Bearer);

    let other = TestCa::new().client_certificate("orders");
    assert_eq!(
        check(&verifier, &showing(world.request(), other.der())).map(drop),
        Err(RejectionKind::WrongCertificate)
    );
    let refused = verifier.try_verify(&world.request()).unwrap_err();
    assert_eq!((refused.kind(), refused.status().as_u16()), (RejectionKind::WrongCertificate, 401));
    assert!(refused.challenges()[0].to_str().unwrap().contains(r#"error="invalid_token""#));
    let header_alone = verifier.try_verify(world.request().headers()).unwrap_err();
    assert_eq!(header_alone.kind(), RejectionKind::WrongCertificate);
}

// R8705-3a, THREAT-V9
#[test]
fn no_other_text_is_the_thumbprint_and_no_other_member_a_binding() {
    let world = World::new();
    let thumbprint = world.certificate.thumbprint();
    let outcome = |cnf: Value| {
        let token = world.token(cnf);
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();
        check(&world.verifier(), &showing(request, world.certificate.der())).map(drop)
    };
    for other in [
        "",
        &thumbprint[1..],
        &format!("{thumbprint}="),
        &thumbprint.to_uppercase(),
        &thumbprint.replace(['-', '_'], "+"),
    ] {
        if other != thumbprint {
            assert_eq!(outcome(json!({"x5t#S256": other})), Err(RejectionKind::WrongCertificate), "{other}");
        }
    }
    for wrong in [json!(1), json!(null), json!([&thumbprint])] {
        assert_eq!(outcome(json!({"x5t#S256": wrong})), Err(RejectionKind::Malformed));
    }
    assert_eq!(outcome(json!({"x5t#S256": thumbprint, "x5t#S512": "x"})), Err(RejectionKind::BoundToken));
    assert_eq!(outcome(json!({"x5t": thumbprint})), Err(RejectionKind::BoundToken));
    assert_eq!(outcome(json!({"x5t#S256": thumbprint})), Ok(()));
}

// THREAT-K3
#[test]
fn a_certificate_is_asked_for_again_with_each_request() {
    let world = World::new();
    let verifier = world.verifier();
    let request = world.request();
    check(&verifier, &showing(request, world.certificate.der())).unwrap();
    assert_eq!(check(&verifier, &world.request()).map(drop), Err(RejectionKind::WrongCertificate));
}

// R8705-3a
#[tokio::test]
async fn a_request_that_waits_for_keys_is_judged_by_its_certificate_all_the_same() {
    let world = World::new();
    let server = Server::with_key(&world.issuer);
    let verifier = builder(&server, &world.time).build().unwrap();
    let verifier = verifier.with_certificate_header(CertificateHeader::envoy().trusted_proxy("10.1.0.0/16").unwrap());
    let verifier = verifier.unwrap();
    let good = verifier.verify(&showing(world.request(), world.certificate.der()));
    let bad = verifier.verify(&world.request());
    let malformed = verifier.verify(&from(with_header(world.request(), "x-forwarded-client-cert", "x"), PROXY));
    assert!(good.is_waiting() && bad.is_waiting() && malformed.is_waiting());
    good.await.unwrap();
    assert_eq!(bad.await.unwrap_err().kind(), RejectionKind::WrongCertificate);
    assert_eq!(malformed.await.unwrap_err().kind(), RejectionKind::InvalidRequest);
}

// R8705-P1, THREAT-T10
#[test]
fn a_header_counts_if_a_trusted_proxy_sent_it_whatever_its_form() {
    let world = World::new();
    let base64 = STANDARD.encode(world.certificate.der());
    let pem = escaped(&world.certificate.pem());
    let digits: String =
        PeerCertificate::from_der(world.certificate.der()).sha256().iter().map(|b| format!("{b:02x}")).collect();
    for (header, name, value) in [
        (CertificateHeader::client_cert(), "client-cert", format!(":{base64}:")),
        (CertificateHeader::escaped_pem("X-SSL-Client-Cert").unwrap(), "x-ssl-client-cert", pem.clone()),
        (
            CertificateHeader::envoy(),
            "x-forwarded-client-cert",
            format!("By=spiffe://mesh/orders;Hash={digits};Subject=\"CN=orders\""),
        ),
        (CertificateHeader::envoy(), "x-forwarded-client-cert", format!("Hash={digits};Cert=\"{pem}\";URI=")),
    ] {
        let verifier = world.behind(header);
        let sent = with_header(world.request(), name, &value);
        check(&verifier, &from(sent.clone(), PROXY)).unwrap();
        for (peer, what) in [("10.2.0.7:40000", "a stranger"), ("[::1]:1", "another family")] {
            assert_eq!(
                check(&verifier, &from(sent.clone(), peer)).map(drop),
                Err(RejectionKind::WrongCertificate),
                "{what}"
            );
        }
        assert_eq!(check(&verifier, &sent).map(drop), Err(RejectionKind::WrongCertificate), "from nobody known");
        let forwarded = with_header(sent.clone(), "x-forwarded-for", "10.1.0.7");
        assert_eq!(check(&verifier, &from(forwarded, "10.2.0.7:1")).map(drop), Err(RejectionKind::WrongCertificate));
        assert_eq!(
            check(&world.verifier(), &from(sent.clone(), PROXY)).map(drop),
            Err(RejectionKind::WrongCertificate),
            "not configured"
        );
        let twice = with_header(sent, name, &value);
        assert_eq!(check(&verifier, &from(twice, PROXY)).map(drop), Err(RejectionKind::InvalidRequest), "twice");
        let broken = with_header(world.request(), name, "broken");
        assert_eq!(check(&verifier, &from(broken, PROXY)).map(drop), Err(RejectionKind::InvalidRequest));
        let without = from(world.request(), PROXY);
        assert_eq!(
            check(&verifier, &without).map(drop),
            Err(RejectionKind::WrongCertificate),
            "the client showed none"
        );
        let of_the_proxy = showing(from(world.request(), PROXY), world.certificate.der());
        assert_eq!(check(&verifier, &of_the_proxy).map(drop), Err(RejectionKind::WrongCertificate), "the proxy's own");
        let direct = showing(from(world.request(), "10.2.0.7:1"), world.certificate.der());
        check(&verifier, &direct).unwrap();
    }
}

// R8705-P1
#[test]
fn a_header_needs_tokens_a_proxy_and_to_be_configured_once() {
    let world = World::new();
    let header = || CertificateHeader::client_cert().trusted_proxy("10.1.0.0/16").unwrap();
    assert!(world.verifier().with_certificate_header(CertificateHeader::client_cert()).is_err(), "nobody is trusted");
    assert!(BasicVerifier::new().user("a", "b").build().unwrap().with_certificate_header(header()).is_err());
    assert!(world.behind(CertificateHeader::envoy()).with_certificate_header(header()).is_err());
    let basic = BasicVerifier::new().user("a", "b").build().unwrap();
    let merged = Verifier::any_of([basic, world.behind(CertificateHeader::client_cert())]).unwrap();
    let value = format!(":{}:", STANDARD.encode(world.certificate.der()));
    check(&merged, &from(with_header(world.request(), "client-cert", &value), PROXY)).unwrap();
}
