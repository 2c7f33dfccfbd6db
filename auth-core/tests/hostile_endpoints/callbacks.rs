//! Browsers that bring anything to the redirect URI.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use tower_auth_core::{
    AuthorizationCallback, AuthorizationError, AuthorizationErrorKind, AuthorizationRequest, BoxError, ClientAuth,
    HttpClient, IssuerParameter, OAuthClient,
};

use super::bodies::form_encoded;
use super::capture::{everything, leak};
use super::ways::{CALLBACK, state};

const ISSUER: &str = "https://login.example.com";
const CODE: &str = "c0de-of-the-callback-01";
const CASES: usize = 20_000;

/// The pairs of a query by the rules of forms; `None` if it must be refused. Written anew, as a second opinion.
fn pairs(query: &[u8]) -> Option<Vec<(String, String)>> {
    let half = |bytes: &[u8]| {
        let mut decoded = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'%' => {
                    let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                    decoded.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                    at += 2;
                }
                b'+' => decoded.push(b' '),
                byte => decoded.push(byte),
            }
            at += 1;
        }
        String::from_utf8(decoded).ok()
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.trim_ascii().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        pairs.push((half(name)?, half(value)?));
    }
    let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
    names.sort();
    let is_unique = names.windows(2).all(|two| two[0] != two[1]);
    (is_unique && pairs.len() <= 64 && query.len() <= 16 * 1024).then_some(pairs)
}

/// Whether the code in `query` may be exchanged: the state is the right one, and so is who answers.
fn is_right(query: &str, state: &str, rule: IssuerParameter) -> bool {
    let Some(pairs) = pairs(query.as_bytes()) else { return false };
    let value =
        |name: &str| pairs.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| &**value);
    let issuer = match (rule, value("iss")) {
        (IssuerParameter::Required, issuer) => issuer == Some(ISSUER),
        (IssuerParameter::Accepted, issuer) => issuer.is_none_or(|issuer| issuer == ISSUER),
        (_, issuer) => issuer.is_none(),
    };
    let code = value("code").is_some_and(|code| code.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    issuer && code && value("state") == Some(state) && value("error").is_none()
}

/// A value that is right more often than chance would have it, or nearly.
fn near(rng: &mut Rng, right: &str) -> String {
    match rng.u8(..20) {
        0..=11 => form_encoded(right),
        12 => right.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        13 => right[..right.len() - 1].to_owned(),
        14 => format!("{}%00", form_encoded(right)),
        15 => form_encoded(right).to_uppercase(),
        16 => format!("{}/", form_encoded(right)),
        17 => String::new(),
        18 => format!("{}%0d%0aSet-Cookie:x", form_encoded(right)),
        _ => form_encoded(&right.replace(|c: char| c.is_ascii_digit(), "0")),
    }
}

fn query(rng: &mut Rng, state: &str) -> String {
    let mut pairs = Vec::new();
    let mut push = |rng: &mut Rng, name: &str, value: String| {
        let name = match rng.u8(..24) {
            0 => name.to_uppercase(),
            1 => name.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            2 => format!("{name}[]"),
            _ => name.to_owned(),
        };
        pairs.push(match rng.u8(..32) {
            0 => name,
            1 => format!("{name}={value}={value}"),
            _ => format!("{name}={value}"),
        });
    };
    for (name, right, often) in [("state", state, 15), ("iss", ISSUER, 8), ("code", CODE, 15)] {
        if rng.u8(..16) < often {
            let value = near(rng, right);
            push(rng, name, value);
        }
        if rng.u8(..24) == 0 {
            let value = near(rng, right);
            push(rng, name, value);
        }
    }
    if rng.u8(..6) == 0 {
        let texts = [CODE, state, "access_denied", "login_required", "x%00%0d%0a", "%e2%80%ae", ""];
        let (code, description) = (texts[rng.usize(..7)], texts[rng.usize(..7)]);
        push(rng, "error", code.to_owned());
        push(rng, "error_description", format!("{description}+{}", state.get(..12).unwrap()));
    }
    for _ in 0..(if rng.u8(..40) == 0 { rng.usize(55..70) } else { rng.usize(..2) }) {
        let name = format!("x{}", rng.u32(..));
        let value = "%41".repeat(rng.usize(..300));
        push(rng, &name, value);
    }
    rng.shuffle(&mut pairs);
    let mut text = pairs.join(["&", "&", "&", "&&", "&=&"][rng.usize(..5)]);
    if rng.u8(..16) == 0 {
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..=text.len());
            let junk = ["%", "%2", "%zz", "%ff", "&", "=", "?", "#", " ", "\u{e4}", "\0", ";", "+"][rng.usize(..13)];
            if text.is_char_boundary(at) {
                text.insert_str(at, junk);
            }
        }
    }
    text
}

struct House {
    client: OAuthClient,
    asked: Arc<AtomicUsize>,
}

