//! Issuers, their good tokens, and rules that make bad ones of them.
#![allow(dead_code, unreachable_pub, reason = "a test binary uses it")]
#![allow(clippy::unwrap_used, clippy::exhaustive_structs, reason = "a test fails by it")]

use std::collections::HashSet;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_auth_core::jose::{Algorithm, JwkSet, SigningKey};
use tower_auth_core::{IncomingCredential, JwtVerifier, Preset, Profile, Secret, Verifier};
use tower_auth_testing::TestClock;

/// What [`TestClock::new`] says.
pub const NOW: u64 = 1_767_225_600;

/// The tokens of one issuer: how they are signed, and what they must have.
pub struct Family {
    pub issuer: &'static str,
    pub typ: &'static str,
    pub signer: SigningKey,
    pub required: &'static [&'static str],
    /// What its claims have beside those of all families.
    pub more: &'static [(&'static str, &'static str)],
    /// Its keys have ids, and a token without one is ambiguous.
    pub has_kid: bool,
    /// A good token, the same each time.
    good: OnceLock<String>,
}

pub struct World {
    pub families: Vec<Family>,
    /// Accepts the tokens of all of them. One remembers what it has accepted, one does so by digests, one does not.
    pub verifiers: [Verifier; 3],
}

/// Names and values of an object, both as JSON text.
pub type Members = Vec<(String, String)>;

pub const RFC9068: &[&str] = &["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
pub const GENERIC: &[&str] = &["iss", "exp", "aud", "sub"];
pub const ENTRA: &[&str] = &["iss", "exp", "aud", "sub", "azp", "tid"];
pub const OKTA: &[&str] = &["iss", "exp", "aud", "sub", "cid"];
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub const SECRET: &str = "a shared secret of 32 bytes or more";

/// Keys are made once. Every issuer has two keys for one algorithm.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let time = TestClock::new();
    let mut families = Vec::new();
    let mut parts = [const { Vec::new() }; 3];
    for (issuer, algorithm, kind) in [
        ("https://es.example.com", Algorithm::Es256, Kind::Profile(Profile::Rfc9068)),
        ("https://ed.example.com", Algorithm::EdDsa, Kind::Profile(Profile::Rfc9068)),
        ("https://hs.example.com", Algorithm::Hs256, Kind::Profile(Profile::Rfc9068)),
        ("https://es.example.com/generic", Algorithm::Es256, Kind::Profile(Profile::Generic)),
        ("https://ed.example.com/generic", Algorithm::EdDsa, Kind::Profile(Profile::Generic)),
        (
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            Algorithm::EdDsa,
            Kind::Preset(Preset::EntraV2),
        ),
        ("https://example.okta.com/oauth2/default", Algorithm::EdDsa, Kind::Preset(Preset::Okta)),
    ] {
        let has_kid = algorithm != Algorithm::Hs256;
        let signer = if has_kid {
            SigningKey::generate(algorithm).unwrap()
        } else {
            SigningKey::from_hmac_secret(algorithm, SECRET.as_bytes()).unwrap()
        };
        let other = SigningKey::generate(if has_kid { algorithm } else { Algorithm::Es256 }).unwrap();
        let builder = || {
            let builder = if has_kid {
                let keys = [("k1", &signer), ("k2", &other)].map(|(kid, key)| key.verifying_key(Some(kid)).unwrap());
                JwtVerifier::issuer(issuer).unwrap().jwks(keys.into_iter().collect::<JwkSet>())
            } else {
                JwtVerifier::shared_secret(issuer, algorithm, &Secret::from(SECRET)).unwrap()
            };
            let builder = builder.audience("orders").clock(time.clock());
            match kind {
                Kind::Profile(profile) => builder.profile(profile),
                // Their own algorithm is another one, whose keys take long to make.
                Kind::Preset(preset) => builder.preset(preset, &[]).unwrap().algorithms([algorithm]),
            }
        };
        parts[0].push(builder().build().unwrap());
        parts[1].push(builder().memo_digests_only().build().unwrap());
        parts[2].push(builder().memo_ttl(Duration::ZERO).build().unwrap());
        let (typ, required, more): (_, _, &[_]) = match kind {
            Kind::Profile(Profile::Rfc9068) => ("at+jwt", RFC9068, &[]),
            Kind::Profile(_) => ("JWT", GENERIC, &[]),
            Kind::Preset(Preset::EntraV2) => ("JWT", ENTRA, &[("tid", TENANT), ("ver", "2.0")]),
            Kind::Preset(_) => ("JWT", OKTA, &[("cid", "web"), ("uid", "00u1")]),
        };
        families.push(Family { issuer, typ, signer, required, more, has_kid, good: OnceLock::new() });
    }
    World { families, verifiers: parts.map(|parts| Verifier::any_of(parts).unwrap()) }
});

