//! An emulated provider, as other processes and browsers see it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use serde_json::json as value;
use tower_auth_core::{ProviderSpec, ProviderValues};
use tower_auth_testing::{Account, OAuthProvider, OAuthProviderBuilder, RefreshPolicy, TestClock};

use support::loopback::{
    CALLBACK, authorize_params, authorize_url, decide, exchange, get, json, me, post, redirected, refresh, token,
    token_body,
};
use support::text;

async fn provider(options: impl FnOnce(OAuthProviderBuilder) -> OAuthProviderBuilder) -> OAuthProvider {
    let accounts = OAuthProvider::builder()
        .redirect_uri(CALLBACK)
        .account(Account::new("alice").name("Alice <Example>"))
        .account("bob");
    options(accounts).listen().await.unwrap()
}

#[tokio::test]
async fn a_person_signs_in_on_the_page_and_the_code_becomes_tokens() {
    let provider = provider(|builder| builder.scopes(["read", "write"])).await;
    let page = get(&authorize_url(&provider, "&scope=read&login_hint=bob"), None).await;
    assert_eq!(
        (page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()),
        (200, "text/html; charset=utf-8")
    );
    let html = String::from_utf8(page.body().to_vec()).unwrap();
    for part in [
        "<html lang=\"en\">",
        "<h1>Sign in to Emulated provider</h1>",
        "<li>read</li>",
        "<form method=\"post\" action=\"/authorize\">",
        "<input type=\"hidden\" name=\"state\" value=\"xyz\">",
        "<label for=\"account\">Account</label>",
        "<option value=\"alice\">Alice &lt;Example&gt;</option>",
        "<option value=\"bob\" selected>bob</option>",
        "<button name=\"decision\" value=\"allow\">Allow</button>",
        "<button name=\"decision\" value=\"deny\" formnovalidate>Deny</button>",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!((html.matches("<h1>").count(), html.contains("<script")), (1, false));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));

    let redirect = decide(&provider, "alice", "allow").await;
    assert_eq!(redirect.status(), 303);
    assert!(redirect.headers()["location"].to_str().unwrap().starts_with("http://127.0.0.1:7/callback?code="));
    assert_eq!(redirected(&redirect, "state").as_deref(), Some("xyz"));
    assert_eq!(redirected(&redirect, "iss"), Some(provider.url("").replace(':', "%3A").replace('/', "%2F")));

    let code = redirected(&redirect, "code").unwrap();
    let (status, tokens) = exchange(&provider, &code).await;
    assert_eq!((status.as_u16(), text(&tokens, "token_type")), (200, "Bearer"));
    let answer = me(&provider, text(&tokens, "access_token")).await;
    assert_eq!(json(&answer), value!({ "id": "alice", "name": "Alice <Example>", "scope": "read write" }));

    // A code is good once; its second use ends what came from the first.
    assert_eq!(text(&exchange(&provider, &code).await.1, "error"), "invalid_grant");
    let answer = me(&provider, text(&tokens, "access_token")).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    provider.shutdown().await;
}

