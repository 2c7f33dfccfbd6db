//! What an answer must say.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_auth_core::{IntrospectionVerifier, Method, RejectionKind, Scheme, Verified};
use tower_auth_testing::TestClock;

use super::support::*;

/// What comes of a token of which the server says `answer`.
async fn judged(
    answer: impl ToString,
    options: impl FnOnce(IntrospectionVerifier) -> IntrospectionVerifier,
) -> Result<Verified, RejectionKind> {
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("token", answer);
    let verifier = options(plain(&peer, &time)).build().unwrap();
    let result = verdict(&verifier, "token").await;
    assert_eq!(peer.count(), 1);
    result
}

async fn kind(answer: impl ToString) -> Option<RejectionKind> {
    judged(answer, |verifier| verifier).await.err()
}

// R7662-2.2a, R9068-5a
#[tokio::test]
async fn an_active_token_says_who_calls() {
    let caller = judged(good(), |verifier| verifier).await.unwrap();
    assert_eq!((caller.method(), caller.scheme()), (Method::Introspection, Scheme::Bearer));
    assert_eq!((caller.issuer(), caller.subject()), (Some("https://login.example.com"), "alice"));
    assert_eq!(caller.client_id(), Some("web"));
    assert!(caller.has_scope("orders:read") && caller.has_scope("orders:write") && !caller.has_scope("orders"));
    assert_eq!(caller.expires_at(), Some(UNIX_EPOCH + Duration::from_secs(NOW + 600)));
    assert_eq!(serde_json::from_str::<Value>(caller.claims_json()).unwrap(), good());
    assert!(caller.subject_token().is_none() && !caller.is_bound());
    #[derive(serde::Deserialize)]
    struct Own {
        username: String,
    }
    assert_eq!(caller.claims::<Own>().unwrap().username, "Alice");
    assert!(!format!("{caller:?}").to_lowercase().contains("alice"));
}

