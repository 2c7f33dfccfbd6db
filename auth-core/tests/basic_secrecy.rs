//! No password, no key and no hash in logs, errors and debug output, whatever becomes of an attempt.
#![cfg(all(feature = "password-hash", feature = "jwt"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use tower_auth_core::{
    ApiKeyVerifier, Basic, BasicVerifier, BoxError, NewApiKey, PasswordCost, PasswordHash, Secret, StrongerHash,
    UserAccount, Verifier,
};
use tower_auth_testing::TestClock;
use tracing_subscriber::fmt::format::FmtSpan;

/// What the subscriber wrote, on whatever thread.
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

impl Log {
    /// Captures everything of this program, in which there is one test.
    fn capture() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

const PASSWORD: &str = "sentinel-password";

fn hash(password: &str) -> PasswordHash {
    PasswordHash::hash_with(&Secret::from(password), PasswordCost::argon2id(8, 1, 1).unwrap()).unwrap()
}

/// Everything that a caller of the crate can print of one attempt.
async fn attempt(verifier: &Verifier, user: &str, password: &str) -> String {
    let mut headers = HeaderMap::new();
    let pair = Basic::new(user, password).unwrap();
    headers.insert("authorization", pair.header_text().expose_secret().parse().unwrap());
    let at_once = format!("{:?}", verifier.try_verify(&headers));
    let verification = verifier.verify(&headers);
    let waiting = format!("{verification:?}");
    match verification.await {
        Ok(verified) => format!("{at_once} {waiting} {verified:?} {:?} {pair:?}", verified.claims_json()),
        Err(refusal) => {
            let response: http::Response<String> = refusal.to_response();
            let grpc: http::Response<String> = refusal.to_grpc_response();
            format!("{at_once} {waiting} {refusal} {refusal:?} {} {response:?} {grpc:?} {pair:?}", refusal.explain())
        }
    }
}

// THREAT-L1, R7617-4a
#[tokio::test]
async fn nothing_secret_is_seen_whatever_becomes_of_a_password_or_a_key() {
    let log = Log::capture();
    let folder = std::env::temp_dir().join(format!("tower-auth-secrecy-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("users");
    let (known, filed) = (hash(PASSWORD), hash(PASSWORD));
    fs::write(&file, format!("filed:{}\n", filed.expose_hash())).unwrap();
    let time = TestClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let listed = BasicVerifier::new()
        .user("plain", PASSWORD)
        .user_hash("hashed", known.expose_hash())
        .user_account("locked", UserAccount::new(hash(PASSWORD)).locked(true))
        .htpasswd_file(&file)
        .password_cost(PasswordCost::argon2id(16, 1, 1).unwrap())
        .on_login(move |stronger: StrongerHash| {
            telling.lock().unwrap().push(format!("{stronger:?}"));
            async { Err::<(), BoxError>("not stored".into()) }
        })
        .hashing_limits(2, 2)
        .clock(time.clock());
    let mut shown = format!("{listed:?}");
    let listed = listed.build().unwrap();
    shown += &format!("{listed:?}");

    let broken = BasicVerifier::new().lookup(|_: String| async { Err::<Option<UserAccount>, BoxError>("down".into()) });
    let broken = broken.build().unwrap();
    let none = BasicVerifier::new().lookup(|_: String| async { Ok::<_, BoxError>(None) }).build().unwrap();
    let long = PASSWORD.repeat(100);
    for verifier in [&listed, &broken, &none] {
        for user in ["plain", "hashed", "locked", "filed", "nobody"] {
            for password in [PASSWORD, "sentinel-guess", &long] {
                shown += &attempt(verifier, user, password).await;
            }
        }
    }
    let flood: Vec<_> = (0..20)
        .map(|number| {
            let listed = listed.clone();
            tokio::spawn(async move { attempt(&listed, "hashed", &format!("sentinel-{number}")).await })
        })
        .collect();
    for one in flood {
        shown += &one.await.unwrap();
    }
    // Neither a file that says what it should not, nor one that cannot be read.
    for content in [format!("filed:{PASSWORD}\n"), PASSWORD.to_owned(), format!("{}\u{0}", filed.expose_hash())] {
        fs::write(&file, content).unwrap();
        time.tick(Duration::from_secs(61));
        shown += &attempt(&listed, "filed", PASSWORD).await;
    }
    fs::remove_dir_all(&folder).unwrap();
    time.tick(Duration::from_secs(61));
    shown += &attempt(&listed, "filed", PASSWORD).await;

    let (key, other) = (NewApiKey::generate("sentinelprefix").unwrap(), NewApiKey::generate("sentinelprefix").unwrap());
    let keys = ApiKeyVerifier::new().record(key.record()).build().unwrap();
    for one in [&key, &other] {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", one.secret().expose_secret().parse().unwrap());
        shown += &format!("{:?} {one:?} {keys:?}", keys.try_verify(&headers));
    }
    for error in [
        PasswordHash::parse(PASSWORD).unwrap_err(),
        PasswordHash::parse(&format!("$argon2id$v=19$m=8,t=1,p=1${PASSWORD}")).unwrap_err(),
        BasicVerifier::new().user_hash("a", PASSWORD).build().unwrap_err(),
        BasicVerifier::new().user("a", format!("{PASSWORD}\n")).build().unwrap_err(),
    ] {
        shown += &format!("{error} {error:?}");
    }
    while told.lock().unwrap().is_empty() || !log.text().contains("stronger password hash not stored") {
        tokio::task::yield_now().await;
    }
    shown += &told.lock().unwrap().join(" ");

    let log = log.text();
    for expected in ["password file not usable", "request refused", "stronger password hash not stored", "line 1: "] {
        assert!(log.contains(expected), "{expected} is not in the log");
    }
    let pair = Basic::new("hashed", PASSWORD).unwrap().header_text().expose_secret()[6..].to_owned();
    let half = |hash: &PasswordHash| hash.expose_hash()[40..].to_owned();
    let secrets = ["sentinel".to_owned(), pair, half(&known), half(&filed), key.digest()[7..].to_owned()];
    for (name, text) in [("log", &log), ("output", &shown)] {
        for secret in &secrets {
            let at = text.find(secret.as_str());
            assert!(at.is_none(), "{name}: {}", &text[at.unwrap_or(0).saturating_sub(200)..][..300]);
        }
    }
}
