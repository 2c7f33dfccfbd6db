//! The log of token requests.

use std::sync::{Arc, Mutex};

use tower_auth_core::{LoggedExchange, RequestLog, Token, TokenResponse};
use tower_auth_testing::TestClock;

use crate::script::{Script, json};
use crate::{acme, builder, connect, seconds};

const URL: &str = "https://login.acme.test/token";

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<LoggedExchange>>>);

impl Kept {
    fn log(&self) -> RequestLog {
        let own = Arc::clone(&self.0);
        RequestLog::new(move |exchange| own.lock().unwrap().push(exchange.clone()))
    }

    fn text(&self) -> String {
        let all = self.0.lock().unwrap();
        all.iter().map(|one| format!("{one}\n{one:?}\n")).collect()
    }
}

const FILE: &str = "kind = 'oauth2_code'\nauthorize_url = 'https://login.acme.test/authorize'\ntoken_url = 'https://login.acme.test/token'\n\
                    client_auth = 'body'\ntoken_params = { pin = '{pin}', tenant = '{tenant}' }\nrefresh_params = { pin = '{pin}', tenant = '{tenant}' }\n\
                    token_headers = { x-gateway = '{pin}' }\nresponse = { capture = [{ name = 'account', path = 'account', secret = true }] }\n\
                    [[auth.verify]]\nurl = '{base_url}/me'\n\
                    [[auth.fields]]\nname = 'pin'\nsecret = true\n[[auth.fields]]\nname = 'tenant'";

const GIVEN: &[(&str, &str)] =
    &[("client_id", "app-1"), ("client_secret", "sent1nel-secret"), ("pin", "sent1nel-pin"), ("tenant", "acme-eu")];

// SYS-U9, THREAT-L2
#[cfg(feature = "authorization-code")]
#[tokio::test]
async fn requests_and_answers_are_shown_with_every_secret_masked() {
    let time = TestClock::new();
    let head = "POST https://login.acme.test/token\ncontent-type: application/x-www-form-urlencoded\nx-gateway: sent1nel-pin\n";
    let first = r#"{"access_token":"sent1nel-access","token_type":"Bearer","expires_in":3600,"refresh_token":"sent1nel-refresh","id_token":"sent1nel-id","account":"sent1nel-account"}"#;
    let echo = r#"{"error":"invalid_grant","error_description":"sent1nel-refresh of sent1nel-secret with sent1nel-pin is no good","raw":"sent1nel-raw"}"#;
    let server = Script::new()
        .on(
            format!("{head}grant_type=authorization_code&client_id=app-1&client_secret=sent1nel-secret&code=sent1nel-code&redirect_uri=*&code_verifier=*&pin=sent1nel-pin&tenant=acme-eu"),
            json(200, first),
        )
        .on(
            "GET https://api.acme.test/me\nauthorization: Bearer sent1nel-access\n",
            json(403, r#"{"error":"denied","message":"sent1nel-access lacks rights"}"#),
        )
        .on(
            format!("{head}grant_type=refresh_token&client_id=app-1&client_secret=sent1nel-secret&refresh_token=sent1nel-refresh&pin=sent1nel-pin&tenant=acme-eu"),
            json(400, echo),
        );
    let kept = Kept::default();
    let connection = builder(&acme(FILE), GIVEN, &server, &time).request_log(kept.log()).build().unwrap();
    crate::sign_in(&connection, "code=sent1nel-code").await.1.unwrap();
    assert!(connection.verify().await.is_err());
    time.advance(seconds(3600)).await;
    assert!(connection.credential().await.is_err());

    let text = kept.text();
    assert!(!text.contains("sent1nel"), "{text}");
    let all = kept.0.lock().unwrap();
    assert_eq!(all.len(), 3);
    let (first, last) = (&all[0], &all[2]);
    assert_eq!((first.method.as_str(), first.url.as_str(), first.status), ("POST", URL, Some(200)));
    for part in [
        "grant_type=authorization_code",
        "code=[masked]",
        "client_secret=[masked]",
        "code_verifier=[masked]",
        "tenant=acme-eu",
    ] {
        assert!(first.request_body.contains(part), "{part} in {}", first.request_body);
    }
    assert!(first.request_headers.contains(&("x-gateway".to_owned(), "[masked]".to_owned())));
    assert!(first.response_body.contains(r#""expires_in":3600"#), "{}", first.response_body);
    assert_eq!(last.status, Some(400));
    assert!(
        last.response_body.contains("invalid_grant") && last.response_body.contains("is no good"),
        "{}",
        last.response_body
    );
    assert_eq!(last.at, time.now());
}

// SYS-U9
#[tokio::test]
async fn a_failure_to_connect_is_shown_and_nothing_is_without_a_log() {
    let file = acme(&format!("kind = 'oauth2_client_credentials'\ntoken_url = '{URL}'\nmethod = 'GET'"));
    let ask = format!("GET {URL}?grant_type=client_credentials&client_id=id&client_secret=sent1nel\n");
    let given = [("client_id", "id"), ("client_secret", "sent1nel")];
    let (kept, time) = (Kept::default(), TestClock::new());
    let server = Script::new().lose(ask.clone());
    let connection = builder(&file, &given, &server, &time).request_log(kept.log()).build().unwrap();
    assert!(connection.credential().await.is_err());
    {
        let all = kept.0.lock().unwrap();
        assert_eq!((all.len(), all[0].status), (1, None));
        assert_eq!(
            all[0].url,
            format!("{URL}?grant_type=client_credentials&client_id=[masked]&client_secret=[masked]")
        );
        assert!(all[0].response_body.contains("the connection was lost"));
    }
    let server = Script::new().lose(ask);
    assert!(connect(&file, &given, &server, &time).credential().await.is_err());
    assert_eq!(kept.0.lock().unwrap().len(), 1);
}

// SYS-U9, THREAT-L2
#[tokio::test]
async fn the_old_token_in_a_query_and_steps_with_sessions_are_masked() {
    let (kept, time) = (Kept::default(), TestClock::new());
    let file = acme(&format!(
        "kind = 'oauth2_code'\nauthorize_url = 'https://login.acme.test/a'\ntoken_url = '{URL}'\nmethod = 'GET'\nrefresh = 'by_access_token'\n\
         refresh_params = {{ access_token = '{{token}}' }}\nclient_auth = 'none'"
    ));
    let ask = format!("GET {URL}?grant_type=refresh_token&client_id=id&access_token=sent1nel-old\n");
    let echo = json(400, r#"{"error":{"message":"sent1nel-old has ended","code":"x"}}"#);
    let server = Script::new().on(ask, echo);
    let old = TokenResponse::new(Token::new("sent1nel-old").unwrap()).expires_in(seconds(60));
    let connection =
        builder(&file, &[("client_id", "id")], &server, &time).resume(old).request_log(kept.log()).build().unwrap();
    time.advance(seconds(60)).await;
    let error = connection.credential().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sent1nel"), "{error:?}");
    let text = kept.text();
    assert!(!text.contains("sent1nel") && text.contains("has ended"), "{text}");
}
