//! Issuers that are known at run time only.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::service_fn;
use tower_auth_core::jose::SigningKey;
use tower_auth_core::{
    ConfigErrorKind, HttpClient, JwtVerifier, Preset, RejectionKind, TrustedIssuers, Verified, Verifier,
};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const TEMPLATE: &str = "https://login.example.com/{tenant}";

/// A web with an issuer at every URL that is in it: metadata and one key each. Counts what it is asked.
#[derive(Clone, Default)]
struct Web(Arc<Mutex<WebState>>);

#[derive(Default)]
struct WebState {
    /// Key sets by issuer.
    issuers: BTreeMap<String, String>,
    asked: Vec<String>,
    down: bool,
}

impl Web {
    fn issuer(&self, url: &str) -> SigningKey {
        let key = es256();
        // The same key id everywhere.
        self.0.lock().unwrap().issuers.insert(url.to_owned(), key_set(&[("k1", &key)]));
        key
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    /// How often keys of `issuer` were fetched.
    fn keys_asked(&self, issuer: &str) -> usize {
        let place = format!("{issuer}/keys");
        self.0.lock().unwrap().asked.iter().filter(|one| **one == place).count()
    }

    fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    fn client(&self) -> HttpClient {
        let web = self.clone();
        HttpClient::new(service_fn(move |request: Request<Bytes>| {
            let answer = web.answer(&request);
            async move { answer }
        }))
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, std::io::Error> {
        let mut state = self.0.lock().unwrap();
        let url = request.uri().to_string();
        state.asked.push(url.clone());
        if state.down {
            return Err(std::io::Error::other("down"));
        }
        let (status, body) = if let Some(keys) = url.strip_suffix("/keys").and_then(|issuer| state.issuers.get(issuer))
        {
            (200, keys.clone())
        } else {
            let issuer = url.replace("/.well-known/oauth-authorization-server", "");
            match state.issuers.contains_key(&issuer) {
                true => (200, json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string()),
                false => (404, String::new()),
            }
        };
        Ok(Response::builder().status(status).header("content-type", "application/json").body(body.into()).unwrap())
    }
}

fn of(issuer: &str) -> Value {
    with(with(claims(), "iss", issuer), "exp", NOW + 90_000)
}

fn builder(trusted: TrustedIssuers, web: &Web, time: &TestClock) -> JwtVerifier {
    JwtVerifier::trusted_issuers(trusted).audience("orders").http_client(web.client()).clock(time.clock())
}

async fn judge(verifier: &Verifier, key: &SigningKey, issuer: &str) -> Result<Verified, RejectionKind> {
    verdict(verifier, &token(key, &of(issuer))).await
}

fn matching() -> TrustedIssuers {
    TrustedIssuers::matching(TEMPLATE).unwrap()
}

// R8725-3.8a, THREAT-V8, THREAT-A2
#[tokio::test]
async fn each_trusted_tenant_has_keys_of_its_own_fetched_once() {
    let (web, time) = (Web::default(), TestClock::new());
    let [a, b] = ["https://login.example.com/a", "https://login.example.com/b"];
    let (key_a, key_b) = (web.issuer(a), web.issuer(b));
    let verifier = builder(matching().only(["a", "b"]), &web, &time).memo_ttl(Duration::ZERO).build().unwrap();
    assert_eq!(web.asked(), 0, "building asks nobody");
    for _ in 0..3 {
        let verified = judge(&verifier, &key_a, a).await.unwrap();
        assert_eq!((verified.issuer(), verified.subject()), (Some(a), "alice"));
        assert_eq!(judge(&verifier, &key_b, b).await.unwrap().issuer(), Some(b));
    }
    // The same key id, and another tenant's key.
    assert_eq!(judge(&verifier, &key_a, b).await.unwrap_err(), RejectionKind::BadSignature);
    assert_eq!(judge(&verifier, &key_b, a).await.unwrap_err(), RejectionKind::BadSignature);
    assert_eq!((web.keys_asked(a), web.keys_asked(b), web.asked()), (1, 1, 4));
    assert!(format!("{verifier:?}").contains(TEMPLATE), "{verifier:?}");
}

// THREAT-A2, THREAT-T6
#[tokio::test]
async fn a_flood_of_issuers_that_are_not_trusted_costs_no_fetch() {
    let (web, time) = (Web::default(), TestClock::new());
    let key = web.issuer("https://login.example.com/a");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let trusted = matching().when(move |issuer| {
        count.fetch_add(1, Ordering::Relaxed);
        issuer.tenant() == Some("a")
    });
    let verifier = builder(trusted, &web, &time).build().unwrap();
    for n in 0..2_000 {
        let issuer = format!("https://login.example.com/random-{n}");
        assert_eq!(judge(&verifier, &key, &issuer).await.unwrap_err(), RejectionKind::UnknownIssuer);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2_000);
    // What has not even the shape is not asked about.
    for odd in [
        "https://evil.example/a",
        "https://login.example.com.evil.example/a",
        "https://login.example.com@evil.example/a",
        "https://login.example.com/a/b",
        "https://login.example.com/a?x",
        "https://login.example.com/a#x",
        "https://login.example.com/..",
        "https://login.example.com/%61",
        "https://login.example.com:444/a",
        "http://login.example.com/a",
        "https://LOGIN.example.com/a",
        "https://login.example.com/a\u{430}",
        "https://login.example.com/a\\@evil.example",
        "https://169.254.169.254/a",
        "file:///etc/passwd",
        "a",
        "",
    ] {
        assert_eq!(judge(&verifier, &key, odd).await.unwrap_err(), RejectionKind::UnknownIssuer, "{odd}");
    }
    assert_eq!(
        judge(&verifier, &key, &format!("https://login.example.com/{}", "a".repeat(600))).await.unwrap_err(),
        RejectionKind::UnknownIssuer
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2_000);
    assert_eq!(web.asked(), 0);
    assert!(judge(&verifier, &key, "https://login.example.com/a").await.is_ok());
    assert_eq!(web.asked(), 2, "one trusted issuer, one fetch");
}

// THREAT-A2, THREAT-A9
#[tokio::test]
async fn the_number_of_issuers_is_bounded_and_strangers_displace_each_other_first() {
    let (web, time) = (Web::default(), TestClock::new());
    let url = |n: usize| format!("https://login.example.com/t{n}");
    let keys: Vec<_> = (0..30).map(|n| web.issuer(&url(n))).collect();
    let verifier = builder(matching().any().limit(20), &web, &time).memo_ttl(Duration::ZERO).build().unwrap();
    for (n, key) in keys.iter().enumerate().take(10) {
        assert!(judge(&verifier, key, &url(n)).await.is_ok());
        time.tick(Duration::from_secs(2));
    }
    // Strangers name tenants that do not exist, or sign badly for some that do.
    let strange = es256();
    for n in 0..80 {
        let issuer = format!("https://login.example.com/nobody{n}");
        assert_eq!(judge(&verifier, &strange, &issuer).await.unwrap_err(), RejectionKind::KeysUnavailable);
    }
    let before = web.asked();
    for (n, key) in keys.iter().enumerate().take(10) {
        assert!(judge(&verifier, key, &url(n)).await.is_ok());
    }
    assert_eq!(web.asked(), before, "those of which a token was good are all there");
    // At the bound those that were used least recently go, and come back by another fetch.
    for (n, key) in keys.iter().enumerate().skip(10) {
        time.tick(Duration::from_secs(2));
        assert!(judge(&verifier, key, &url(n)).await.is_ok());
    }
    let asked = web.keys_asked(&url(29));
    assert!(judge(&verifier, &keys[29], &url(29)).await.is_ok());
    assert_eq!(web.keys_asked(&url(29)), asked);
    assert!(judge(&verifier, &keys[0], &url(0)).await.is_ok());
    assert_eq!(web.keys_asked(&url(0)), 2);
}

// THREAT-A2
#[tokio::test]
async fn issuers_that_anybody_may_name_come_at_a_bounded_rate() {
    let (web, time) = (Web::default(), TestClock::new());
    let verifier = builder(matching().any(), &web, &time).build().unwrap();
    let key = es256();
    let mut kinds = BTreeMap::<_, usize>::new();
    for n in 0..500 {
        let kind = judge(&verifier, &key, &format!("https://login.example.com/{n}")).await.unwrap_err();
        *kinds.entry(kind.code()).or_default() += 1;
    }
    assert_eq!(kinds, BTreeMap::from([("rejection.keys_unavailable", 100), ("rejection.overloaded", 400)]));
    // Those that were let in are asked for again by nobody: the server is left alone after a failure.
    let asked = web.asked();
    for n in 0..100 {
        let _ = judge(&verifier, &key, &format!("https://login.example.com/{n}")).await;
    }
    assert_eq!(web.asked(), asked);
    time.tick(Duration::from_secs(1));
    let refusal = verifier.verify(&bearer(&token(&key, &of("https://login.example.com/new")))).await.unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::KeysUnavailable);
}

// THREAT-K3, THREAT-V8
#[tokio::test]
async fn a_tenant_that_is_trusted_no_longer_is_refused_at_once() {
    let (web, time) = (Web::default(), TestClock::new());
    let issuer = "https://login.example.com/a";
    let key = web.issuer(issuer);
    let open = Arc::new(AtomicBool::new(true));
    let is_open = Arc::clone(&open);
    let verifier = builder(matching().when(move |_| is_open.load(Ordering::Relaxed)), &web, &time).build().unwrap();
    assert!(judge(&verifier, &key, issuer).await.is_ok());
    let token = token(&key, &of(issuer));
    assert!(verdict(&verifier, &token).await.is_ok());
    open.store(false, Ordering::Relaxed);
    assert_eq!(verdict(&verifier, &token).await.unwrap_err(), RejectionKind::UnknownIssuer, "the memo does not help");
    open.store(true, Ordering::Relaxed);
    assert!(verdict(&verifier, &token).await.is_ok());
    assert_eq!(web.keys_asked(issuer), 2, "its keys were dropped with it");
}

// THREAT-A2, THREAT-V16
#[tokio::test]
async fn a_look_up_decides_once_and_again_after_its_time() {
    let (web, time) = (Web::default(), TestClock::new());
    let [good, bad] = ["https://login.example.com/good", "https://login.example.com/bad"];
    let key = web.issuer(good);
    let state = Arc::new(Mutex::new((0, Some(HashSet::from(["good".to_owned()])))));
    let table = Arc::clone(&state);
    let trusted = matching()
        .look_up(move |issuer| {
            let mut table = table.lock().unwrap();
            table.0 += 1;
            let known = table.1.clone();
            async move {
                let known = known.ok_or("the database is down")?;
                Ok(known.contains(issuer.tenant().unwrap_or_default()))
            }
        })
        .ask_again_after(Duration::from_secs(120));
    let asked = || state.lock().unwrap().0;
    let verifier = builder(trusted, &web, &time).build().unwrap();
    // Who cannot wait is told to come again.
    let refusal = verifier.try_verify(&bearer(&token(&key, &of(good)))).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::LookupUnavailable, 503));
    for _ in 0..3 {
        assert!(judge(&verifier, &key, good).await.is_ok());
        assert_eq!(judge(&verifier, &key, bad).await.unwrap_err(), RejectionKind::UnknownIssuer);
    }
    assert_eq!(
        (asked(), web.keys_asked(good), web.asked()),
        (2, 1, 2),
        "a yes and a no are remembered, the no shortly"
    );
    time.tick(Duration::from_secs(11));
    assert_eq!(judge(&verifier, &key, bad).await.unwrap_err(), RejectionKind::UnknownIssuer);
    assert_eq!(asked(), 3);
    // The yes is asked for again, and its keys stay.
    time.tick(Duration::from_secs(120));
    assert!(judge(&verifier, &key, good).await.is_ok());
    assert_eq!((asked(), web.keys_asked(good)), (4, 1));
    // What cannot be looked up is neither yes nor no.
    state.lock().unwrap().1 = None;
    assert!(judge(&verifier, &key, good).await.is_ok(), "still within its time");
    time.tick(Duration::from_secs(120));
    let refusal = verifier.verify(&bearer(&token(&key, &of(good)))).await.unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::LookupUnavailable);
    assert!(refusal.explain().contains("the database is down"), "{refusal}");
    state.lock().unwrap().1 = Some(HashSet::new());
    assert_eq!(judge(&verifier, &key, good).await.unwrap_err(), RejectionKind::UnknownIssuer);
}