/// By what rules the tokens of an issuer are checked.
#[derive(Clone, Copy)]
enum Kind {
    Profile(Profile),
    Preset(Preset),
}

impl World {
    /// Has the good token of each family accepted, which those that remember do at no cost.
    fn accept_good_ones(&self) {
        for verifier in &self.verifiers[..2] {
            for family in &self.families {
                verifier.verify_credential(IncomingCredential::bearer(family.good())).into_result().unwrap();
            }
        }
    }

    /// Whether each verifier remembers the good tokens.
    fn remembered(&self) -> [bool; 3] {
        self.verifiers.each_ref().map(|verifier| {
            self.families.iter().all(|family| {
                let credential = IncomingCredential::bearer(family.good());
                let [first, second] = [(); 2].map(|()| verifier.verify_credential(credential).into_result().unwrap());
                std::ptr::eq(&*first, &*second)
            })
        })
    }
}

impl Family {
    pub fn header(&self) -> Members {
        let alg = self.signer.algorithm().name();
        [("alg", alg), ("typ", self.typ), ("kid", "k1")].map(|(name, value)| (quoted(name), quoted(value))).into()
    }

    pub fn claims(&self) -> Members {
        let number = |value: u64| value.to_string();
        [
            ("iss", quoted(self.issuer)),
            ("sub", quoted("alice")),
            ("aud", quoted("orders")),
            ("exp", number(NOW + 600)),
            ("nbf", number(NOW - 10)),
            ("iat", number(NOW)),
            ("jti", quoted("5f3c")),
            ("client_id", quoted("web")),
            ("azp", quoted("web")),
            ("scope", quoted("orders:read")),
            ("tenant", r#"{"id":"acme","tags":["a","b"]}"#.to_owned()),
        ]
        .into_iter()
        .chain(self.more.iter().map(|(name, value)| (*name, quoted(value))))
        .map(|(name, value)| (quoted(name), value))
        .collect()
    }

    /// A token of these texts, JSON or not, signed by the right key.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        signed(header.as_ref(), payload.as_ref(), |input| self.signer.sign_bytes(input).unwrap())
    }

    pub fn with_header(&self, header: &Members) -> String {
        self.sign(object(header), object(&self.claims()))
    }

    pub fn with_claims(&self, claims: &Members) -> String {
        self.sign(object(&self.header()), object(claims))
    }

    /// A good token, of which many bad ones are made.
    pub fn good(&self) -> &str {
        self.good.get_or_init(|| self.with_claims(&self.claims()))
    }
}

/// The same issuers beside an authorization server that is asked about whatever is not theirs, and knows no token.
#[cfg(feature = "introspection")]
static BESIDE_INTROSPECTION: LazyLock<Verifier> = LazyLock::new(|| {
    let knows_none = |_: http::Request<bytes::Bytes>| {
        let answer = http::Response::new(bytes::Bytes::from_static(b"{\"active\":false}"));
        std::future::ready(Ok::<_, std::io::Error>(answer))
    };
    let introspection =
        tower_auth_core::IntrospectionVerifier::new("https://login.example.com/introspect", "orders", "correct horse")
            .audience("orders")
            .http_client(tower_auth_core::HttpClient::new(tower::service_fn(knows_none)))
            .clock(TestClock::new().clock())
            .build()
            .unwrap();
    Verifier::any_of([WORLD.verifiers[0].clone(), introspection]).unwrap()
});

/// Whether the token is refused by both.
#[cfg(feature = "introspection")]
fn is_refused_beside_introspection(token: &str) -> bool {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    let verification = RUNTIME.with(|runtime| {
        runtime.block_on(async { BESIDE_INTROSPECTION.verify_credential(IncomingCredential::bearer(token)).await })
    });
    verification.is_err_and(|refusal| refusal.kind().oauth_error() == Some("invalid_token"))
}

/// The tokens tried by one test, each once.
#[derive(Default)]
pub struct Corpus(HashSet<String>);

