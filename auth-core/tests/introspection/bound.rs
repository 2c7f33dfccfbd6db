//! Tokens that are bound to a key by what their server says of them.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::json;
use tower_auth_core::{
    Clock, DpopKey, DpopProofs, PeerCertificate, RejectionKind, Scheme, TimeSource, Token, Verified, Verifier,
};
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

// R9449-4.3a, R9449-7.2a
#[tokio::test]
async fn nobody_is_asked_about_a_token_without_its_proof() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let plain = plain(&peer, &time).build().unwrap();
    let proofs = DpopProofs::new("https://api.example.com").unwrap().clock(time.clock());
    let verifier = plain.clone().with_dpop(proofs).unwrap();
    assert_eq!(check(&verifier, &request("DPoP bound")).await.err(), Some(RejectionKind::InvalidProof));
    assert_eq!(check(&plain, &request("DPoP bound")).await.err(), Some(RejectionKind::MissingCredential));
    assert_eq!(peer.count(), 0);
}

/// A clock that stands at the time of the examples of RFC 9449.
struct Then;

impl TimeSource for Then {
    fn monotonic(&self) -> Duration {
        secs(1)
    }

    fn wall(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH + secs(1_562_262_618)
    }

    fn sleep(&self, _: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

// R9449-4.3a, R9449-4.3b, R9449-4.3c, R9449-4.3d
#[tokio::test]
async fn the_request_of_the_standard_is_accepted_by_what_the_standard_says_of_its_token() {
    // RFC 9449 section 7.1, figure 13, and the `cnf` of section 6.2, figure 9.
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOX\
        pDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.ey\
        JqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSI\
        sImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EO\
        ptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let peer = Peer::new();
    peer.say(
        &TOKEN.replace('~', "%7E"),
        json!({
            "active": true, "sub": "someone@example.com", "aud": "orders", "nbf": 1_562_262_611, "exp": 1_562_266_216,
            "token_type": "DPoP", "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
        }),
    );
    let clock = Clock::injected(Then);
    let proofs = DpopProofs::new("https://resource.example.org").unwrap().clock(clock.clone());
    let verifier = plain(&peer, &TestClock::new()).clock(clock).build().unwrap().with_dpop(proofs).unwrap();
    let request = |path: &str| {
        let request = Request::get(path).header(AUTHORIZATION, format!("DPoP {TOKEN}"));
        request.header(DpopKey::HEADER, PROOF).body(()).unwrap()
    };
    assert_eq!(check(&verifier, &request("/other")).await.map(drop), Err(RejectionKind::InvalidProof));
    let verified = check(&verifier, &request("/protectedresource")).await.unwrap();
    assert_eq!(verified.subject(), "someone@example.com");
}