// THREAT-A3, THREAT-V16
#[tokio::test]
async fn a_look_up_that_hangs_ends_with_503_and_harms_nobody() {
    let (web, time) = (Web::default(), TestClock::new());
    let issuer = "https://login.example.com/a";
    let key = web.issuer(issuer);
    let trusted = matching().look_up(|_| std::future::pending());
    let verifier = builder(trusted, &web, &time).build().unwrap();
    let waiting = verifier.verify(&bearer(&token(&key, &of(issuer))));
    let (result, ()) = tokio::join!(waiting, async {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        time.tick(Duration::from_secs(16));
    });
    assert_eq!(result.unwrap_err().kind(), RejectionKind::LookupUnavailable);
    assert_eq!(web.asked(), 0);
}

// R9207-2.4d, THREAT-V8
#[tokio::test]
async fn an_issuer_of_its_own_is_never_a_tenant_too() {
    let (web, time) = (Web::default(), TestClock::new());
    let [own, other] = ["https://login.example.com/own", "https://login.example.com/other"];
    let (key_own, key_other) = (web.issuer(own), web.issuer(other));
    let named = || {
        JwtVerifier::issuer(own)
            .unwrap()
            .audience("strict")
            .http_client(web.client())
            .clock(time.clock())
            .build()
            .unwrap()
    };
    let tenants = || builder(matching().any(), &web, &time).build().unwrap();
    for verifier in [Verifier::any_of([named(), tenants()]).unwrap(), Verifier::any_of([tenants(), named()]).unwrap()] {
        assert_eq!(
            judge(&verifier, &key_own, own).await.unwrap_err(),
            RejectionKind::WrongAudience,
            "its own rules hold"
        );
        let strict = token(&key_own, &with(of(own), "aud", "strict"));
        assert!(verdict(&verifier, &strict).await.is_ok());
        assert!(judge(&verifier, &key_other, other).await.is_ok());
    }
    // Two sets of rules for one issuer cannot be.
    for shape in ["https://login.example.com/{x}", "https://{x}.example.com/a"] {
        let others = builder(TrustedIssuers::matching(shape).unwrap().any(), &web, &time).build().unwrap();
        assert!(Verifier::any_of([tenants(), others]).is_err(), "{shape}");
    }
    let apart = TrustedIssuers::matching("https://login.example.com/x/{tenant}").unwrap().any();
    assert!(Verifier::any_of([tenants(), builder(apart, &web, &time).build().unwrap()]).is_ok());
    let anywhere = TrustedIssuers::of_any_shape().when(|_| true);
    let error = Verifier::any_of([tenants(), builder(anywhere, &web, &time).build().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("any URL"), "{error}");
}

// THREAT-V8
#[tokio::test]
async fn tenants_of_entra_are_told_by_issuer_and_claim_alike() {
    let (web, time) = (Web::default(), TestClock::new());
    let [a, b] = ["72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad"];
    let url = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let key = web.issuer(&url(a));
    let by_names = Preset::EntraV2.issuer(&[("tenant", a), ("tenant", b)]).unwrap();
    let template = TrustedIssuers::matching("https://login.microsoftonline.com/{tenant}/v2.0").unwrap();
    let by_rule = JwtVerifier::trusted_issuers(template.when(move |issuer| issuer.tenant() == Some(a)));
    let by_rule = by_rule.preset(Preset::EntraV2, &[]).unwrap();
    let any = Preset::EntraV2.issuer(&[("tenant", "*")]).unwrap();
    for builder in [by_names, by_rule, any] {
        let verifier = builder
            .audience("orders")
            // In place of what the preset knows, which this web has not.
            .jwks_uri("https://login.microsoftonline.com/{tenant}/v2.0/keys")
            .algorithms([tower_auth_core::jose::Algorithm::Es256])
            .http_client(web.client())
            .clock(time.clock())
            .build()
            .unwrap();
        let judge = |iss: String, tid: &str| {
            let claims = json!({"iss": iss, "tid": tid, "aud": "orders", "azp": "c", "sub": "s", "exp": NOW + 90});
            let token = key.sign(&header().typ("JWT"), &claims).unwrap();
            let verifier = verifier.clone();
            async move { verdict(&verifier, &token).await.map(drop) }
        };
        assert_eq!(judge(url(a), a).await, Ok(()));
        assert_eq!(judge(url(a), b).await, Err(RejectionKind::UnknownIssuer), "a claim of another tenant");
        assert_eq!(judge(url("common"), "common").await, Err(RejectionKind::UnknownIssuer));
    }
    let asked = web.0.lock().unwrap().asked.clone();
    assert!(asked.iter().all(|one| *one == format!("{}/keys", url(a))), "{asked:?}");
}

// THREAT-A3
#[tokio::test]
async fn a_hundred_first_tokens_of_one_tenant_share_one_fetch() {
    let (web, time) = (Web::default(), TestClock::new());
    let issuer = "https://login.example.com/a";
    let key = web.issuer(issuer);
    for trusted in [matching().any(), matching().look_up(|_| async { Ok(true) })] {
        let before = web.keys_asked(issuer);
        let verifier = builder(trusted, &web, &time).build().unwrap();
        let tokens: Vec<_> = (0..100).map(|n| token(&key, &with(of(issuer), "jti", n.to_string()))).collect();
        let tasks = tokens.into_iter().map(|token| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verdict(&verifier, &token).await.map(drop) })
        });
        let tasks = tasks.collect::<Vec<_>>();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert_eq!(web.keys_asked(issuer), before + 1);
    }
}

