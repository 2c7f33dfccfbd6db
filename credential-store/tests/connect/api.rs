use http::{Method, Request};
use serde_json::json;
use tower_auth_core::Secret;
use tower_auth_store::{ConnectSession, NewConnection};
use tower_auth_testing::{Consent, Endpoint};

use crate::browser::{Answer, Browser};
use crate::database::{Database, on_both};
use crate::world::{CODE, ORIGIN, RETURN, SECRET, WRONG, World, owner, session};

on_both![
    metadata_says_what_each_method_needs,
    a_key_is_connected_in_one_call_and_never_comes_back,
    what_does_not_fit_is_told_by_field_and_what_is_refused_with_a_reason,
    a_login_begins_with_one_call_and_needs_no_other,
    somebody_elses_credential_answers_as_an_unknown_one_byte_for_byte,
    the_application_names_an_id_and_the_layer_attaches_that_credential,
    lists_come_in_parts,
    nobody_calls_without_a_session_and_one_for_a_reconnection_does_little,
    an_application_mounts_the_api_behind_its_own_authentication,
    too_many_attempts_and_providers_that_are_away_say_when_to_come_back,
    a_static_code_is_exchanged_once,
];

/// A program with the token of a session.
struct Program {
    browser: Browser,
    token: Secret,
}

impl Program {
    fn new(world: &World, session: ConnectSession) -> Self {
        Self { browser: world.browser(), token: world.connect.sign(&session).unwrap() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<serde_json::Value>) -> Answer {
        let path = format!("/connect/api{path}");
        let answer = self.browser.json(method, &path, Some(self.token.expose_secret()), body).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }
}

#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) -> serde_json::Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = answer.json();
    assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some(code), Some(u64::from(status))));
    problem
}

