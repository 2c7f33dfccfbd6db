use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_auth_testing::{AuthorizationServer, Endpoint, ListeningServer, TestClient};

use crate::support::{Outcome, Reply, Run, Running, Seen, Server, browse, scratch_file};

const SECRET: &str = "client-secret-sentinel";

/// A provider with a login, and its API.
struct Acme {
    login: AuthorizationServer,
    listening: ListeningServer,
    api: Server,
    /// Tokens that the API refuses, and those that it never answers.
    dead: Arc<Mutex<HashSet<String>>>,
    silent: Arc<Mutex<bool>>,
    file: PathBuf,
    states: PathBuf,
}

fn token(seen: &Seen) -> String {
    seen.header("authorization").trim_start_matches("Bearer ").to_owned()
}

impl Acme {
    async fn start() -> Self {
        Self::of(TestClient::new("app", SECRET)).await
    }

    async fn of(client: TestClient) -> Self {
        let client = client.redirect_uri("http://127.0.0.1/callback");
        let login = AuthorizationServer::builder().client_with(client).build().unwrap();
        let listening = login.listen().await.unwrap();
        let (dead, silent) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(Mutex::new(false)));
        let (refused, hanging) = (Arc::clone(&dead), Arc::clone(&silent));
        let api = Server::start(move |seen| match token(seen) {
            none if none.is_empty() || refused.lock().unwrap().contains(&none) => Reply::json(401, "{}"),
            _ if *hanging.lock().unwrap() => Reply::json(200, "{}").after(Duration::from_secs(60)),
            _ => Reply::json(200, json!({ "path": seen.path })),
        })
        .await;
        let text = format!(
            "id = \"acme\"\ndisplay_name = \"Acme\"\nbase_url = \"{}\"\n[[auth]]\nkind = \"oauth2_code\"\n\
             authorize_url = \"{}\"\ntoken_url = \"{}\"\nrevoke_url = \"{}\"\n\
             device_url = \"{}\"\nissuer = \"{}\"\n",
            api.origin,
            login.authorization_url(),
            login.token_url(),
            login.revocation_url(),
            login.device_authorization_url(),
            login.issuer()
        );
        let file = scratch_file("acme.toml", &text);
        let states = file.parent().unwrap().join("state");
        Self { login, listening, api, dead, silent, file, states }
    }

    fn run(&self, args: &[&str]) -> Run {
        let site = self.listening.url("");
        Run::with(&self.file)
            .env("ACME__CLIENT_ID", "app")
            .env("ACME__CLIENT_SECRET", SECRET)
            .env("XDG_STATE_HOME", self.states.to_str().unwrap())
            .allow(&self.api)
            .args(&["--allow-plaintext", site.trim_end_matches('/')])
            .args(args)
    }

    /// Signs in as a person with a browser does.
    async fn sign_in(&self, args: &[&str]) -> Outcome {
        let mut running = self.run(&["--login", "--no-browser"]).args(args).start("").await;
        let url = running.line("sign in here: ").await;
        browse(self.login.approve(&url).unwrap().location()).await;
        running.end().await
    }

    /// The file with the tokens.
    fn state(&self) -> PathBuf {
        let mut files: Vec<_> = fs::read_dir(self.states.join("tower-auth-fetch"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    fn kept(&self, name: &str) -> String {
        let text = fs::read_to_string(self.state()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[name].as_str().unwrap().to_owned()
    }

    fn refuse_newest(&self) -> String {
        let newest = self.kept("access_token");
        self.dead.lock().unwrap().insert(newest.clone());
        newest
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

// SYS-U2
#[tokio::test(flavor = "multi_thread")]
async fn a_login_serves_the_runs_after_it() {
    let acme = Acme::start().await;
    let before = acme.run(&["/x"]).run().await;
    assert!(before.failure(3).contains("nobody has signed in to Acme yet"), "{}", before.err);
    assert!(before.err.contains("then     sign in again with --login"), "{}", before.err);
    let outcome = acme.sign_in(&["/x"]).await;
    assert_eq!(outcome.success(), "{\"path\":\"/x\"}\n");
    assert!(outcome.err.contains("fetch: signed in to Acme\n"), "{}", outcome.err);
    assert_eq!((mode(&acme.state()), mode(acme.state().parent().unwrap())), (0o600, 0o700));
    assert_eq!(acme.run(&["/y"]).run().await.success(), "{\"path\":\"/y\"}\n");
    let sent: Vec<_> = acme.api.seen().iter().map(token).collect();
    assert_eq!(sent, [acme.kept("access_token"), acme.kept("access_token")]);
    assert_eq!(acme.login.token_requests(), 1);
    // Other values are another login.
    let other = acme.run(&["/x"]).env("ACME__CLIENT_ID", "other").run().await;
    other.failure(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_says_so_and_keeps_nothing() {
    let acme = Acme::start().await;
    let mut running = acme.run(&["--login", "--no-browser"]).start("").await;
    let url = running.line("sign in here: ").await;
    browse(acme.login.deny(&url).unwrap().location()).await;
    let outcome = running.end().await;
    assert!(outcome.failure(3).contains("nobody is signed in to Acme: "), "{}", outcome.err);
    assert!(outcome.err.contains("access_denied"), "{}", outcome.err);
    let late = acme.run(&["--login", "--no-browser", "--login-timeout", "50ms"]).run().await;
    assert!(late.failure(3).contains("nobody came back from the login within 50ms"), "{}", late.err);
    assert_eq!(acme.login.token_requests(), 0);
}

// SYS-R3
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_refresh_token_is_on_the_disk_before_its_token_is_used() {
    let acme = Acme::start().await;
    acme.sign_in(&[]).await.success();
    let first = acme.refuse_newest();
    *acme.silent.lock().unwrap() = true;
    let running = acme.run(&["/x"]).start("").await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while !acme.api.seen().iter().any(|seen| token(seen) != first) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    // The new token has been sent, and nothing more is done.
    running.kill().await;
    assert_ne!(acme.kept("access_token"), first);
    *acme.silent.lock().unwrap() = false;
    acme.refuse_newest();
    acme.run(&["/x"]).run().await.success();
    assert_eq!((acme.login.token_requests(), acme.login.max_presentations()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_once_spend_a_refresh_token_once() {
    let acme = Acme::start().await;
    acme.sign_in(&[]).await.success();
    acme.refuse_newest();
    let runs: Vec<_> = (0..4).map(|_| tokio::spawn(acme.run(&["/x"]).run())).collect();
    for run in runs {
        run.await.unwrap().success();
    }
    assert_eq!((acme.login.token_requests(), acme.login.max_presentations()), (2, 1));
}

// SYS-V12
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_others_can_read_are_not_used() {
    let acme = Acme::start().await;
    acme.sign_in(&[]).await.success();
    let state = acme.state();
    for (path, open, closed) in [(state.as_path(), 0o640, 0o600), (state.parent().unwrap(), 0o755, 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
        let outcome = acme.run(&["/x"]).run().await;
        assert!(outcome.failure(2).contains(&format!("(mode {open:03o})")), "{}", outcome.err);
        fs::set_permissions(path, fs::Permissions::from_mode(closed)).unwrap();
    }
    assert!(acme.api.seen().is_empty());
    acme.run(&["/x"]).run().await.success();
    fs::write(&state, "{}").unwrap();
    let broken = acme.run(&["/x"]).run().await;
    assert!(broken.failure(2).contains("the kept tokens cannot be read"), "{}", broken.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_may_be_named() {
    let acme = Acme::start().await;
    let path = acme.file.with_file_name("mine.json");
    acme.sign_in(&["--state", path.to_str().unwrap()]).await.success();
    assert_eq!((mode(&path), acme.states.exists()), (0o600, false));
    acme.run(&["--state", path.to_str().unwrap(), "/x"]).run().await.success();
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_revokes_and_removes_and_says_which_worked() {
    let acme = Acme::start().await;
    acme.sign_in(&[]).await.success();
    let (state, refresh_token) = (acme.state(), acme.kept("refresh_token"));
    let outcome = acme.run(&["--logout"]).run().await;
    outcome.success();
    assert_eq!(outcome.err, format!("fetch: Acme has revoked the tokens\nfetch: removed {}\n", state.display()));
    let requests = acme.login.requests();
    let revoked = requests.iter().find(|request| request.endpoint() == Endpoint::Revocation).unwrap();
    assert_eq!(revoked.param("token"), Some(refresh_token.as_str()));
    assert!(!state.exists());
    assert_eq!(acme.run(&["--logout"]).run().await.err, "fetch: nobody is signed in to Acme\n");
    // A provider that is not there: the tokens are removed all the same.
    acme.sign_in(&[]).await.success();
    let outcome = acme.run(&["--logout"]).env("ACME__REVOKE_URL", "https://127.0.0.1:1/revoke").run().await;
    assert!(outcome.failure(1).contains("Acme has not revoked the tokens: "), "{}", outcome.err);
    assert!(outcome.err.contains("removed ") && !state.exists());
}

// SYS-U9, SYS-V12
#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_has_no_secret() {
    let acme = Acme::start().await;
    let mut running = acme.run(&["--login", "--no-browser", "--explain"]).start("").await;
    let url = running.line("sign in here: ").await;
    let redirect = acme.login.approve(&url).unwrap();
    browse(redirect.location()).await;
    let signed_in = running.end().await;
    signed_in.success();
    acme.refuse_newest();
    let refreshed = acme.run(&["--explain", "/x"]).run().await;
    refreshed.success();
    let failed = acme.run(&["--explain", "--logout"]).env("ACME__CLIENT_SECRET", "wrong-secret-sentinel").run().await;
    failed.failure(1);
    for (outcome, marks) in [
        (&signed_in, &["grant_type=authorization_code", "code=[masked]", "code_verifier=[masked]", "< 200 after "][..]),
        (
            &refreshed,
            &["grant_type=refresh_token", "refresh_token=[masked]", "\"access_token\":\"[masked]\"", "\"expires_in\":"],
        ),
        (
            &failed,
            &["/revoke", "token=[masked]", "client_secret=[masked]", "< 401 after ", "\"error\":\"invalid_client\""],
        ),
    ] {
        for mark in marks {
            assert!(outcome.err.contains(mark), "{mark} in {}", outcome.err);
        }
    }
    let sent: Vec<String> = acme.api.seen().iter().map(token).collect();
    let requests = acme.login.requests();
    let params = requests.iter().filter(|request| request.endpoint() != Endpoint::Authorization);
    let params = params.flat_map(|request| request.params().to_vec());
    let secrets = params
        .filter(|(name, _)| !["grant_type", "client_id", "redirect_uri", "token_type_hint"].contains(&name.as_str()));
    let secrets: Vec<_> =
        secrets.map(|(_, value)| value).chain(sent).chain([redirect.code().unwrap().to_owned()]).collect();
    assert!(secrets.len() > 8 && secrets.iter().any(|secret| secret == SECRET), "{secrets:?}");
    for outcome in [&signed_in, &refreshed, &failed] {
        for secret in &secrets {
            assert!(
                !outcome.err.contains(secret.as_str()) && !outcome.out.contains(secret.as_str()),
                "{secret}: {outcome:#?}"
            );
        }
    }
    // Off by default.
    assert!(!acme.sign_in(&[]).await.err.contains("POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_may_be_entered_elsewhere() {
    let acme = Acme::start().await;
    let mut running = acme.run(&["--device", "/x"]).start("").await;
    let mut line = running.line("fetch: ").await;
    let code = loop {
        let words: Vec<_> = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        if let Some(code) = words.iter().find(|word| acme.login.approve_device(word)) {
            break (*code).to_owned();
        }
        line = running.line("fetch: ").await;
    };
    let outcome = running.end().await;
    assert_eq!(outcome.success(), "{\"path\":\"/x\"}\n", "{code}");
    acme.run(&["/x"]).run().await.success();
    acme.refuse_newest();
    acme.run(&["/x"]).run().await.success();
    assert_eq!(acme.login.max_presentations(), 1);
}

/// Parameters of a URL or form, as they stand there.
fn param(text: &str, name: &str) -> String {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).replace("%3A", ":").replace("%2F", "/")
}

// SYS-U2
#[tokio::test(flavor = "multi_thread")]
async fn a_description_may_rename_the_code_and_keep_more_of_the_answer() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/token" if seen.body.contains("code=the-code") => Reply::json(
            200,
            json!({ "access_token": "t0", "token_type": "bearer", "expires_in": 3600, "refresh_token": "r0" }),
        ),
        "/token" => Reply::json(400, "{}"),
        _ => Reply::json(200, json!([seen.path, seen.header("authorization")])),
    })
    .await;
    let text = format!(
        "id = \"books\"\nbase_url = \"{0}/v3/{{realm_id}}\"\n[[auth]]\nkind = \"oauth2_code\"\n\
         authorize_url = \"https://login.test/authorize\"\ntoken_url = \"{0}/token\"\n\
         callback = {{ code_param = \"books_code\", capture = [{{ name = \"realm_id\", param = \"realmId\" }}] }}\n",
        server.origin
    );
    let file = scratch_file("books.toml", &text);
    let states = file.with_file_name("state");
    let run = |args: &[&str]| {
        Run::with(&file)
            .env("BOOKS__CLIENT_ID", "app")
            .env("BOOKS__CLIENT_SECRET", SECRET)
            .env("XDG_STATE_HOME", states.to_str().unwrap())
            .allow(&server)
            .args(args)
    };
    let login = ["--login", "--no-browser", "--redirect-uri", "http://localhost:0/back", "/me"];
    let mut running: Running = run(&login).start("").await;
    let url = running.line("sign in here: ").await;
    let back = param(&url, "redirect_uri");
    assert!(back.starts_with("http://localhost:") && back.ends_with("/back"), "{back}");
    let answer = format!("{back}?books_code=the-code&state={}&realmId=77", param(&url, "state"));
    browse(&answer).await;
    let outcome = running.end().await;
    assert_eq!(outcome.success(), "[\"/v3/77/me\",\"Bearer t0\"]\n");
    // The captured value is kept with the tokens.
    assert_eq!(run(&["/me"]).run().await.success(), "[\"/v3/77/me\",\"Bearer t0\"]\n");
    assert_eq!(server.token_requests().len(), 1);
}

// SYS-U4, SYS-U11
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_typed_in_is_exchanged_once() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/token" if seen.body.contains("code=typed-code-sentinel") => {
            Reply::json(200, json!({ "access_token": "t0-sentinel", "token_type": "bearer", "expires_in": 3600 }))
        }
        "/token" => Reply::json(400, json!({ "error": "invalid_grant", "error_description": "no such code" })),
        _ => Reply::json(200, "{}"),
    })
    .await;
    let text = format!(
        "id = \"typed\"\ndisplay_name = \"Typed\"\nbase_url = \"{0}\"\n[[auth]]\nkind = \"oauth2_static_code\"\ntoken_url = \"{0}/token\"\n",
        server.origin
    );
    let file = scratch_file("typed.toml", &text);
    let states = file.with_file_name("state");
    let run = |args: &[&str]| {
        Run::with(&file)
            .env("TYPED__CLIENT_ID", "app")
            .env("TYPED__CLIENT_SECRET", SECRET)
            .env("XDG_STATE_HOME", states.to_str().unwrap())
            .allow(&server)
            .args(args)
    };
    let missing = run(&["/x"]).run().await;
    assert!(missing.failure(2).contains("set TYPED__CODE"), "{}", missing.err);
    let wrong = run(&["--login"]).start("wrong-code-sentinel\n").await.end().await;
    assert!(wrong.failure(3).contains("invalid_grant") && !wrong.err.contains("wrong-code-sentinel"), "{}", wrong.err);
    assert_eq!(server.token_requests().len(), 1);
    let right = run(&["--login", "--token", "/x"]).start("typed-code-sentinel\n").await.end().await;
    assert!(right.success().contains("kind: Bearer") && right.err.contains("signed in to Typed"), "{right:#?}");
    assert!(right.err.contains("--login is needed again then"), "{}", right.err);
    // A second run has the token, also when the code is still at hand.
    run(&["/x"]).run().await.success();
    run(&["/x"]).env("TYPED__CODE", "typed-code-sentinel").run().await.success();
    assert_eq!(server.token_requests().len(), 2);
    for outcome in [&wrong, &right] {
        assert!(!outcome.err.contains("sentinel") && !outcome.out.contains("sentinel"), "{outcome:#?}");
    }
    let nothing = run(&["--login"]).start("\n").await.end().await;
    assert!(nothing.failure(2).contains("nothing was typed in"), "{}", nothing.err);
}

// SYS-U12
#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_go_in_any_header_with_a_text_around_it() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/token" => Reply::json(200, json!({ "access_token": "t0", "token_type": "bearer" })),
        _ => Reply::json(200, json!([seen.header("x-auth"), seen.header("authorization")])),
    })
    .await;
    let text = format!(
        "id = \"k\"\nbase_url = \"{0}\"\n[[auth]]\nkind = \"oauth2_client_credentials\"\ntoken_url = \"{0}/token\"\n\
         placement = [{{ header = \"x-auth\", value = \"Token {{token}}\" }}]\n",
        server.origin
    );
    let run =
        Run::with_text(&text).env("K__CLIENT_ID", "i").env("K__CLIENT_SECRET", SECRET).allow(&server).args(&["/x"]);
    assert_eq!(run.run().await.success(), "[\"Token t0\",\"\"]\n");
    let pair = STANDARD.encode(format!("i:{SECRET}"));
    assert!(server.seen().iter().all(|seen| !seen.header("authorization").contains(&pair)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_must_sign_in_can() {
    let outcome = Run::with("providers/alloy.toml")
        .env("ALLOY__CLIENT_ID", "i")
        .env("ALLOY__CLIENT_SECRET", "s")
        .env("ALLOY__BASE_URL", "https://a.test")
        .args(&["--login"])
        .run()
        .await;
    assert!(outcome.failure(2).contains("needs nobody to sign in"), "{}", outcome.err);
    // A name of the catalogue.
    let outcome = Run::with("quickbooks").args(&["--login"]).run().await;
    assert!(outcome.failure(2).contains("set QUICKBOOKS__CLIENT_ID"), "{}", outcome.err);
    let folder = scratch_file("mine.toml", "id = \"mine\"\n[[auth]]\nkind = \"api_key\"\n");
    let folder = folder.parent().unwrap().to_str().unwrap();
    let outcome = Run::with("mine").args(&["--providers", folder, "--token"]).run().await;
    assert!(outcome.failure(2).contains("set MINE__API_KEY"), "{}", outcome.err);
    let outcome = Run::with("nobody").args(&["--providers", folder, "--token"]).run().await;
    assert!(outcome.failure(2).contains("nor a provider of this id"), "{}", outcome.err);
}