// THREAT-A2
#[tokio::test]
async fn a_web_that_is_down_is_503_for_new_tenants_and_old_ones_go_on() {
    let (web, time) = (Web::default(), TestClock::new());
    let [old, new] = ["https://login.example.com/old", "https://login.example.com/new"];
    let (key_old, key_new) = (web.issuer(old), web.issuer(new));
    let verifier = builder(matching().only(["old", "new"]), &web, &time).build().unwrap();
    assert!(judge(&verifier, &key_old, old).await.is_ok());
    web.down(true);
    time.tick(Duration::from_secs(700));
    assert!(judge(&verifier, &key_old, old).await.is_ok());
    assert_eq!(judge(&verifier, &key_new, new).await.unwrap_err(), RejectionKind::KeysUnavailable);
}

// R8725-3.9a, THREAT-T6
#[test]
fn what_cannot_be_meant_is_found_when_the_verifier_is_built() {
    let kind = |trusted: TrustedIssuers| {
        JwtVerifier::trusted_issuers(trusted).audience("a").http_client(Web::default().client()).build().unwrap_err()
    };
    assert_eq!(kind(matching()).kind(), ConfigErrorKind::MissingOption);
    assert_eq!(kind(matching().only([""; 0])).kind(), ConfigErrorKind::MissingOption);
    assert_eq!(kind(matching().any().limit(0)).kind(), ConfigErrorKind::InvalidOption);
    assert_eq!(kind(matching().any().ask_again_after(Duration::ZERO)).kind(), ConfigErrorKind::InvalidOption);
    assert_eq!(kind(TrustedIssuers::of_any_shape().any()).kind(), ConfigErrorKind::InvalidOption);
    assert!(kind(matching().only(["a/b"])).to_string().contains("a/b"));
    for bad in [
        "https://login.example.com/a",
        "https://{a}.example.com/{b}",
        "https://{tenant}.com/",
        "https://login.{tenant}.com/",
        "https://{host}/a",
        "https://{base}",
        "ftp://login.example.com/{tenant}",
        "https://login.example.com/x{tenant}",
        "https://login.example.com/?t={tenant}",
    ] {
        assert_eq!(TrustedIssuers::matching(bad).unwrap_err().kind(), ConfigErrorKind::InvalidUrl, "{bad}");
    }
    let base = || JwtVerifier::trusted_issuers(matching().any()).audience("a").http_client(Web::default().client());
    assert!(base().build().is_ok());
    assert!(
        JwtVerifier::trusted_issuers(matching().any()).http_client(Web::default().client()).build().is_err(),
        "audience"
    );
    let key = es256();
    let keys = tower_auth_core::jose::JwkSet::parse(key_set(&[("k", &key)]).as_bytes()).unwrap();
    assert!(base().jwks(keys).build().is_err(), "one key set for all");
    assert!(base().jwks_uri("https://login.example.com/keys").build().is_err(), "one key set for all");
    assert!(base().jwks_uri("https://login.example.com/{tenant}/keys").build().is_ok());
    assert!(base().roles_claim("").build().is_err(), "rules are tried before there is an issuer");
    let plain = TrustedIssuers::matching("http://login.example.com/{tenant}").unwrap().any();
    let plain = JwtVerifier::trusted_issuers(plain).audience("a").http_client(Web::default().client());
    assert_eq!(plain.build().unwrap_err().kind(), ConfigErrorKind::InsecureUrl);
    let odd = JwtVerifier::trusted_issuers(matching().any()).preset(Preset::EntraV2, &[]).unwrap();
    assert!(
        odd.audience("a").http_client(Web::default().client()).build().is_err(),
        "no issuer of the preset has this shape"
    );
}