#[tokio::test]
async fn a_denial_and_a_mistake_go_back_to_the_client() {
    let provider = provider(|builder| builder).await;
    let denied = decide(&provider, "alice", "deny").await;
    assert_eq!(redirected(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(redirected(&denied, "state").as_deref(), Some("xyz"));
    let url = authorize_url(&provider, "&prompt=none");
    assert_eq!(redirected(&get(&url, None).await, "error").as_deref(), Some("interaction_required"));
    let url = authorize_url(&provider, "").replace("S256", "plain");
    assert_eq!(redirected(&get(&url, None).await, "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn only_the_form_of_the_page_decides_and_only_for_a_known_account() {
    let provider = provider(|builder| builder).await;
    let in_url = get(&authorize_url(&provider, "&account=alice&decision=allow"), None).await;
    assert_eq!(in_url.status(), 200, "a link decides nothing");
    let posted = post(&authorize_url(&provider, "&account=alice&decision=allow"), "").await;
    assert_eq!(posted.status(), 200, "nor does a posted link");
    for (account, decision) in [("mallory", "allow"), ("alice", "perhaps"), ("", "allow")] {
        assert_eq!(decide(&provider, account, decision).await.status(), 200, "{account} {decision}");
    }
    assert_eq!(post(&provider.authorize_url(), &authorize_params(&provider)).await.status(), 200);
}

#[tokio::test]
async fn redirect_uris_are_compared_letter_by_letter_and_can_be_added() {
    let provider = provider(|builder| builder.auto_approve("bob")).await;
    let asked = |uri: &str| authorize_url(&provider, "").replace("http%3A%2F%2F127.0.0.1%3A7%2Fcallback", uri);
    for other in ["http%3A%2F%2F127.0.0.1%3A8%2Fcallback", "http%3A%2F%2F127.0.0.1%3A7%2Fcallback%2F"] {
        let refused = get(&asked(other), None).await;
        assert_eq!((refused.status().as_u16(), refused.headers().get("location")), (400, None), "{other}");
    }
    provider.add_redirect_uri("http://127.0.0.1:8/callback");
    assert_eq!(get(&asked("http%3A%2F%2F127.0.0.1%3A8%2Fcallback"), None).await.status(), 302);
}

#[tokio::test]
async fn a_code_without_its_verifier_is_worth_nothing() {
    let provider = provider(|builder| builder.auto_approve("bob")).await;
    for verifier in ["", "&code_verifier=0123456789012345678901234567890123456789012"] {
        let code = redirected(&get(&authorize_url(&provider, ""), None).await, "code").unwrap();
        let redirect = "redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback";
        let params = format!("grant_type=authorization_code&code={code}&{redirect}{verifier}");
        assert_eq!(text(&token(&provider, &params).await.1, "error"), "invalid_grant");
    }
}

#[tokio::test]
async fn the_api_knows_live_tokens_alone() {
    let time = TestClock::new();
    let provider = provider(|builder| builder.clock(time.clock()).access_lifetime(Duration::from_secs(60))).await;
    let (_, tokens) = token(&provider, "grant_type=client_credentials").await;
    assert_eq!(tokens["expires_in"], value!(60));
    let access = text(&tokens, "access_token");
    assert_eq!(text(&json(&me(&provider, access).await), "id"), provider.client_id());
    time.tick(Duration::from_secs(60));
    assert_eq!(me(&provider, access).await.status(), 401);
    assert_eq!(me(&provider, "never-issued").await.status(), 401);
    let bare = get(&provider.url("/api/me"), None).await;
    assert_eq!((bare.status().as_u16(), bare.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
}

#[tokio::test]
async fn revocation_ends_a_grant_from_either_side() {
    let provider = provider(|builder| builder).await;
    let issued = || async {
        let token = provider.issue_refresh_token("alice", "read".parse().unwrap());
        refresh(&provider, token.expose_secret()).await.1
    };
    let tokens = issued().await;
    let body = token_body(&provider, &format!("token={}", text(&tokens, "refresh_token")));
    assert_eq!(post(&provider.revoke_url(), &body).await.status(), 200);
    assert_eq!(me(&provider, text(&tokens, "access_token")).await.status(), 401);
    assert_eq!(text(&refresh(&provider, text(&tokens, "refresh_token")).await.1, "error"), "invalid_grant");

    let tokens = issued().await;
    let others = provider.issue_refresh_token("bob", "read".parse().unwrap());
    assert_eq!(provider.revoke_account("alice"), 1);
    assert_eq!(me(&provider, text(&tokens, "access_token")).await.status(), 401);
    assert_eq!(refresh(&provider, text(&tokens, "refresh_token")).await.0, 400);
    assert_eq!(refresh(&provider, others.expose_secret()).await.0, 200);
    assert_eq!(provider.report().families_revoked, 2);
}

#[tokio::test]
async fn refresh_tokens_may_be_absent_end_or_stay() {
    let without = provider(|builder| builder.auto_approve("bob").without_refresh_tokens()).await;
    let code = redirected(&get(&authorize_url(&without, ""), None).await, "code").unwrap();
    let (status, tokens) = exchange(&without, &code).await;
    assert_eq!((status.as_u16(), tokens.get("refresh_token")), (200, None));

    let time = TestClock::new();
    let ending = provider(|builder| builder.clock(time.clock()).refresh_lifetime(Duration::from_secs(600))).await;
    let first = ending.issue_refresh_token("bob", "read".parse().unwrap());
    let (_, tokens) = refresh(&ending, first.expose_secret()).await;
    assert_eq!(tokens["refresh_token_expires_in"], value!(600));
    time.tick(Duration::from_secs(600));
    assert_eq!(text(&refresh(&ending, text(&tokens, "refresh_token")).await.1, "error"), "invalid_grant");

    let stable = provider(|builder| builder.refresh_policy(RefreshPolicy::Keep)).await;
    let kept = stable.issue_refresh_token("bob", "read".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(refresh(&stable, kept.expose_secret()).await.0, 200);
    }
    let report = stable.report();
    assert_eq!((report.presentations, report.max_presentations, report.rotations, report.reuses), (3, 3, 0, 0));
}

#[tokio::test]
async fn the_description_leads_through_login_probe_renewal_and_revocation() {
    let provider = provider(|builder| builder.display_name("Acme \"CRM\"").reuse_grace(Duration::from_secs(30))).await;
    let spec = ProviderSpec::from_toml(&provider.provider_toml("acme")).unwrap();
    assert_eq!((spec.id(), spec.display_name()), ("acme", "Acme \"CRM\""));
    let values = ProviderValues::new()
        .env(|_| None)
        .value("client_id", provider.client_id())
        .value("client_secret", provider.client_secret().clone());
    let connection = spec.fill(&values).unwrap().connect().allow_loopback_http().build().unwrap();
    let login = connection.login(CALLBACK).unwrap();
    let started = login.start().await.unwrap();
    let (_, query) = started.url.split_once('?').unwrap();
    let redirect = post(&provider.authorize_url(), &format!("{query}&account=alice&decision=allow")).await;
    let location = redirect.headers()["location"].to_str().unwrap();
    let callback = login.callback(location.split_once('?').unwrap().1).unwrap();
    login.finish(started.transaction, &callback).await.unwrap();

    connection.verify().await.unwrap();
    let found = connection.probe().await.unwrap();
    let found = |name: &str| found[name].expose_secret().to_owned();
    assert_eq!((found("account_name"), found("account_id")), ("Alice <Example>".to_owned(), "alice".to_owned()));

    let tokens = connection.tokens().unwrap();
    let before = tokens.current().await.unwrap();
    tokens.invalidate(before.generation);
    connection.verify().await.unwrap();
    assert_eq!(provider.report().rotations, 1);

    assert!(connection.revoke().await.unwrap());
    assert_eq!(provider.report().revoked().count(), 1);
}

#[tokio::test]
async fn a_description_says_how_the_provider_rotates() {
    let rotating = provider(|builder| builder).await.provider_toml("a");
    assert!(rotating.contains("rotation = \"rotating\"") && !rotating.contains("reuse_grace"), "{rotating}");
    let stable = provider(|builder| builder.refresh_policy(RefreshPolicy::Repeat)).await.provider_toml("a");
    assert!(stable.contains("rotation = \"stable\""), "{stable}");
    ProviderSpec::from_toml(&stable).unwrap();
}

#[tokio::test]
async fn a_port_can_be_chosen_and_is_taken_once() {
    let first = provider(|builder| builder).await;
    let port = first.url("").rsplit(':').next().unwrap().parse().unwrap();
    let taken = OAuthProvider::builder().port(port).listen().await.unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    let wrong = OAuthProvider::builder().redirect_uri("/relative").listen().await.unwrap_err();
    assert_eq!(wrong.kind(), std::io::ErrorKind::InvalidInput);
}