impl Corpus {
    /// The token is refused as a bad token, with a text that can stand in a log, also where the good token that it was made of
    /// has just been accepted and remembered.
    pub fn refuse(&mut self, token: String) {
        if self.0.contains(&token) {
            return;
        }
        WORLD.accept_good_ones();
        for verifier in &WORLD.verifiers {
            let outcome = verifier.verify_credential(IncomingCredential::bearer(&token)).into_result();
            let Err(refusal) = outcome else { panic!("accepted: {}", readable(&token)) };
            assert_eq!(refusal.kind().oauth_error(), Some("invalid_token"), "{refusal}: {}", readable(&token));
            let text = refusal.to_string();
            assert!(text.len() < 1_500 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
        }
        // Some of them, as it takes much longer.
        #[cfg(feature = "introspection")]
        if self.0.len() % 32 == 0 {
            assert!(is_refused_beside_introspection(&token), "accepted: {}", readable(&token));
        }
        self.0.insert(token);
    }

    pub fn has_at_least(&self, tokens: usize) {
        assert!(self.0.len() >= tokens, "only {} tokens were tried", self.0.len());
        assert_eq!(WORLD.remembered(), [true, true, false]);
    }
}

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub fn object(members: &Members) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

pub fn with(mut members: Members, name: &str, value: &str) -> Members {
    match members.iter_mut().find(|(own, _)| *own == quoted(name)) {
        Some((_, own)) => *own = value.to_owned(),
        None => members.push((quoted(name), value.to_owned())),
    }
    members
}

pub fn without(mut members: Members, name: &str) -> Members {
    members.retain(|(own, _)| *own != quoted(name));
    members
}

pub fn renamed(mut members: Members, name: &str, other: &str) -> Members {
    members.iter_mut().filter(|(own, _)| *own == quoted(name)).for_each(|(own, _)| *own = quoted(other));
    members
}

pub fn signed(header: &[u8], payload: &[u8], sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A quoted name as it stands, and with each of its characters escaped.
pub fn spellings(name: &str) -> Vec<String> {
    let bare = name.trim_matches('"');
    let escaped =
        bare.char_indices().map(|(at, c)| format!("\"{}\\u{:04x}{}\"", &bare[..at], u32::from(c), &bare[at + 1..]));
    [name.to_owned()].into_iter().chain(escaped).collect()
}

/// Every way to write `text` with at least one letter in the other case, by its first eight letters.
pub fn cases(text: &str) -> Vec<String> {
    let letters: Vec<usize> =
        text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).take(8).collect();
    (1_usize..1 << letters.len())
        .map(|choice| {
            let mut bytes = text.as_bytes().to_vec();
            letters.iter().enumerate().filter(|(n, _)| choice >> n & 1 == 1).for_each(|(_, at)| bytes[*at] ^= 0x20);
            String::from_utf8(bytes).unwrap()
        })
        .collect()
}

/// ASCII `text` with one character less or more, which makes it another text of another length.
pub fn near(text: &str) -> Vec<String> {
    let less = (0..text.len()).map(|at| format!("{}{}", &text[..at], &text[at + 1..]));
    let more = (0..=text.len()).flat_map(|at| {
        [" ", "\0", "/", "A", ".", "\u{200b}", "\u{301}", "\n"].map(|c| format!("{}{c}{}", &text[..at], &text[at..]))
    });
    less.chain(more).collect()
}

/// Texts near the object `json` that are no JSON: cut anywhere, a structural character lost or doubled, a byte put in
/// that stands nowhere in JSON. No text in `json` has an escape, and no list has numbers.
pub fn broken(json: &str) -> Vec<Vec<u8>> {
    let bytes = json.as_bytes();
    let mut all: Vec<Vec<u8>> = (0..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    for (at, byte) in bytes.iter().enumerate() {
        // Colons are in texts too.
        if b"{}[]\"".contains(byte) {
            all.push([&bytes[..at], &bytes[at + 1..]].concat());
            all.push([&bytes[..at], &[*byte], &bytes[at..]].concat());
        }
        all.extend([&[0][..], &[0x80], &[0xff], &[0x0b]].map(|odd| [&bytes[..at], odd, &bytes[at..]].concat()));
    }
    all.extend(["\0", "x", ",", "}", "{}", "\u{feff}", "//"].map(|tail| format!("{json}{tail}").into_bytes()));
    all.extend(["\u{feff}", "\0", ",", "x", "{"].map(|start| format!("{start}{json}").into_bytes()));
    all
}

/// A token for a message of this test.
pub fn readable(token: &str) -> String {
    let part = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_or_else(|_| part.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    token.split('.').take(2).map(part).collect::<Vec<_>>().join(" . ").chars().take(600).collect()
}