// THREAT-T6
#[cfg(feature = "http")]
#[tokio::test]
async fn a_host_that_the_token_names_must_be_public_unless_that_was_opened() {
    use tower_auth_core::AddressPolicy;

    let key = es256();
    let time = TestClock::new();
    let explain = |builder: JwtVerifier, issuer: &'static str| {
        let token = token(&key, &of(issuer));
        let verifier = builder.audience("orders").clock(time.clock()).build().unwrap();
        async move {
            let refusal = verifier.verify(&bearer(&token)).await.unwrap_err();
            assert_eq!(refusal.kind(), RejectionKind::KeysUnavailable);
            refusal.explain().to_owned()
        }
    };
    let anywhere = || JwtVerifier::trusted_issuers(TrustedIssuers::of_any_shape().when(|_| true));
    // Nothing listens on these ports; what matters is whether it is tried.
    for private in ["https://127.0.0.1:9/a", "https://169.254.169.254/latest", "https://10.0.0.1"] {
        let told = explain(anywhere(), private).await;
        assert!(told.contains("transport.forbidden"), "{told}");
    }
    let opened = anywhere().address_policy(AddressPolicy::any());
    let told = explain(opened, "https://127.0.0.1:9/a").await;
    assert!(!told.contains("transport.forbidden"), "{told}");
    let fixed = JwtVerifier::trusted_issuers(TrustedIssuers::matching("https://127.0.0.1:9/{tenant}").unwrap().any());
    let told = explain(fixed, "https://127.0.0.1:9/a").await;
    assert!(!told.contains("transport.forbidden"), "the host is the operator's choice: {told}");
}

// THREAT-A2
#[tokio::test]
async fn an_issuer_that_makes_room_while_its_keys_come_is_not_forgotten_by_who_waits() {
    let (web, time) = (Web::default(), TestClock::new());
    let url = |n: usize| format!("https://login.example.com/t{n}");
    let keys: Vec<_> = (0..3).map(|n| web.issuer(&url(n))).collect();
    let verifier = builder(matching().any().limit(1), &web, &time).build().unwrap();
    let tokens: Vec<_> = keys.iter().enumerate().map(|(n, key)| token(key, &of(&url(n)))).collect();
    // All of them wait before the first keys are there.
    let waiting: Vec<_> = tokens.iter().map(|token| verifier.verify(&bearer(token))).collect();
    for verification in waiting {
        assert!(verification.is_waiting());
        assert!(verification.await.is_ok());
    }
}
