use serde_json::json;

use crate::support::{Alloy, Aluma, Grant, Reply, Run, Server, scratch_file};

/// A server that says what it got.
async fn mirror() -> Server {
    Server::start(|seen| {
        let headers: Vec<_> = ["authorization", "x-api-key", "x-version", "x-own", "content-type"]
            .into_iter()
            .filter(|name| seen.headers.contains_key(*name))
            .map(|name| format!("{name}={}", seen.header(name)))
            .collect();
        let query = seen.query.as_deref().unwrap_or_default();
        Reply::json(200, json!([seen.method.as_str(), seen.path, query, headers, seen.body]))
    })
    .await
}

fn keyed(server: &Server, rest: &str) -> Run {
    let text = format!("id = \"k\"\nbase_url = \"{}\"\n[[auth]]\nkind = \"api_key\"\n{rest}", server.origin);
    Run::with_text(&text).env("K__API_KEY", "k3y").allow(server)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_goes_where_the_file_says() {
    let server = mirror().await;
    for (rest, expected) in [
        ("", json!(["GET", "/x", "", ["authorization=Bearer k3y"], ""])),
        (
            "placement = [{ header = \"x-api-key\", value = \"Key {token}\" }]\n",
            json!(["GET", "/x", "", ["x-api-key=Key k3y"], ""]),
        ),
        ("placement = [{ query = \"key\" }]\n", json!(["GET", "/x", "key=k3y", [], ""])),
        (
            "placement = [{ header = \"x-api-key\" }]\napi_headers = { x-version = \"2\", x-own = \"{account}\" }\n\
             fields = [{ name = \"account\", default = \"a1\" }]\n",
            json!(["GET", "/x", "", ["x-api-key=k3y", "x-version=2", "x-own=a1"], ""]),
        ),
    ] {
        let outcome = keyed(&server, rest).args(&["/x"]).run().await;
        assert_eq!(outcome.success(), format!("{expected}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_may_go_in_the_body() {
    let server = mirror().await;
    let rest = "placement = [{ body = \"auth.key\" }]\n";
    let outcome = keyed(&server, rest).args(&["-d", "{\"a\":1}", "/x"]).run().await;
    let seen = outcome.success();
    assert!(seen.contains("\\\"key\\\":\\\"k3y\\\"") && seen.contains("\\\"a\\\":1"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_kinds_and_halves_of_a_pair() {
    let server = mirror().await;
    let of_kind = |kind: &str, rest: &str| {
        let text = format!("id = \"k\"\nbase_url = \"{}\"\n[[auth]]\nkind = \"{kind}\"\n{rest}", server.origin);
        Run::with_text(&text)
            .env("K__USERNAME", "u")
            .env("K__PASSWORD", "p")
            .env("K__KEY", "k")
            .allow(&server)
            .args(&["/"])
    };
    let none = of_kind("none", "").run().await;
    assert_eq!(none.success(), "[\"GET\",\"/\",\"\",[],\"\"]\n");
    let pair = of_kind("basic", "").run().await;
    assert!(pair.success().contains("authorization=Basic dTpw\""), "{}", pair.out);
    // An API key as user name, with an empty password.
    let half = of_kind("basic", "basic_user = \"{key}\"\nfields = [{ name = \"key\", secret = true }]\n").run().await;
    assert!(half.success().contains("authorization=Basic azo=\""), "{}", half.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn method_headers_and_data_are_sent_as_given() {
    let server = mirror().await;
    let file = scratch_file("body", "plain text");
    for (args, expected) in [
        (
            &["-d", "{}", "-H", "x-own: mine", "/a?b=c"][..],
            json!([
                "POST",
                "/a",
                "b=c",
                ["authorization=Bearer k3y", "x-own=mine", "content-type=application/json"],
                "{}"
            ]),
        ),
        (
            &["-X", "PUT", "-d", &format!("@{}", file.display()), "-H", "authorization: Own", "/a"],
            json!(["PUT", "/a", "", ["authorization=Own", "content-type=text/plain; charset=utf-8"], "plain text"]),
        ),
    ] {
        assert_eq!(keyed(&server, "").args(args).run().await.success(), format!("{expected}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_per_call_says_what_happened() {
    let aluma = Aluma::start(Grant::Wanted).await;
    let outcome = Run::aluma(&aluma).args(&["--json", "-n", "2", "--interval", "10ms", "/documents"]).run().await;
    outcome.success();
    let url = format!("{}/documents", aluma.server.origin);
    let expected = json!({ "url": url, "status": 200, "body": "{\"echo\":\"\"}", "sends": 1, "token_generation": 1 });
    assert_eq!(outcome.objects(), [expected.clone(), expected]);
    // Without a token there is an object too, and the code says so.
    let outcome = Run::aluma(&aluma).env("ALUMA__CLIENT_SECRET", "wrong").args(&["--json", "/documents"]).run().await;
    outcome.failure(3);
    assert_eq!((&outcome.objects()[0]["url"], &outcome.objects()[0]["status"]), (&json!(url), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_are_sets_of_urls() {
    let (alloy, server) = (Alloy::start().await, mirror().await);
    let text = format!(
        "id = \"k\"\nbase_url = \"https://unused.test\"\n[environments.production]\nbase_url = \"{}\"\n\
         [environments.sandbox]\nbase_url = \"{}/v1\"\n[[auth]]\nkind = \"none\"\n",
        server.origin, alloy.server.origin
    );
    let run = |args: &[&str]| Run::with_text(&text).allow(&alloy.server).allow(&server).args(args).args(&["/x"]);
    run(&[]).run().await.success();
    run(&["--environment", "sandbox"]).run().await.failure(1);
    assert_eq!((server.seen().len(), alloy.server.seen()[0].path.as_str()), (1, "/v1/x"));
    let unknown = run(&["-e", "test"]).run().await;
    assert!(unknown.failure(2).contains("environment: unknown environment \"test\"; known are production, sandbox"));
    // A token URL of the environment stands before that of the method.
    let text = format!(
        "id = \"alloy\"\n[environments.sandbox]\ntoken_url = \"{}/v1/oauth/bearer\"\n[[auth]]\n\
         kind = \"oauth2_client_credentials\"\ntoken_url = \"https://unused.test/token\"\nclient_auth = \"basic\"\n\
         body_format = \"json\"\n",
        alloy.server.origin
    );
    let path = scratch_file("sandbox.toml", &text);
    Run::alloy(&alloy).args(&["-p", path.to_str().unwrap(), "-e", "sandbox", "--token"]).run().await.success();
}

// SYS-A8
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_trusted_if_it_is_given() {
    let server = Server::start_tls(|_| Reply::json(200, json!({ "secure": true }))).await;
    let text = format!("id = \"k\"\nbase_url = \"{}\"\n[[auth]]\nkind = \"api_key\"\n", server.origin);
    let certificate = scratch_file("ca.pem", &server.certificate);
    let run = || Run::with_text(&text).env("K__API_KEY", "k3y").args(&["/"]);
    let trusted = run().args(&["--ca", certificate.to_str().unwrap()]).run().await;
    assert_eq!(trusted.success(), "{\"secure\":true}\n");
    let untrusted = run().run().await;
    assert!(untrusted.failure(1).contains("there is no trusted TLS connection"), "{}", untrusted.err);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_api_and_a_failing_command_end_in_time() {
    let server = Server::start(|_| Reply::json(200, "{}").after(std::time::Duration::from_secs(60))).await;
    let outcome = keyed(&server, "").args(&["--timeout", "200ms", "/"]).run().await;
    assert!(outcome.failure(1).contains("took longer than 200ms"), "{}", outcome.err);
    let outcome = keyed(&server, "limits = { timeout = \"150ms\" }\n").args(&["/"]).run().await;
    assert!(outcome.failure(1).contains("took longer than 150ms"), "{}", outcome.err);
    for (words, text) in [
        ("\"/bin/false\"", "the command /bin/false failed"),
        ("\"/bin/true\"", "printed no text"),
        ("\"/nowhere\"", "the command /nowhere cannot be run"),
        ("", "command must be a list of a program and its arguments"),
    ] {
        let values = scratch_file("values.toml", &format!("api_key = {{ command = [{words}] }}\n"));
        let run = keyed(&server, "").without("K__API_KEY").args(&["--values", values.to_str().unwrap(), "/"]);
        let outcome = run.run().await;
        assert!(outcome.failure(2).contains(text), "{}", outcome.err);
    }
}
