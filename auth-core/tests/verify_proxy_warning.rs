//! What is logged of a certificate header that a stranger sends. Alone in its program: a log is captured for all of it.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::Request;
use http::header::AUTHORIZATION;
use serde_json::json;
use tower_auth_core::jose::JwkSet;
use tower_auth_core::{CertificateHeader, JwtVerifier, PeerAddress, RejectionKind};
use tower_auth_testing::TestClock;

use self::verify_support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// R8705-P1, THREAT-L2
#[test]
fn a_certificate_header_of_a_stranger_is_warned_of_once_and_not_quoted() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();

    let (time, issuer) = (TestClock::new(), es256());
    let keys = JwkSet::parse(key_set(&[("k1", &issuer)]).as_bytes()).unwrap();
    let verifier =
        JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(time.clock()).build().unwrap();
    let header = CertificateHeader::client_cert().trusted_proxy("10.1.0.0/16").unwrap();
    let verifier = verifier.with_certificate_header(header).unwrap();
    let token = token(&issuer, &with(claims(), "cnf", json!({"x5t#S256": "x"})));
    for _ in 0..3 {
        let mut request = Request::get("/")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header("client-cert", ":c2VudGluZWw=:")
            .body(())
            .unwrap();
        request.extensions_mut().insert(PeerAddress::from("10.2.0.7:40000".parse::<SocketAddr>().unwrap()));
        assert_eq!(verifier.try_verify(&request).unwrap_err().kind(), RejectionKind::WrongCertificate);
    }
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.matches("certificate header is ignored").count(), 1, "{written}");
    assert!(written.contains("10.2.0.7") && written.contains("client-cert"), "{written}");
    assert!(!written.contains("c2VudGluZWw"), "{written}");
}
