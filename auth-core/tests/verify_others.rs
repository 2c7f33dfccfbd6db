//! Basic credentials, API keys, several kinds at once, and what refusals look like.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use http::{HeaderMap, HeaderName, Response};
use tower_auth_core::jose::JwkSet;
use tower_auth_core::{
    ApiKeyVerifier, Basic, BasicVerifier, Challenge, JwtVerifier, Method, Policy, RejectionKind, Secret, Verified,
    Verifier,
};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";

fn basic() -> Verifier {
    BasicVerifier::new().user("batch", "s3:cret").user("ops", "\u{c5}").realm("orders").build().unwrap()
}

fn api_key() -> ApiKeyVerifier {
    ApiKeyVerifier::new()
        .key("partner-1", ApiKeyVerifier::digest(&Secret::from(KEY)))
        .key("plain", ApiKeyVerifier::digest(&Secret::from("no-id-in-this-key-5d41402abc4b2a76")))
        .realm("orders")
}

fn pair(user: &str, password: &str) -> HeaderMap {
    authorization(Basic::new(user, password).unwrap().header_text().expose_secret())
}

fn kind(verifier: &Verifier, headers: &HeaderMap) -> Result<Verified, RejectionKind> {
    verifier.try_verify(headers).map_err(|refusal| refusal.kind())
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    headers
}

// R7617-2b, R7617-2.1b
#[test]
fn a_listed_user_with_its_password_is_accepted_and_nobody_else() {
    let verifier = basic();
    let verified = kind(&verifier, &pair("batch", "s3:cret")).unwrap();
    assert_eq!((verified.method(), verified.subject(), verified.issuer()), (Method::Basic, "batch", None));
    assert_eq!((verified.claims_json(), verified.scopes().count()), ("{}", 0));
    assert!(kind(&verifier, &pair("ops", "A\u{30a}")).is_ok(), "the same text in another normalization form");
    for (user, password) in [
        ("batch", "s3:cre"),
        ("batch", "s3:cret "),
        ("Batch", "s3:cret"),
        ("nobody", "s3:cret"),
        ("ops", "s3:cret"),
        ("", ""),
    ] {
        assert_eq!(kind(&verifier, &pair(user, password)).unwrap_err(), RejectionKind::BadPassword, "{user}");
    }
    assert_eq!(kind(&verifier, &authorization("Basic QTpi*")).unwrap_err(), RejectionKind::InvalidRequest);
    assert_eq!(kind(&verifier, &authorization("Basic QUI=")).unwrap_err(), RejectionKind::InvalidRequest, "no colon");
}

// THREAT-V12, THREAT-V13
#[test]
fn an_unknown_user_and_a_wrong_password_are_told_the_same_thing() {
    let verifier = basic();
    let show = |headers: &HeaderMap| {
        let refusal = verifier.try_verify(headers).unwrap_err();
        format!("{refusal:?} {:?}", refusal.headers())
    };
    assert_eq!(show(&pair("nobody", "x")), show(&pair("batch", "x")));
    assert_eq!(show(&pair("batch", &"x".repeat(2_000))), show(&pair("batch", "x")));
}

// THREAT-L1
#[test]
fn a_key_that_was_written_where_its_digest_belongs_is_not_shown() {
    let mistaken = ApiKeyVerifier::new().key("partner-1", KEY);
    assert!(format!("{mistaken:?}").contains("partner-1"));
    assert!(!format!("{mistaken:?} {:?}", mistaken.clone().build().unwrap_err()).contains(KEY));
}

// THREAT-V11
#[test]
fn an_api_key_is_found_by_its_id_or_by_its_digest_alone() {
    let verifier = api_key().build().unwrap();
    let verified = kind(&verifier, &header("x-api-key", KEY)).unwrap();
    assert_eq!((verified.method(), verified.subject()), (Method::ApiKey, "partner-1"));
    assert_eq!(kind(&verifier, &header("x-api-key", "no-id-in-this-key-5d41402abc4b2a76")).unwrap().subject(), "plain");
    for bad in ["partner-1", "partner-1.", "partner-1.nq8Z0vJc5mWd2rXh7tKc", "nq8Z0vJc5mWd2rXh7tKb", "plain.x", "x"] {
        assert_eq!(kind(&verifier, &header("x-api-key", bad)).unwrap_err(), RejectionKind::UnknownApiKey, "{bad}");
    }
    assert_eq!(
        kind(&verifier, &authorization(&format!("ApiKey {KEY}"))).unwrap_err(),
        RejectionKind::MissingCredential
    );

    let by_scheme = api_key().scheme("ApiKey").build().unwrap();
    assert!(kind(&by_scheme, &authorization(&format!("apikey {KEY}"))).is_ok());
    assert_eq!(kind(&by_scheme, &header("x-api-key", KEY)).unwrap_err(), RejectionKind::MissingCredential);
    let by_header = api_key().header(HeaderName::from_static("x-partner")).build().unwrap();
    assert!(kind(&by_header, &header("x-partner", KEY)).is_ok());
}

#[test]
fn lists_with_mistakes_are_refused() {
    assert!(BasicVerifier::new().build().is_err());
    assert!(BasicVerifier::new().user("a", "p").user("a", "q").build().is_err());
    assert!(BasicVerifier::new().user("a:b", "p").build().is_err());
    assert!(BasicVerifier::new().user("a", "").build().is_err());
    assert!(BasicVerifier::new().user("a", "x".repeat(1_025)).build().is_err());
    assert!(BasicVerifier::new().user("a", "p").realm("\n").build().is_err());
    assert!(ApiKeyVerifier::new().build().is_err());
    let digest = ApiKeyVerifier::digest(&Secret::from(KEY));
    assert!(ApiKeyVerifier::new().key("a", &digest[..70]).build().is_err());
    assert!(ApiKeyVerifier::new().key("a", "md5:00").build().is_err());
    assert!(ApiKeyVerifier::new().key("", digest.clone()).build().is_err());
    assert!(ApiKeyVerifier::new().key("a", digest.clone()).key("b", digest.clone()).build().is_err());
    assert!(api_key().key("plain", ApiKeyVerifier::digest(&Secret::from("other"))).build().is_err());
    assert!(api_key().header(http::header::AUTHORIZATION).build().is_err());
    assert!(api_key().scheme("bearer").build().is_err());
    assert!(Verifier::any_of([basic(), basic()]).is_err());
    assert!(Verifier::any_of([api_key().build().unwrap(), api_key().build().unwrap()]).is_err());
}

