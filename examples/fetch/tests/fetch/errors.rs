use std::fs;

use tower_auth::core::ProviderSpec;

use crate::support::{Alvys, Reply, Run, Server, scratch_file};

/// What the program says of the values of a run for Alvys.
fn values(alvys: &Alvys, tenant: &str, then: &str) -> String {
    format!(
        "  asked    {}/api/authentication/{tenant}/token (the environment, ALVYS__TOKEN_URL)
  check    client_id = \"alvys-client\" (from the environment, ALVYS__CLIENT_ID): Client ID; on the Alvys Admin page, with the \
         client application
           client_secret (secret, from the environment, ALVYS__CLIENT_SECRET): Client secret; on the Alvys Admin page, shown \
         when the client application is created
           tenant_id = \"{tenant}\" (from the environment, ALVYS__TENANT_ID): Tenant ID; the tenant that the client \
         application was registered for
  then     {then}
  see      https://docs.alvys.com/docs/authentication
",
        alvys.login.origin
    )
}

const PROVISIONED: &str = "is the application provisioned at the provider for this API, and are the callback or redirect URLs, \
                           if it asks for any, the right ones?";
const AGAIN: &str = "try again; if it stays so, check the token URL and the network";

fn site(alvys: &Alvys) -> &str {
    alvys.login.origin.strip_prefix("http://").unwrap()
}

// SYS-V10
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_explained_by_code_status_and_what_to_check() {
    let alvys = Alvys::usual().await;
    let outcome = Run::alvys(&alvys).env("ALVYS__CLIENT_SECRET", "not-the-secret").args(&["/v1/me"]).run().await;
    let expected = format!(
        "fetch: no token for Alvys: {} refused the client (status 401, invalid_client: \"wrong secret [redacted]\"): check client \
         id, secret and the authentication method (currently body) [token.misconfigured]\n",
        site(&alvys)
    );
    assert_eq!(outcome.failure(3), expected + &values(&alvys, "acme", PROVISIONED));
    assert!(outcome.out.is_empty());
    assert!(alvys.api.seen().is_empty());
}

// SYS-V10
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_tenant_is_explained() {
    let alvys = Alvys::usual().await;
    let outcome = Run::alvys(&alvys).env("ALVYS__TENANT_ID", "acem").args(&["/v1/me"]).run().await;
    let expected = format!(
        "fetch: no token for Alvys: {} has no token endpoint at this URL (status 404, not_found: \"no such tenant\"): check the \
         token URL, and the tenant in it [token.misconfigured]\n",
        site(&alvys)
    );
    assert_eq!(outcome.failure(3), expected + &values(&alvys, "acem", PROVISIONED));
}

