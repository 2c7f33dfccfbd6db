//! What a full validation may allocate.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use serde_json::json;
use tower_auth_core::jose::{Algorithm, Jws, MAX_TOKEN_LEN, SigningKey, TokenHeader};

fn allocations(work: impl FnOnce()) -> (u64, u64) {
    let info = allocation_counter::measure(work);
    (info.count_total, info.bytes_max)
}

// THREAT-A1
#[test]
fn a_full_validation_allocates_the_buffer_and_nothing_else_of_ours() {
    for &algorithm in Algorithm::ALL {
        let signer = SigningKey::generate(algorithm).unwrap();
        let key = signer.verifying_key(Some("k1")).unwrap();
        let claims = json!({
            "iss": "https://login.example.com", "sub": "alice", "aud": "orders", "exp": 1_700_000_600,
            "iat": 1_700_000_000, "jti": "5f3c", "client_id": "web", "scope": "orders:read orders:write",
        });
        let token = signer.sign(&TokenHeader::new().typ("at+jwt").kid("k1"), &claims).unwrap();
        let mut buffer = Vec::new();
        let mut validate = || {
            let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
            let claims = jws.claims().unwrap();
            assert!(claims.aud.unwrap().contains("orders"));
            key.verify(jws.header().alg, jws.signing_input(), jws.signature()).unwrap();
        };
        let (fresh, bytes) = allocations(&mut validate);
        let (reused, _) = allocations(&mut validate);
        assert_eq!((fresh, reused), (1, 0), "{algorithm}: the buffer, once");
        assert!(bytes <= MAX_TOKEN_LEN as u64, "{algorithm}: {bytes} bytes");
    }
}

// THREAT-A1
#[test]
fn a_refused_token_allocates_no_more_than_its_own_size() {
    let token = |header: &str, payload: String| format!("{header}.{payload}.AAAA");
    for token in [
        token("eyJhbGciOiJub25lIn0", "A".repeat(4000)),
        token("eyJhbGciOiJIUzI1NiJ9", "?".repeat(8000)),
        "A".repeat(8000) + ".A.A",
        ".".repeat(1_000_000),
        "A".repeat(64 << 20) + ".AAAA.AAAA",
    ] {
        let (_, bytes) = allocations(|| {
            assert!(Jws::parse(&token, MAX_TOKEN_LEN, &mut Vec::new()).is_err());
        });
        assert!(bytes <= MAX_TOKEN_LEN as u64, "{bytes} bytes");
    }
}
