//! Issuers, users and keys that are the same in every run, and a clock that stands still: an input means the same tomorrow.

use std::future::Future;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_auth_core::jose::{Algorithm, Jwk, JwkSet, SigningKey};
use tower_auth_core::{Clock, JwtVerifier, Profile, Secret, Verifier};
use tower_auth_testing::TestClock;

/// What the clock says.
pub const NOW: u64 = 1_767_225_600;
pub const AUDIENCE: &str = "orders";
pub const SECRET: &str = "a shared secret of 32 bytes or more";

/// The key of RFC 8037 appendix A.1, whose signatures are always the same.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// An issuer: how its tokens are signed, and what kind they are.
pub struct Issuer {
    pub url: &'static str,
    pub signer: SigningKey,
    pub profile: Profile,
}

pub static ISSUERS: LazyLock<[Issuer; 3]> = LazyLock::new(|| {
    let ed = || SigningKey::from_jwk(Algorithm::EdDsa, &Jwk::parse(ED25519.as_bytes()).unwrap()).unwrap();
    let hs = SigningKey::from_hmac_secret(Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    [
        Issuer { url: "https://ed.example.com", signer: ed(), profile: Profile::Rfc9068 },
        Issuer { url: "https://hs.example.com", signer: hs, profile: Profile::Rfc9068 },
        Issuer { url: "https://ed.example.com/generic", signer: ed(), profile: Profile::Generic },
    ]
});

/// Accepts the tokens of all of them, and remembers those that it has accepted.
pub static TOKENS: LazyLock<Verifier> = LazyLock::new(|| {
    let one = |issuer: &Issuer| {
        let algorithm = issuer.signer.algorithm();
        let builder = if algorithm.is_symmetric() {
            JwtVerifier::shared_secret(issuer.url, algorithm, &Secret::from(SECRET)).unwrap()
        } else {
            let keys: JwkSet = [issuer.signer.verifying_key(Some("k1")).unwrap()].into_iter().collect();
            JwtVerifier::issuer(issuer.url).unwrap().jwks(keys)
        };
        builder.audience(AUDIENCE).profile(issuer.profile).clock(clock()).build().unwrap()
    };
    Verifier::any_of(ISSUERS.iter().map(one)).unwrap()
});

/// One good token of each issuer.
pub static GOOD: LazyLock<Vec<String>> = LazyLock::new(|| {
    ISSUERS
        .iter()
        .map(|issuer| {
            let typ = if issuer.profile == Profile::Generic { "JWT" } else { "at+jwt" };
            let header = format!(r#"{{"alg":"{}","typ":"{typ}","kid":"k1"}}"#, issuer.signer.algorithm());
            let claims = format!(
                r#"{{"iss":"{}","sub":"alice","aud":"orders","exp":{},"iat":{NOW},"jti":"5f3c","client_id":"web"}}"#,
                issuer.url,
                NOW + 600
            );
            sign(&issuer.signer, header.as_bytes(), claims.as_bytes())
        })
        .collect()
});

/// Whatever stands in for header and payload, signed.
pub fn sign(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(key.sign_bytes(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

/// A text with some of its bytes changed: each edit is three bytes, a place and what is to stand there.
pub fn edited(text: &str, edits: &[u8]) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[place] = edit[2];
    }
    String::from_utf8(bytes).ok()
}

pub fn clock() -> Clock {
    static TIME: LazyLock<TestClock> = LazyLock::new(TestClock::new);
    TIME.clock()
}

/// Runs a future to its end. Nothing here waits for time, so that one that never ends is a finding.
#[allow(dead_code, reason = "what does not wait has no use for it")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