impl House {
    fn new(issuer: Option<&str>) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let http = HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, BoxError>(Response::new(Bytes::from_static(
                br#"{"access_token":"t","expires_in":60}"#,
            ))))
        }));
        let mut client = OAuthClient::builder("orders")
            .client_auth(ClientAuth::None)
            .authorization_endpoint("https://login.example.com/authorize")
            .token_endpoint("https://login.example.com/token")
            .http_client(http);
        if let Some(issuer) = issuer {
            client = client.issuer(issuer);
        }
        Self { client: client.build().unwrap(), asked }
    }
}

// THREAT-C1, THREAT-C3, THREAT-L2, THREAT-L3, R9207-2.4a, R9207-2.4b, R9207-2.4c, R6749-3.1b
#[tokio::test]
async fn no_query_of_a_browser_leads_to_a_token_request_unless_state_and_issuer_are_right() {
    let mut rng = Rng::with_seed(7);
    let houses = [House::new(Some(ISSUER)), House::new(None)];
    let mut exchanged = 0;
    for case in 0..CASES {
        let (house, rule) = match case % 3 {
            0 => (&houses[0], IssuerParameter::Accepted),
            1 => (&houses[0], IssuerParameter::Required),
            _ => (&houses[1], IssuerParameter::Unexpected),
        };
        let request = AuthorizationRequest::new(&house.client, CALLBACK).issuer_parameter(rule);
        let started = request.start().await.unwrap();
        let state = state(&started.url);
        let text = query(&mut rng, &state);
        // As a query, with its sign or without, or as the whole URI that a desktop hands over.
        let (callback, right) = match rng.u8(..8) {
            0 => {
                let base = [
                    CALLBACK,
                    "https://app.example.com/callbac",
                    "https://app.example.com.evil/callback",
                    "app:/callback",
                ];
                let base = base[rng.usize(..4)];
                let uri = format!("{base}?{text}{}", ["", "#", "#state=x"][rng.usize(..3)]);
                // What stands behind the first `#` is no query.
                let asked = uri.split_once('#').map_or(&*uri, |(uri, _)| uri).split_once('?').unwrap().1;
                (AuthorizationCallback::from_uri(&uri), base == CALLBACK && is_right(asked, &state, rule))
            }
            1 => (AuthorizationCallback::from_query(&format!("?{text}")), is_right(&text, &state, rule)),
            _ => {
                let asked = text.strip_prefix('?').unwrap_or(&text);
                (AuthorizationCallback::from_query(&text), is_right(asked, &state, rule))
            }
        };
        let result = match callback {
            Ok(callback) => {
                assert_eq!(leak(&format!("{callback:?}"), [&*state, CODE]), None);
                started.transaction.finish(&house.client, &callback).await
            }
            Err(error) => Err(error),
        };
        let asked = house.asked.swap(0, Ordering::Relaxed);
        assert_eq!((asked, result.is_ok()), (usize::from(right), right), "{rule:?} {text:?}: {result:?}");
        exchanged += asked;
        if let Err(error) = result {
            check(&error, &state, &text);
        }
    }
    assert!(exchanged > CASES / 20 && exchanged < CASES / 2, "{exchanged} of {CASES} were right");
}

fn check(error: &AuthorizationError, state: &str, query: &str) {
    assert_ne!(error.kind(), AuthorizationErrorKind::ExchangeFailed, "{query}");
    let shown = everything(error);
    // Only what stands where a code belongs can be known to be one.
    let brought = pairs(query.trim_start_matches('?').as_bytes()).unwrap_or_default();
    let code = brought.iter().any(|(name, value)| name == "code" && value == CODE).then_some(CODE);
    assert_eq!(leak(&shown, code.into_iter().chain([state])), None, "{query}: {shown}");
    let text = error.to_string();
    assert!(text.len() < 600 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
}

// THREAT-C1, THREAT-L3
#[test]
fn no_bytes_make_the_parser_of_callbacks_panic() {
    let mut rng = Rng::with_seed(8);
    for _ in 0..CASES {
        let bytes: Vec<u8> = (0..rng.usize(..60)).map(|_| b"%%&=+?#ab \xc3\xa4\x00\xff:/"[rng.usize(..16)]).collect();
        let text = String::from_utf8_lossy(&bytes);
        for callback in
            [AuthorizationCallback::from_query(&text), AuthorizationCallback::from_uri(&text)].into_iter().flatten()
        {
            assert_eq!(callback.key().is_some(), callback.param("state").is_some());
        }
        let asked = text.strip_prefix('?').unwrap_or(&text);
        assert_eq!(AuthorizationCallback::from_query(&text).is_ok(), pairs(asked.as_bytes()).is_some(), "{text:?}");
    }
    for size in [16 * 1024, 16 * 1024 + 1] {
        let query = format!("state={}", "x".repeat(size - 6));
        assert_eq!(AuthorizationCallback::from_query(&query).is_ok(), size == 16 * 1024, "{size}");
    }
    for count in [64, 65] {
        let query: String = (0..count).map(|number| format!("p{number}=1&")).collect();
        assert_eq!(AuthorizationCallback::from_query(&query).is_ok(), count == 64, "{count}");
    }
}
