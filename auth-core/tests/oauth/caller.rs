//! Calls on behalf of callers.

use std::time::Duration;

use tower_auth_core::{JwtVerifier, OnBehalfOf, SubjectToken, TokenErrorKind, TokenExchange, Verified, Verifier};
use tower_auth_testing::{AuthorizationServer, TestClock};

use super::endpoint::URL;
use super::script::Answer::Json;
use super::script::{Answer, Script};

const LONG: &str = r#"{"access_token":"a1","token_type":"Bearer","expires_in":86400,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
const OTHER: &str = r#"{"access_token":"a2","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;

struct House {
    time: TestClock,
    login: AuthorizationServer,
    verifier: Verifier,
}

impl House {
    fn new(keep: bool) -> Self {
        let time = TestClock::new();
        let login = AuthorizationServer::builder().client("orders", "s3cret").clock(time.clock()).build().unwrap();
        let mut verifier = JwtVerifier::issuer(login.issuer())
            .unwrap()
            .audience("orders")
            .http_client(login.http_client())
            .clock(time.clock());
        if keep {
            verifier = verifier.keep_subject_token();
        }
        let verifier = verifier.build().unwrap();
        Self { time, login, verifier }
    }

    async fn call(&self, subject: &str) -> (String, Verified) {
        let token = self.login.mint().subject(subject).client_id("web").audience("orders").lifetime(secs(600)).sign();
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let verified = self.verifier.verify(&headers).await.unwrap();
        (token, verified)
    }

    async fn caller(&self, subject: &str) -> SubjectToken {
        self.call(subject).await.1.subject_token().unwrap().clone()
    }

    fn on_behalf(&self, answers: impl IntoIterator<Item = Answer>) -> (Script, OnBehalfOf) {
        let script = Script::new(answers);
        let exchange = TokenExchange::new(URL, "orders", "s3cret")
            .audience("stock")
            .http_client(script.http.clone())
            .clock(self.time.clock());
        (script, exchange.on_behalf_of().unwrap())
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// THREAT-L1
#[tokio::test]
async fn the_callers_token_is_kept_by_those_who_asked_and_shown_by_nobody() {
    let (token, verified) = House::new(false).call("alice").await;
    assert!(verified.subject_token().is_none());
    assert!(!format!("{verified:?}").contains(&token));

    let house = House::new(true);
    // The first waits for keys, the second does not.
    for _ in 0..2 {
        let (token, verified) = house.call("alice").await;
        let kept = verified.subject_token().unwrap();
        assert_eq!(kept.secret().expose_secret(), token);
        assert_eq!(kept.expires_at(), verified.expires_at());
        assert!(kept.expires_at().is_some());
        let signature = token.rsplit('.').next().unwrap();
        assert!(!format!("{verified:?} {kept:?}").contains(signature));
    }
}

// R8693-P1, THREAT-K1
#[tokio::test]
async fn each_caller_has_tokens_of_their_own_and_one_exchange_serves_many_calls() {
    let house = House::new(true);
    let (script, stock) = house.on_behalf([Json(200, LONG), Json(200, OTHER), Json(200, OTHER)]);
    let (alice, bob) = (house.caller("alice").await, house.caller("bob").await);
    let token_of = async |caller: &SubjectToken| {
        stock.tokens_for(caller).unwrap().token().await.unwrap().secret().expose_secret().to_owned()
    };
    for _ in 0..10 {
        assert_eq!(token_of(&alice).await, "a1");
    }
    assert_eq!((token_of(&bob).await, stock.len()), ("a2".to_owned(), 2));
    let tokens: Vec<_> = script.sent().iter().map(|sent| sent.get("subject_token").unwrap().to_owned()).collect();
    assert_eq!(tokens, [alice.secret().expose_secret(), bob.secret().expose_secret()]);
    let tenant = stock.tokens_for_tenant(&alice, "acme").unwrap();
    assert_eq!(tenant.token().await.unwrap().secret().expose_secret(), "a2");
    assert_eq!(script.count(), 3);
    assert!(!format!("{stock:?}").contains(tokens[0].as_str()));
}

// R8693-P1
#[tokio::test]
async fn access_on_behalf_of_a_caller_ends_with_the_callers_token() {
    let house = House::new(true);
    let (script, stock) = house.on_behalf([Json(200, LONG), Json(200, LONG), Json(200, OTHER)]);
    let alice = house.caller("alice").await;
    let tokens = stock.tokens_for(&alice).unwrap();
    tokens.ready().await.unwrap();
    assert_eq!(tokens.status().expires_at, alice.expires_at(), "the server said a day");
    // An answer without a lifetime has the caller's too.
    stock.source_for(&alice).request_token().await.unwrap();
    let unsaid = stock.source_for(&alice).request_token().await.unwrap();
    assert_eq!(unsaid.lifetime(), tower_auth_core::Lifetime::For(secs(600)));
    house.time.advance(secs(601)).await;
    let error = tokens.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert!(error.to_string().contains("the token of the caller has ended"), "{error}");
    assert_eq!(script.count(), 3, "a token that has ended is not sent");
}

// THREAT-K1
#[tokio::test]
async fn callers_are_bounded() {
    let house = House::new(true);
    let (_script, stock) = house.on_behalf([]);
    let stock = stock.limits(10, secs(60));
    for number in 0..50 {
        stock.tokens_for(&house.caller(&format!("user-{number}")).await).unwrap();
    }
    assert!(stock.len() <= 10, "{}", stock.len());
}