// R7662-2.2a
#[tokio::test]
async fn whatever_is_not_the_json_value_true_is_inactive() {
    for active in [json!(false), json!("true"), json!(1), json!(null), json!([true]), json!({}), json!("yes")] {
        assert_eq!(kind(with(good(), "active", active.clone())).await, Some(RejectionKind::Inactive), "{active}");
    }
    assert_eq!(kind(without(good(), "active")).await, Some(RejectionKind::Inactive));
    assert_eq!(kind("{}").await, Some(RejectionKind::Inactive));
    let (peer, time) = (Peer::new(), TestClock::new());
    let verifier = plain(&peer, &time).realm("orders").build().unwrap();
    let refusal = refusal(&verifier, "unknown").await;
    assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (401, 16));
    let challenge = refusal.challenges()[0].to_str().unwrap().to_owned();
    assert!(challenge.starts_with(r#"Bearer realm="orders", error="invalid_token""#), "{challenge}");
}

// R7662-2.2b, THREAT-V6
#[tokio::test]
async fn a_registered_member_of_the_wrong_type_is_refused_even_if_nobody_needs_it() {
    let any = |verifier: IntrospectionVerifier| verifier;
    for (name, values) in [
        ("exp", vec![json!("1767226200"), json!(null), json!(true), json!([1]), json!(-1), json!(1e300)]),
        ("nbf", vec![json!("0"), json!(null), json!({})]),
        ("iat", vec![json!("0"), json!(null), json!(1e13)]),
        ("iss", vec![json!(1), json!(null), json!(["https://login.example.com"])]),
        ("sub", vec![json!(1), json!(null), json!(["alice"])]),
        ("aud", vec![json!(1), json!(null), json!([1]), json!({"orders": true})]),
        ("client_id", vec![json!(1), json!(null)]),
        ("scope", vec![json!(1), json!(null), json!({"a": "b"})]),
        ("jti", vec![json!(1), json!(null)]),
        ("token_type", vec![json!(1), json!(null), json!(["Bearer"])]),
        ("token_use", vec![json!(1), json!(null)]),
        ("typ", vec![json!(1), json!(null)]),
        ("cnf", vec![json!("x"), json!(null), json!({"jkt": 1})]),
    ] {
        for value in values {
            let result = judged(with(good(), name, value.clone()), any).await;
            assert_eq!(result.err(), Some(RejectionKind::Malformed), "{name} {value}");
        }
    }
}

// R7662-2.2b, THREAT-V8
#[tokio::test]
async fn an_active_token_must_be_for_us() {
    use RejectionKind::WrongAudience;
    for (aud, refused) in [
        (json!("orders"), None),
        (json!(["billing", "orders"]), None),
        (json!("billing"), Some(WrongAudience)),
        (json!("ORDERS"), Some(WrongAudience)),
        (json!("orders "), Some(WrongAudience)),
        (json!(""), Some(WrongAudience)),
        (json!([]), Some(WrongAudience)),
        (json!(["billing"]), Some(WrongAudience)),
    ] {
        assert_eq!(kind(with(good(), "aud", aud.clone())).await, refused, "{aud}");
    }
}

// R7662-2.2b, THREAT-V8
#[tokio::test]
async fn an_answer_that_names_no_audience_is_accepted_by_choice_alone() {
    let nobody = || without(good(), "aud");
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("token", nobody());
    let refused = refusal(&plain(&peer, &time).build().unwrap(), "token").await;
    assert_eq!(refused.kind(), RejectionKind::WrongAudience);
    assert!(refused.explain().contains("`allow_missing_audience`"), "{refused}");
    assert!(judged(nobody(), IntrospectionVerifier::allow_missing_audience).await.is_ok());
    let foreign = with(good(), "aud", "billing");
    let result = judged(foreign.clone(), IntrospectionVerifier::allow_missing_audience).await;
    assert_eq!(result.err(), Some(RejectionKind::WrongAudience), "what is written counts");
    let any = |answer: Value| async move {
        let (peer, time) = (Peer::new(), TestClock::new());
        peer.say("token", answer);
        let client = IntrospectionVerifier::new(URL, "orders", "s3cret").http_client(peer.http()).clock(time.clock());
        verdict(&client.dangerous().any_audience().build().unwrap(), "token").await.is_ok()
    };
    assert!(any(nobody()).await && any(foreign).await && any(good()).await);
}

// R7662-2.2b
#[tokio::test]
async fn the_issuer_is_compared_where_one_is_known() {
    let of = |issuer: &'static str| move |verifier: IntrospectionVerifier| verifier.issuer(issuer);
    assert!(judged(good(), of("https://login.example.com")).await.is_ok());
    for other in ["https://login.example.com/", "https://LOGIN.example.com", "https://evil.example"] {
        assert_eq!(judged(good(), of(other)).await.err(), Some(RejectionKind::UnknownIssuer), "{other}");
    }
    let silent = judged(without(good(), "iss"), of("https://login.example.com")).await.unwrap();
    assert_eq!(silent.issuer(), Some("https://login.example.com"), "the endpoint is that issuer's");
    let unknown = judged(without(good(), "iss"), |verifier| verifier).await.unwrap();
    assert_eq!(unknown.issuer(), None);
    // The client's own issuer is known without being said twice.
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("token", with(good(), "iss", "https://evil.example"));
    let verifier = plain(&peer, &time).configure(|client| client.issuer("https://login.example.com")).build().unwrap();
    assert_eq!(verdict(&verifier, "token").await.err(), Some(RejectionKind::UnknownIssuer));
}

// R7662-2.2b
#[tokio::test]
async fn times_count_if_they_are_there() {
    use RejectionKind::{Expired, NotYetValid};
    for (name, value, refused) in [
        ("exp", NOW - 59, None),
        ("exp", NOW - 60, Some(Expired)),
        ("exp", 0, Some(Expired)),
        ("nbf", NOW + 60, None),
        ("nbf", NOW + 61, Some(NotYetValid)),
        ("iat", NOW + 60, None),
        ("iat", NOW + 61, Some(NotYetValid)),
        ("iat", 0, None),
    ] {
        assert_eq!(kind(with(good(), name, value)).await, refused, "{name} {value}");
        if name != "exp" {
            let endless = without(with(good(), name, value), "exp");
            assert_eq!(kind(endless).await, refused, "{name} {value} without exp");
        }
    }
    let lasting = judged(without(without(good(), "exp"), "iat"), |verifier| verifier).await.unwrap();
    assert_eq!(lasting.expires_at(), None);
    let exact = |verifier: IntrospectionVerifier| verifier.leeway(Duration::ZERO);
    assert!(judged(with(good(), "exp", NOW + 1), exact).await.is_ok());
    assert_eq!(judged(with(good(), "exp", NOW), exact).await.err(), Some(Expired));
}

// R7662-2.2b, THREAT-V7
#[tokio::test]
async fn tokens_of_another_kind_are_refused_although_they_are_active() {
    for (name, value, accepted) in [
        ("token_type", "bearer", true),
        ("token_type", "BEARER", true),
        ("token_type", "mac", false),
        ("token_type", "N_A", false),
        ("token_type", "", false),
        ("token_use", "access_token", true),
        ("token_use", "access", true),
        ("token_use", "refresh_token", false),
        ("token_use", "id", false),
        ("typ", "Bearer", true),
        ("typ", "at+jwt", true),
        ("typ", "Refresh", false),
        ("typ", "offline", false),
        ("typ", "ID", false),
        ("typ", "Logout", false),
    ] {
        let refused = (!accepted).then_some(RejectionKind::WrongType);
        assert_eq!(kind(with(good(), name, value)).await, refused, "{name} {value}");
    }
    assert_eq!(kind(without(good(), "token_type")).await, None);
}

// R8705-3a, R9449-7.2a, THREAT-V9
#[tokio::test]
async fn a_bound_token_is_not_accepted_without_its_proof() {
    let bound = |cnf: Value| with(good(), "cnf", cnf);
    for cnf in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jkt": "a", "x5t#S256": "b"}),
        json!({"jwk": {"kty": "EC"}}),
        json!({"jkt": "a", "kid": "b"}),
        json!({}),
    ] {
        let refused = kind(bound(cnf.clone())).await.unwrap();
        assert!(
            matches!(refused, RejectionKind::BoundToken | RejectionKind::WrongCertificate),
            "{cnf} was refused as {refused:?}"
        );
    }
    let unbound = with(good(), "token_type", "DPoP");
    assert_eq!(kind(unbound).await, Some(RejectionKind::Malformed), "a DPoP token has a key");
}

