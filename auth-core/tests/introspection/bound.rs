//! Tokens that are bound to a key by what their server says of them.

use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::json;
use tower_auth_core::{DpopKey, DpopProofs, PeerCertificate, RejectionKind, Scheme, Token, Verified, Verifier};
use tower_auth_testing::{TestCa, TestClock};

use super::support::*;

const URL: &str = "https://api.example.com/orders";

fn request(authorization: &str) -> Request<()> {
    Request::get("/orders").header(AUTHORIZATION, authorization).body(()).unwrap()
}

async fn check(verifier: &Verifier, request: &Request<()>) -> Result<Verified, RejectionKind> {
    verifier.verify(request).await.map_err(|refusal| refusal.kind())
}

// R9449-7.2a, R9449-4.3a, THREAT-V9, THREAT-V10, THREAT-K3
#[tokio::test]
async fn a_token_of_a_dpop_key_is_accepted_with_its_proof_alone_and_each_proof_once() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let key = || DpopKey::generate().unwrap().with_clock(time.clock());
    let (own, foreign) = (key(), key());
    let bound = with(good(), "cnf", json!({"jkt": own.thumbprint()}));
    peer.say("bound", with(bound, "token_type", "DPoP"));
    peer.say("plain", good());
    let proofs = DpopProofs::new("https://api.example.com").unwrap().clock(time.clock());
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap().with_dpop(proofs).unwrap();
    let proved = |token: &str, key: &DpopKey| {
        let held = Token::new(token).unwrap();
        let proof = key.proof(&Method::GET, &URL.parse().unwrap(), Some(&held), None).unwrap();
        let mut request = request(&format!("DPoP {token}"));
        request.headers_mut().insert(DpopKey::HEADER, proof);
        request
    };
    for _ in 0..2 {
        let once = proved("bound", &own);
        let caller = check(&verifier, &once).await.unwrap();
        assert_eq!((caller.scheme(), caller.dpop_thumbprint()), (Scheme::Dpop, Some(own.thumbprint())));
        assert_eq!(check(&verifier, &once).await.err(), Some(RejectionKind::ReplayedProof), "also a remembered answer");
    }
    assert_eq!(peer.count(), 1);
    assert!(check(&verifier, &proved("bound", &foreign)).await.is_err());
    assert_eq!(check(&verifier, &request("Bearer bound")).await.err(), Some(RejectionKind::BoundToken));
    assert!(check(&verifier, &proved("plain", &own)).await.is_err(), "a token without a key has no proof");
    assert!(check(&verifier, &request("Bearer plain")).await.is_ok());
}

// R8705-3a, THREAT-V9, THREAT-K3
#[tokio::test]
async fn a_token_of_a_certificate_is_accepted_from_its_holder_alone() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let ca = TestCa::new();
    let (own, foreign) = (ca.client_certificate("orders"), ca.client_certificate("billing"));
    peer.say("bound", with(good(), "cnf", json!({"x5t#S256": own.thumbprint()})));
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
    let showing = |der: &[u8]| {
        let mut request = request("Bearer bound");
        request.extensions_mut().insert(PeerCertificate::from_der(der));
        request
    };
    for _ in 0..2 {
        let caller = check(&verifier, &showing(own.der())).await.unwrap();
        assert_eq!(caller.certificate_thumbprint(), Some(own.thumbprint().as_str()));
        for other in [showing(foreign.der()), request("Bearer bound")] {
            assert_eq!(check(&verifier, &other).await.err(), Some(RejectionKind::WrongCertificate));
        }
    }
    assert_eq!(peer.count(), 1);
}