// SYS-V10
#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_instead_of_json_is_called_by_its_name() {
    let mut alvys = Alvys::usual().await;
    alvys.login = Server::start(|_| Reply {
        content_type: "text/html",
        ..Reply::json(200, "<!doctype html><title>Sign in</title>")
    })
    .await;
    let outcome = Run::alvys(&alvys).args(&["/v1/me"]).run().await;
    let expected = format!(
        "fetch: no token for Alvys: {} answered with an HTML page (status 200), not JSON: is the token URL right? \
         [token.unparsable]\n",
        site(&alvys)
    );
    assert_eq!(outcome.failure(3), expected + &values(&alvys, "acme", AGAIN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_with_its_host_only() {
    let mut alvys = Alvys::usual().await;
    alvys.login.origin = "http://127.0.0.1:1".to_owned();
    let outcome = Run::alvys(&alvys).args(&["/v1/me"]).run().await;
    assert!(
        outcome.failure(3).contains("cannot connect to 127.0.0.1:1: check the host of the token URL and the network")
    );
    let mut alvys = Alvys::usual().await;
    alvys.api.origin = "http://127.0.0.1:1".to_owned();
    let outcome = Run::alvys(&alvys).args(&["/v1/me?key=hush"]).run().await;
    assert!(outcome.failure(1).starts_with("fetch: GET http://127.0.0.1:1: no answer: cannot connect to 127.0.0.1:1"));
    assert!(!outcome.err.contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_in_a_provider_file_is_reported_with_line_and_key_path() {
    let text = "\
id = \"acme\"
displayname = \"Acme\"
logo = \"a.png\"
frobnicate = 1
token_url = \"https://login.test/token\"

[[auth]]
kind = \"oauth2_client_credentials\"
cleint_auth = \"body\"
body_format = \"jsno\"
token_url = \"https://login.test/{tennant_id}/token\"
pkce = \"s256\"
refresh_margin = \"soon\"

[[auth.fields]]
name = \"tenant_id\"
pattern = \"[a-z]+\"
secret = 1

[[auth]]
kind = \"oauth2_code\"

[[auth]]
kind = \"basic\"
client_auth = \"auto\"
";
    let path = scratch_file("acme.toml", text);
    let outcome = Run::with(&path).args(&["--token"]).run().await;
    let expected: String = [
        "2: displayname: unknown key; did you mean \"display_name\"?",
        "4: frobnicate: unknown key; known are id, display_name, docs_url, logo, categories, extends, base_url, environments, auth",
        "5: token_url: this key belongs to [[auth]]",
        "9: auth[0].cleint_auth: unknown key; did you mean \"client_auth\"?",
        "10: auth[0].body_format: unknown value \"jsno\"; did you mean \"json\"?",
        "11: auth[0].token_url: unknown field \"tennant_id\"; did you mean \"tenant_id\"?",
        "12: auth[0].pkce: this key is for the kind oauth2_code, where a person consents, and the kind \
         \"oauth2_client_credentials\" has no use for it",
        "13: auth[0].refresh_margin: the value is not a duration such as 90, \"90s\", \"5m\" or \"24h\"",
        "18: auth[0].fields[0].secret: the value is not true or false",
        "25: auth[2].client_auth: this key is for token requests, and the kind \"basic\" has no use for it",
    ]
    .iter()
    .map(|line| format!("fetch: {}:{line} [config.invalid_option]\n", path.display()))
    .collect();
    assert_eq!(outcome.failure(2), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_reported_and_its_secrets_are_not() {
    let broken = scratch_file("broken.toml", "id = \nauth = 1\n");
    let outcome = Run::with(&broken).args(&["--token"]).run().await;
    assert!(outcome.failure(2).contains("broken.toml:1: "), "{}", outcome.err);
    for line in
        ["client_secret = hush-hush", "client_secret = { valeu = \"hush-hush\" }", "client_secret = [\"hush-hush\"]"]
    {
        let values = scratch_file("values.toml", line);
        let run = Run::with("providers/alvys.toml").args(&["--values", values.to_str().unwrap(), "--token"]);
        let outcome = run.run().await;
        assert!(outcome.failure(2).contains("values.toml:1: "), "{}", outcome.err);
        assert!(!outcome.err.contains("hush-hush"), "{}", outcome.err);
    }
    let outcome = Run::with("nowhere.toml").args(&["--token"]).run().await;
    assert!(outcome.failure(2).starts_with("fetch: nowhere.toml: the file cannot be read [config.missing_option]: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_checked_before_anything_is_sent() {
    let alvys = Alvys::usual().await;
    for (args, text) in [
        (&["--set", "tennant_id=x", "/v1/me"][..], "tennant_id: unknown field; did you mean \"tenant_id\"?"),
        (&["--environment", "sandbox", "/v1/me"], "environment: unknown environment \"sandbox\"; there is none"),
        (&["--nonsense"], "invalid option '--nonsense'; see fetch --help"),
        (&["https://elsewhere.test/v1/me"], "the credential of Alvys goes to http://127.0.0.1:"),
        (&["--allow-plaintext", "https://a.test", "/"], "https needs no permission"),
        (&["--data", "@nowhere", "/"], "--data @nowhere cannot be read"),
        (&["--ca", "nowhere", "/"], "--ca nowhere cannot be read"),
        (&[], "there is nothing to do"),
    ] {
        let outcome = Run::alvys(&alvys).args(args).run().await;
        assert!(outcome.failure(2).contains(text), "{args:?}: {}", outcome.err);
    }
    assert!(alvys.login.seen().is_empty() && alvys.api.seen().is_empty());
    let help = Run::with("x").args(&["--help"]).run().await;
    assert!(help.success().contains("Exit codes: 0 success"));
}

// SYS-A9
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_cannot_stand_in_a_url_or_in_a_provider_file() {
    let text = "\
id = \"bot\"
base_url = \"https://api.test/{api_key}\"

[[auth]]
kind = \"api_key\"

[[auth.fields]]
name = \"other\"
secret = true
default = \"hush\"
";
    let path = scratch_file("bot.toml", text);
    let outcome = Run::with(&path).args(&["/"]).run().await;
    let file = path.display();
    assert_eq!(
        outcome.failure(2),
        format!(
            "fetch: {file}:2: base_url: the field \"api_key\" is secret, and URLs are shown and logged \
             [config.invalid_option]\n\
             fetch: {file}:10: auth[0].fields[0].default: a secret has no default [config.invalid_option]\n"
        )
    );
    let alvys = Alvys::usual().await;
    let overridden = Run::alvys(&alvys).env("ALVYS__TOKEN_URL", "https://login.test/{client_secret}").args(&["/v1/me"]);
    assert!(overridden.run().await.failure(2).contains("the field \"client_secret\" is secret, and URLs are shown"));
}

#[test]
fn the_example_of_the_readme_is_a_provider_file() {
    let readme = fs::read_to_string("README.md").unwrap();
    let blocks: Vec<_> = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let example = blocks.iter().find(|block| block.starts_with("id =")).unwrap();
    ProviderSpec::from_toml(example).unwrap();
}

#[test]
fn the_provider_files_hold_no_secret_and_name_their_documents() {
    for entry in fs::read_dir("providers").unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.contains("docs_url = \"https://") && !text.contains("default = \"s"));
    }
}