// R9068-5a
#[tokio::test]
async fn the_subject_is_never_guessed_from_a_user_name() {
    let own = judged(without(without(good(), "sub"), "username"), |verifier| verifier).await.unwrap();
    assert_eq!((own.subject(), own.client_id()), ("web", Some("web")), "a client's own token");
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("token", without(good(), "sub"));
    let refused = refusal(&plain(&peer, &time).build().unwrap(), "token").await;
    assert_eq!(refused.kind(), RejectionKind::MissingClaim);
    assert!(refused.explain().contains("`subject_claims`"), "{refused}");
    let chosen = |name: &'static str| move |verifier: IntrospectionVerifier| verifier.subject_claims([name]);
    assert_eq!(judged(without(good(), "sub"), chosen("username")).await.unwrap().subject(), "Alice");
    assert_eq!(judged(good(), chosen("uid")).await.err(), Some(RejectionKind::MissingClaim));
    assert_eq!(judged(with(good(), "uid", 7), chosen("uid")).await.err(), Some(RejectionKind::Malformed));
    assert_eq!(kind(with(good(), "sub", "")).await, Some(RejectionKind::MissingClaim));
    let nobody = without(without(without(good(), "sub"), "username"), "client_id");
    assert_eq!(kind(nobody).await, Some(RejectionKind::MissingClaim));
}