// SYS-C7, SYS-C8, SYS-V11, SYS-A10, SYS-L9
async fn metadata_says_what_each_method_needs(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    let all = program.get("/connectors").await.json();
    let ids: Vec<_> =
        all["connectors"].as_array().unwrap().iter().map(|own| own["connectorId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["acme", "grants", "keys", "other", "posted"]);
    let found = program.get("/connectors?search=orders%20ACME").await.json();
    assert_eq!(found["connectors"].as_array().unwrap().len(), 1);
    let one = program.get("/connectors/grants").await.json();
    assert_eq!((&one["environments"], &one["authenticationTypes"]), (&json!(["sandbox"]), &json!(["oauth2"])));
    let metadata = program.get("/connectors/grants/credentials/metadata").await.json();
    assert_eq!(metadata[0]["authenticationType"], "oauth2");
    assert_eq!((&metadata[0]["method"], &metadata[0]["needsRedirect"]), (&json!("machine"), &json!(false)));
    let schema = &metadata[0]["inputSchema"];
    assert_eq!(schema["required"], json!(["client_id", "client_secret", "tenant_id"]));
    let secret = &schema["properties"]["client_secret"];
    assert_eq!((&secret["writeOnly"], &secret["title"]), (&json!(true), &json!("Workflow secret")));
    assert_eq!(schema["properties"]["client_id"]["description"], "Column Id of the page API clients.");
    let acme = program.get("/connectors/acme/credentials/metadata").await.json();
    assert_eq!((&acme[0]["needsRedirect"], &acme[0]["inputSchema"]["properties"]), (&json!(true), &json!({})));
    problem(&program.get("/connectors/nothing").await, 404, "store.unknown_connector");
}

// SYS-C14, SYS-C9, SYS-V9, SYS-V12
async fn a_key_is_connected_in_one_call_and_never_comes_back(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    let key = world.keys.issue("alice");
    let body = json!({"connectorId": "keys", "authenticationType": "api_key", "fields": {"api_key": key.expose_secret()}, "label": "Mine"});
    let answer = program.post("/credentials", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let credential = answer.json();
    let id = credential["credentialId"].as_str().unwrap().to_owned();
    assert_eq!((&credential["label"], &credential["status"]), (&json!("Mine"), &json!("valid")));
    assert!(credential["createdAt"].as_str().unwrap().ends_with('Z'));
    answer.lacks(key.expose_secret());
    assert_eq!(program.get(&format!("/credentials/{id}")).await.json()["credentialId"], id);
    let tested = program.call(Method::POST, &format!("/credentials/{id}/test"), None).await;
    assert_eq!((tested.status, &tested.json()["status"]), (200, &json!("valid")));
    let change = json!({"label": "New", "logRequests": true});
    let changed = program.call(Method::PATCH, &format!("/credentials/{id}"), Some(change)).await.json();
    assert_eq!((&changed["label"], &changed["logRequests"]), (&json!("New"), &json!(true)));
    assert_eq!(program.get(&format!("/credentials/{id}/requests")).await.json(), json!({"requests": []}));
    let fresh = world.keys.rotate(&key).unwrap();
    // SYS-C17, SYS-C18
    let refused = program.call(Method::POST, &format!("/credentials/{id}/test"), None).await;
    let refused = problem(&refused, 409, "store.refused");
    assert_eq!(refused["needsReconnect"], true);
    let again = program
        .post(&format!("/credentials/{id}/reconnect"), json!({"fields": {"api_key": fresh.expose_secret()}}))
        .await;
    assert_eq!((again.status, again.json()["credentialId"].as_str()), (200, Some(id.as_str())));
    let revoked = program.call(Method::POST, &format!("/credentials/{id}/revoke"), None).await;
    assert_eq!(revoked.json()["status"], "revoked");
    problem(&program.call(Method::POST, &format!("/credentials/{id}/test"), None).await, 409, "store.revoked");
    let gone = program.call(Method::DELETE, &format!("/credentials/{id}"), None).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    problem(&program.get(&format!("/credentials/{id}")).await, 404, "store.not_found");
}

// SYS-C9, SYS-V9, SYS-V10
async fn what_does_not_fit_is_told_by_field_and_what_is_refused_with_a_reason(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    let create = async |body| program.post("/credentials", body).await;
    let answer = create(
        json!({"connectorId": "grants", "fields": {"client_secret": WRONG, "evil": true, "more": 7}, "label": "a\nb"}),
    )
    .await;
    let told = problem(&answer, 422, "store.invalid");
    let fields: Vec<_> = told["errors"].as_array().unwrap().iter().map(|own| own["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["evil", "more", "client_id", "tenant_id", "label"], "{}", answer.text);
    let answer = create(json!({"connectorId": "grants", "fields": {}})).await;
    assert_eq!(problem(&answer, 422, "store.invalid")["errors"].as_array().unwrap().len(), 3);
    assert!(world.asked.lock().unwrap().is_empty());
    let answer = create(json!({"connectorId": "keys", "fields": {"api_key": WRONG}})).await;
    answer.lacks(WRONG);
    problem(&answer, 422, "store.refused");
    let fields = json!({"client_id": "wrong", "client_secret": WRONG, "tenant_id": "t"});
    let answer = create(json!({"connectorId": "grants", "fields": fields})).await;
    assert_eq!(problem(&answer, 422, "store.misconfigured")["reason"], "invalid_client");
    for (body, field) in [
        (json!({"connectorId": "nothing"}), "connectorId"),
        (json!({"connectorId": "keys", "method": "nothing"}), "method"),
        (json!({"connectorId": "keys", "authenticationType": "oauth2"}), "authenticationType"),
        (json!({"connectorId": "acme"}), "redirectUri"),
        (json!({"connectorId": "acme", "redirectUri": "https://evil.test/"}), "redirectUri"),
    ] {
        let answer = create(body).await;
        assert_eq!(problem(&answer, 422, "store.invalid")["errors"][0]["field"], field);
    }
    // What is no such body is not repeated.
    for body in [
        json!({"connectorId": [WRONG]}),
        json!([WRONG]),
        json!({"connectorId": "keys", "fields": {"api_key": {"x": WRONG}}}),
    ] {
        let answer = create(body).await;
        answer.lacks(WRONG);
        problem(&answer, 400, "connect.bad_request");
    }
    let long = json!({"connectorId": "keys", "fields": {"api_key": "x".repeat(70 * 1024)}});
    problem(&create(long).await, 413, "connect.too_large");
    problem(&program.get("/credentials?status=fine").await, 422, "store.invalid");
    problem(&program.get("/credentials?limit=x").await, 400, "connect.bad_request");
    problem(&program.get("/credentials?after=x").await, 422, "store.invalid");
    problem(&program.get("/nothing").await, 404, "connect.no_such_path");
    problem(&program.call(Method::PUT, "/credentials", None).await, 405, "connect.wrong_method");
}

// SYS-C10, SYS-C11, SYS-C12
async fn a_login_begins_with_one_call_and_needs_no_other(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    let body = json!({"connectorId": "acme", "authenticationType": "oauth2", "redirectUri": RETURN, "label": "Mine"});
    let answer = program.post("/credentials", body.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let url = answer.json()["oauthUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://app.test/connect/go/"), "{url}");
    let browser = world.browser();
    let to = browser.get(&url).await;
    assert_eq!((to.status, &to.headers["referrer-policy"].to_str().unwrap()), (303, &"no-referrer"));
    let back =
        world.acme.server().decide(&to.location(), &Consent::approve().subject("alice")).unwrap().location().to_owned();
    // In another browser it is nobody's answer.
    assert_eq!(world.browser().get(&back).await.status, 403);
    let done = browser.get(&back).await;
    let id = program.get("/credentials").await.json()["credentials"][0]["credentialId"].as_str().unwrap().to_owned();
    assert_eq!((done.status, done.location()), (303, format!("{RETURN}&credentialId={id}")));
    // A link leads once.
    assert_eq!(world.browser().get(&url).await.status, 401);
    assert_eq!(world.browser_elsewhere().get(&url).await.status, 401);
    assert_eq!(world.browser().get("/connect/go/AAAA").await.status, 401);
    let answer = program.post(&format!("/credentials/{id}/reconnect"), json!({"redirectUri": RETURN})).await.json();
    let to = browser.get(answer["oauthUrl"].as_str().unwrap()).await.location();
    let back = world.acme.server().deny(&to).unwrap().location().to_owned();
    assert_eq!(browser.get(&back).await.location(), format!("{RETURN}&error=denied"));
    let answer = program.post("/credentials", body).await.json();
    let to = browser.get(answer["oauthUrl"].as_str().unwrap()).await.location();
    let back = world.acme.server().decide(&to, &Consent::error("server_error")).unwrap().location().to_owned();
    assert_eq!(
        browser.get(&back).await.location(),
        format!("{RETURN}&error=provider_error&providerError=server_error")
    );
    assert!(world.acme.request_count(Endpoint::Token) == 1);
}

// SYS-C20, THREAT-S5
async fn somebody_elses_credential_answers_as_an_unknown_one_byte_for_byte(database: Database) {
    let world = World::new(&database).await;
    let key = world.keys.issue("alice");
    let new = NewConnection::new("keys").value("api_key", key.expose_secret());
    let info = world.store.create(&owner("alice"), new).await.unwrap();
    let unknown = tower_auth_store::CredentialId::generate().unwrap();
    let mallory = Program::new(&world, session("mallory"));
    let tenant = Program::new(&world, ConnectSession::new(owner("alice").in_tenant("other").unwrap()));
    let narrow = Program::new(&world, session("alice").connectors(["acme"]));
    let calls = [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({"label": "x", "logRequests": true}))),
        (Method::DELETE, "", None),
        (Method::POST, "/test", None),
        (Method::POST, "/revoke", None),
        (Method::POST, "/reconnect", Some(json!({"fields": {"api_key": key.expose_secret()}}))),
        (Method::GET, "/requests", None),
    ];
    for (method, path, body) in calls {
        for program in [&mallory, &tenant, &narrow] {
            let foreign = program.call(method.clone(), &format!("/credentials/{}{path}", info.id), body.clone()).await;
            problem(&foreign, 404, "store.not_found");
            for other in [unknown.to_string(), "cred_x".to_owned(), "%2E%2E%2F".to_owned()] {
                let answer = program.call(method.clone(), &format!("/credentials/{other}{path}"), body.clone()).await;
                assert_eq!(
                    (&foreign.headers, &foreign.text),
                    (&answer.headers, &answer.text),
                    "{method} {path} {other}"
                );
            }
        }
    }
    let denied = world.audited(info.id).await.iter().filter(|(_, result)| result == "ownership_denied").count();
    assert_eq!(denied, 14);
    assert_eq!(world.audited(unknown).await.iter().filter(|(_, result)| result == "not_found").count(), 21);
    assert!(mallory.get("/credentials").await.json()["credentials"].as_array().unwrap().is_empty());
    assert!(narrow.get("/credentials").await.json()["credentials"].as_array().unwrap().is_empty());
    problem(&narrow.get("/connectors/keys").await, 404, "store.unknown_connector");
    problem(&narrow.post("/credentials", json!({"connectorId": "keys"})).await, 422, "store.invalid");
    assert_eq!(world.store.get(&owner("alice"), info.id).await.unwrap().status.as_str(), "valid");
}

// SYS-C15, SYS-C16, SYS-C3
async fn the_application_names_an_id_and_the_layer_attaches_that_credential(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    let keys = [world.keys.issue("alice"), world.keys.issue("alice")];
    for key in &keys {
        let body = json!({"connectorId": "keys", "fields": {"api_key": key.expose_secret()}});
        let id = program.post("/credentials", body).await.json()["credentialId"].as_str().unwrap().parse().unwrap();
        let current = world.store.tokens(&owner("alice"), id).unwrap().current().await.unwrap();
        let mut request = Request::get("https://api.test/").body(()).unwrap();
        current.credential.apply(&mut request).unwrap();
        assert!(request.headers().values().any(|own| own.to_str().unwrap().contains(key.expose_secret())));
    }
}

// SYS-C21, SYS-C22
async fn lists_come_in_parts(database: Database) {
    let world = World::new(&database).await;
    let program = Program::new(&world, session("alice"));
    for _ in 0..5 {
        let key = world.keys.issue("alice");
        world
            .store
            .create(&owner("alice"), NewConnection::new("keys").value("api_key", key.expose_secret()))
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut path = "/credentials?connector=keys&status=valid&limit=2".to_owned();
    loop {
        let page = program.get(&path).await.json();
        seen.extend(page["credentials"].as_array().unwrap().iter().map(|own| own["credentialId"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/credentials?connector=keys&limit=2&after={}", crate::browser::encode(next));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    assert!(program.get("/credentials?connector=acme").await.json()["credentials"].as_array().unwrap().is_empty());
}

async fn nobody_calls_without_a_session_and_one_for_a_reconnection_does_little(database: Database) {
    let world = World::new(&database).await;
    let browser = world.browser();
    for token in [None, Some("x"), Some("")] {
        let answer = browser.json(Method::GET, "/connect/api/credentials", token, None).await;
        problem(&answer, 401, "connect.unauthenticated");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let token = world.connect.sign(&session("alice")).unwrap();
    let twice = Request::get("/connect/api/credentials")
        .header("authorization", format!("Bearer {}", token.expose_secret()))
        .header("authorization", "Bearer x");
    assert_eq!(browser.send(twice, String::new()).await.status, 401);
    let short = world.connect.sign(&session("alice").lifetime(std::time::Duration::from_millis(1))).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let answer = browser.json(Method::GET, "/connect/api/credentials", Some(short.expose_secret()), None).await;
    assert_eq!(answer.status, 401);
    let key = world.keys.issue("alice");
    let new = NewConnection::new("keys").value("api_key", key.expose_secret());
    let info = world.store.create(&owner("alice"), new).await.unwrap();
    let program = Program::new(&world, session("alice").reconnect(info.id));
    let path = format!("/credentials/{}", info.id);
    assert_eq!(program.get(&path).await.status, 200);
    problem(&program.get("/credentials").await, 403, "connect.not_allowed");
    problem(&program.call(Method::DELETE, &path, None).await, 403, "connect.not_allowed");
    problem(&program.post("/credentials", json!({"connectorId": "keys"})).await, 403, "connect.not_allowed");
    let fields = json!({"fields": {"api_key": key.expose_secret()}});
    assert_eq!(program.post(&format!("{path}/reconnect"), fields).await.status, 200);
}

async fn an_application_mounts_the_api_behind_its_own_authentication(database: Database) {
    let world = World::new(&database).await;
    let api = world.connect.api_for(|parts| {
        let cookie = parts.headers.get("cookie")?.to_str().ok()?;
        owner(cookie.strip_prefix("user=")?).into()
    });
    let browser = Browser::new(axum::Router::new().nest("/v1", api), std::sync::Arc::clone(&world.heard));
    let send = async |request: http::request::Builder, body: &str| browser.send(request, body.to_owned()).await;
    problem(&send(Request::get("/v1/credentials"), "").await, 401, "connect.unauthenticated");
    let alice = |method: &str, path: &str| {
        Request::builder().method(method).uri(format!("/v1{path}")).header("cookie", "user=alice")
    };
    assert_eq!(send(alice("GET", "/credentials"), "").await.status, 200);
    let key = world.keys.issue("alice");
    let body = json!({"connectorId": "keys", "fields": {"api_key": key.expose_secret()}}).to_string();
    // What a page of another site can send.
    for forged in [
        alice("POST", "/credentials"),
        alice("POST", "/credentials").header("content-type", "text/plain"),
        alice("POST", "/credentials").header("content-type", "application/json").header("sec-fetch-site", "cross-site"),
        alice("POST", "/credentials").header("content-type", "application/json").header("sec-fetch-site", "same-site"),
    ] {
        problem(&send(forged, &body).await, 403, "connect.cross_site");
    }
    let own = alice("POST", "/credentials").header("content-type", "application/json; charset=utf-8");
    let answer = send(own.header("sec-fetch-site", "same-origin"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = json!({"connectorId": "acme", "redirectUri": RETURN}).to_string();
    let answer = send(alice("POST", "/credentials").header("content-type", "application/json"), &body).await;
    assert!(answer.json()["oauthUrl"].as_str().unwrap().starts_with(&format!("{ORIGIN}/connect/go/")));
}

async fn too_many_attempts_and_providers_that_are_away_say_when_to_come_back(database: Database) {
    let world = World::with(&database, |connect| connect.limit_attempts(1, std::time::Duration::from_secs(60))).await;
    let program = Program::new(&world, session("alice"));
    world.keys.fault(tower_auth_testing::Fault::status(http::StatusCode::SERVICE_UNAVAILABLE).times(9));
    let body = json!({"connectorId": "keys", "fields": {"api_key": WRONG}});
    let answer = program.post("/credentials", body.clone()).await;
    problem(&answer, 503, "store.provider_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    let answer = program.post("/credentials", body).await;
    problem(&answer, 429, "connect.too_many_attempts");
    assert_eq!(answer.headers["retry-after"], "60");
}

// SYS-U4
async fn a_static_code_is_exchanged_once(database: Database) {
    let world = World::with_client(&database).await;
    let program = Program::new(&world, session("alice"));
    let body = json!({"connectorId": "grants", "method": "code", "fields": {"code": CODE}});
    let answer = program.post("/credentials", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let credential = answer.json();
    assert_eq!((&credential["renews"], credential["expiresAt"].is_string()), (&json!(false), true));
    let id = credential["credentialId"].as_str().unwrap();
    assert_eq!(program.call(Method::POST, &format!("/credentials/{id}/test"), None).await.status, 200);
    let asked = world.asked.lock().unwrap().clone();
    assert_eq!((asked.len(), asked[0].contains(CODE), asked[0].contains(SECRET)), (1, true, true));
}