/// Tokens, users and API keys together.
fn all() -> (Verifier, String) {
    let key = es256();
    let jwt = JwtVerifier::issuer(ISSUER)
        .unwrap()
        .audience("orders")
        .realm("orders")
        .jwks(JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap())
        .clock(TestClock::new().clock())
        .build()
        .unwrap();
    let verifier = Verifier::any_of([jwt, basic(), api_key().build().unwrap()]).unwrap();
    (verifier, token(&key, &claims()))
}

fn challenges(verifier: &Verifier, headers: &HeaderMap) -> Vec<String> {
    let refusal = verifier.try_verify(headers).unwrap_err();
    refusal.challenges().iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

// R9110-11.3a, R7617-2d, R6750-3a, R6750-3.1b
#[test]
fn without_a_credential_every_accepted_scheme_is_offered_and_no_error_is_given() {
    let (verifier, _) = all();
    let offered = [r#"Bearer realm="orders""#, r#"Basic realm="orders", charset="UTF-8""#, r#"ApiKey realm="orders""#];
    assert_eq!(challenges(&verifier, &HeaderMap::new()), offered);
    assert_eq!(challenges(&verifier, &authorization("Digest a=b")), offered);
    assert_eq!(challenges(&verifier, &pair("batch", "wrong")), offered, "the error codes are those of Bearer");
    assert_eq!(challenges(&verifier, &header("x-api-key", "wrong")), offered);
}

// R6750-3a, R6750-3.1a, R6750-3.1c, R9449-7.2b, R9068-4c
#[test]
fn a_refused_token_is_answered_with_the_registered_error_in_the_bearer_challenge_only() {
    let (verifier, good) = all();
    let mut forged = good.clone();
    forged.replace_range(good.len() - 8.., "AAAAAAAA");
    let refused = challenges(&verifier, &bearer(&forged));
    let parsed = Challenge::parse(&refused[0]);
    assert_eq!(parsed[0].param("error"), Some("invalid_token"));
    assert_eq!(parsed[0].param("realm"), Some("orders"));
    assert_eq!(parsed[0].param("error_description"), Some("The access token is not valid"));
    assert!(!refused[1].contains("error") && !refused[2].contains("error"), "{refused:?}");

    let mut twice = bearer(&good);
    twice.append("authorization", "Bearer x".parse().unwrap());
    let refusal = verifier.try_verify(&twice).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::InvalidRequest, 400));
    assert!(refusal.challenges()[0].to_str().unwrap().contains(r#"error="invalid_request""#));
}

// R6750-3.1a, R9110-11.4a, GRPC-3
#[test]
fn a_caller_that_lacks_a_scope_is_told_which_are_needed() {
    let (verifier, good) = all();
    let verified = verifier.try_verify(&bearer(&good)).unwrap();
    assert!(verifier.require(&verified, &Policy::new().scope("orders:read")).is_ok());
    let refusal = verifier.require(&verified, &Policy::new().scope("orders:read orders:admin")).unwrap_err();
    assert_eq!(
        (refusal.kind(), refusal.status().as_u16(), refusal.grpc_code()),
        (RejectionKind::InsufficientScope, 403, 7)
    );
    let challenge = refusal.challenges()[0].to_str().unwrap().to_owned();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#)
            && challenge.contains(r#"scope="orders:admin orders:read""#)
    );
    let user = verifier.try_verify(&pair("batch", "s3:cret")).unwrap();
    let refusal = verifier.require(&user, &Policy::new().scope("a")).unwrap_err();
    assert!(!refusal.challenges()[0].to_str().unwrap().contains("error"));
}

// GRPC-4, GRPC-10, GRPC-3
#[test]
fn over_grpc_a_refusal_is_status_200_with_the_outcome_in_its_headers() {
    let (verifier, _) = all();
    let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
    let response: Response<String> = refusal.to_grpc_response();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "16");
    assert_eq!(headers["grpc-message"], "Authentication is required");
    assert_eq!(headers.get_all("www-authenticate").iter().count(), 3);
}

// R21-5.2a, R6750-2.2a
#[test]
fn the_query_is_no_part_of_what_a_verifier_sees() {
    let (verifier, good) = all();
    let request = http::Request::get(format!("https://a/?access_token={good}")).body(()).unwrap();
    assert_eq!(verifier.try_verify(request.headers()).unwrap_err().kind(), RejectionKind::MissingCredential);
}

// THREAT-L1
#[test]
fn descriptions_do_not_show_their_secrets() {
    let shown = format!("{:?} {:?}", BasicVerifier::new().user("batch", "sentinel"), basic());
    assert!(shown.contains("batch") && !shown.contains("sentinel"), "{shown}");
}

#[test]
fn verdicts_and_refusals_cross_threads() {
    fn assert<T: Send + Sync + 'static>() {}
    fn assert_send<T: Send + Unpin + 'static>() {}
    assert::<Verifier>();
    assert::<Verified>();
    assert::<tower_auth_core::Rejection>();
    assert_send::<tower_auth_core::Verification>();
}
