//! Tokens of which the authorization server says that they are bound to a key.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::{Value, json};
use tower_auth_core::{
    Clock, DpopKey, DpopProofs, PeerCertificate, RejectionKind, Scheme, TimeSource, Token, Verified, Verifier,
};
use tower_auth_testing::TestClock;

use super::support::*;

const API: &str = "https://api.example.com";

fn proofs(time: &TestClock) -> DpopProofs {
    DpopProofs::new(API).unwrap().clock(time.clock())
}

/// A request with the token `bound` and a new proof of `key`.
fn request(scheme: &str, key: &DpopKey) -> Request<()> {
    let token = Token::new("bound").unwrap();
    let proof = key.proof(&Method::GET, &format!("{API}/orders").parse().unwrap(), Some(&token), None).unwrap();
    let request = Request::get("/orders").header(AUTHORIZATION, format!("{scheme} bound"));
    request.header(DpopKey::HEADER, proof).body(()).unwrap()
}

async fn check(verifier: &Verifier, request: &Request<()>) -> Result<Verified, RejectionKind> {
    verifier.verify(request).await.map_err(|refusal| refusal.kind())
}

fn bound_to(cnf: Value) -> Value {
    with(with(good(), "cnf", cnf), "token_type", "DPoP")
}

// R9449-4.3c, R9449-7.2a, THREAT-V9, THREAT-K3
#[tokio::test]
async fn a_token_of_a_dpop_key_needs_a_proof_with_each_request_although_the_answer_is_remembered() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let (key, other) = (DpopKey::generate().unwrap(), DpopKey::generate().unwrap());
    let (key, other) = (key.with_clock(time.clock()), other.with_clock(time.clock()));
    peer.say("bound", bound_to(json!({ "jkt": key.thumbprint() })));
    for remembered in [Duration::ZERO, secs(60)] {
        peer.forget();
        let plain = plain(&peer, &time).cache_for(remembered).build().unwrap();
        let verifier = plain.clone().with_dpop(proofs(&time)).unwrap();
        let good = request("DPoP", &key);
        let verified = check(&verifier, &good).await.unwrap();
        assert_eq!((verified.subject(), verified.scheme()), ("alice", Scheme::Dpop));
        assert_eq!(verified.dpop_thumbprint(), Some(key.thumbprint()));
        check(&verifier, &request("DPoP", &key)).await.unwrap();
        let refused = [
            (good, RejectionKind::ReplayedProof),
            (request("DPoP", &other), RejectionKind::BoundToken),
            (request("Bearer", &key), RejectionKind::BoundToken),
        ];
        for (request, kind) in refused {
            assert_eq!(check(&verifier, &request).await.map(drop), Err(kind));
        }
        assert_eq!(peer.count(), if remembered.is_zero() { 5 } else { 1 });
        peer.forget();
        let mut bare = request("DPoP", &key);
        bare.headers_mut().remove(DpopKey::HEADER);
        assert_eq!(check(&verifier, &bare).await.map(drop), Err(RejectionKind::InvalidProof));
        assert_eq!(peer.count(), 0, "nobody is asked about a token without its proof");
        assert_eq!(check(&plain, &request("Bearer", &key)).await.map(drop), Err(RejectionKind::BoundToken));
        assert_eq!(check(&plain, &request("DPoP", &key)).await.map(drop), Err(RejectionKind::MissingCredential));
    }
}

// R8705-3a, THREAT-V9
#[tokio::test]
async fn a_token_of_a_certificate_needs_it_with_each_request() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let certificate = PeerCertificate::from_der(b"certificate");
    peer.say("bound", with(good(), "cnf", json!({ "x5t#S256": certificate.thumbprint() })));
    for remembered in [Duration::ZERO, secs(60)] {
        let verifier = plain(&peer, &time).cache_for(remembered).build().unwrap();
        for (shown, outcome) in [
            (Some(certificate.clone()), Ok(())),
            (Some(PeerCertificate::from_der(b"other")), Err(RejectionKind::WrongCertificate)),
            (None, Err(RejectionKind::WrongCertificate)),
            (Some(certificate.clone()), Ok(())),
        ] {
            let mut request = Request::get("/").header(AUTHORIZATION, "Bearer bound").body(()).unwrap();
            if let Some(shown) = shown {
                request.extensions_mut().insert(shown);
            }
            assert_eq!(check(&verifier, &request).await.map(drop), outcome);
        }
    }
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