#[tokio::test]
async fn rights_are_found_where_they_are_said_to_be() {
    let scopes = |caller: &Verified| caller.scopes().map(str::to_owned).collect::<Vec<_>>().join("|");
    let caller = judged(with(good(), "scope", json!(["a", "b"])), |verifier| verifier).await.unwrap();
    assert_eq!(scopes(&caller), "a|b");
    let caller = judged(with(without(good(), "scope"), "scp", "c d"), |verifier| verifier).await.unwrap();
    assert_eq!(scopes(&caller), "c|d");
    let own = |verifier: IntrospectionVerifier| verifier.scope_claims(["permissions"]).roles_claim("/realm/roles");
    let answer = with(with(good(), "permissions", json!(["x"])), "realm", json!({"roles": ["admin", "user"]}));
    let caller = judged(answer, own).await.unwrap();
    assert_eq!((scopes(&caller), caller.has_role("admin"), caller.has_role("root")), ("x".to_owned(), true, false));
    let caller = judged(with(good(), "groups", "staff"), |verifier| verifier.roles_claim("groups")).await.unwrap();
    assert!(caller.has_role("staff"));
    let mapped = |verifier: IntrospectionVerifier| {
        verifier.roles_claim_prefixed("groups", "group:").map_role("group:staff", "clerk").client_id_claims(["app"])
    };
    let caller = judged(with(with(good(), "groups", json!(["staff", "x"])), "app", "shop"), mapped).await.unwrap();
    assert_eq!(caller.roles().collect::<Vec<_>>(), ["clerk", "group:x"]);
    assert_eq!(caller.client_id(), Some("shop"));
    for wrong in [json!(7), json!(null), json!([1]), json!({})] {
        let result = judged(with(good(), "permissions", wrong.clone()), own).await;
        assert_eq!(result.err(), Some(RejectionKind::Malformed), "{wrong}");
        let roles = |verifier: IntrospectionVerifier| verifier.roles_claim("groups");
        let result = judged(with(good(), "groups", wrong.clone()), roles).await;
        assert_eq!(result.err(), Some(RejectionKind::Malformed), "{wrong}");
    }
    let caller = judged(good(), own).await.unwrap();
    assert_eq!((scopes(&caller), caller.roles().count()), (String::new(), 0), "what is absent gives no rights");
}

// R7662-2.3a, THREAT-A5
#[tokio::test]
async fn an_answer_that_two_parsers_may_read_differently_is_no_verdict() {
    for answer in [
        r#"{"active":true,"active":true}"#.to_owned(),
        r#"{"active":false,"active":true}"#.to_owned(),
        good().to_string().replacen('{', r#"{"aud":"billing","#, 1),
        good().to_string().replacen('{', r#"{"x":{"a":1,"a":1},"#, 1),
    ] {
        assert_eq!(kind(answer.clone()).await, Some(RejectionKind::IntrospectionUnavailable), "{answer}");
    }
}

// R7662-2.2a, R7662-2.2b, THREAT-V6, THREAT-A5
#[test]
fn whatever_an_answer_holds_nobody_is_accepted_who_is_not_named_by_it() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let names =
        ["active", "iss", "sub", "aud", "exp", "nbf", "iat", "client_id", "scope", "token_type", "cnf", "typ", "x"];
    let values = [
        "true",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "1e400",
        "1767226200",
        "\"\"",
        "\"true\"",
        "\"orders\"",
        "\"alice\"",
        "\"Bearer\"",
        "\"billing\"",
        "[]",
        "[\"orders\"]",
        "[true]",
        "{}",
        "{\"jkt\":\"a\"}",
        "{\"a\":1,\"a\":2}",
        "\"\\ud800\"",
        "[[[[1]]]]",
        "\u{7f}",
    ];
    let member = (prop::sample::select(names.to_vec()), prop::sample::select(values.to_vec()));
    let answers = (prop::collection::vec(member, 0..12), "[ {}\\[\\],:\"]{0,2}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&answers, |(members, noise)| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}{noise}", members.join(","));
        let accepted = runtime.block_on(judged(&text, |verifier| verifier));
        if let Ok(caller) = accepted {
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read["active"], &json!(true), "{}", text);
            let for_us = read["aud"] == json!("orders")
                || read["aud"].as_array().is_some_and(|aud| aud.contains(&json!("orders")));
            prop_assert!(for_us, "{}", text);
            let subject = caller.subject();
            prop_assert!(read["sub"] == json!(subject) || read["client_id"] == json!(subject), "{}", text);
            prop_assert!(!caller.is_bound(), "{}", text);
        }
        Ok(())
    });
    result.unwrap();
}
