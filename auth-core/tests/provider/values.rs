use tower_auth_core::{ProviderSpec, ProviderValues};

use crate::{file, fill, given, lines, spec};

const TEXT: &str = r#"
id = "my-api"
display_name = "My API"
base_url = "https://api.test"

[environments.production]
token_url = "https://login.test/{tenant}"

[environments.sandbox]
base_url = "https://sandbox.test"
token_url = "https://sandbox.test/{tenant}"

[[auth]]
kind = "oauth2_client_credentials"

[[auth.fields]]
name = "tenant"
help = "on the settings page"
default = "main"

[[auth]]
kind = "api_key"
"#;

fn my_api() -> ProviderSpec {
    spec(TEXT)
}

fn exposed(spec: &ProviderSpec, values: &ProviderValues, name: &str) -> String {
    spec.fill(values).unwrap_or_else(|errors| panic!("{errors}")).value(name).unwrap().expose_secret().to_owned()
}

// SYS-A9
#[test]
fn the_program_wins_over_the_environment_and_that_over_the_file() {
    let spec = my_api();
    let written = "client_id = 'file'\nclient_secret = { value = 'file' }\ntenant = 'file'\n";
    let env = |name: &str| match name {
        "MY_API__CLIENT_SECRET" => Some("env".to_owned()),
        "MY_API__TENANT" => Some("env".to_owned()),
        // An empty one counts as not set.
        "MY_API__CLIENT_ID" => Some(String::new()),
        _ => None,
    };
    let values = ProviderValues::new().toml("v.toml", written).env(env).value("tenant", "program");
    for (name, expected) in [("client_id", "file"), ("client_secret", "env"), ("tenant", "program")] {
        assert_eq!(exposed(&spec, &values, name), expected);
    }
    let filled = spec.fill(&values).unwrap();
    assert_eq!(filled.origin_of("client_id"), Some("v.toml:1"));
    assert_eq!(filled.origin_of("client_secret"), Some("the environment, MY_API__CLIENT_SECRET"));
    assert_eq!(filled.origin_of("tenant"), Some("the program"));
    assert_eq!(filled.origin_of("base_url"), Some("line 4 of the provider file"));
    assert_eq!(spec.variable("client_id"), "MY_API__CLIENT_ID");
    let default = given(&[("client_id", "i"), ("client_secret", "s")]);
    assert_eq!(exposed(&spec, &default, "tenant"), "main");
    // Nothing that can be printed holds a value.
    assert!(!format!("{values:?} {filled:?} {spec:?}").contains("program\""), "{filled:?}");
}

// SYS-A9
#[test]
fn a_values_file_says_where_secrets_are() {
    let spec = my_api();
    let folder = std::env::temp_dir().join(format!("tower-auth-values-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), "from-file\n").unwrap();
    std::fs::write(folder.join("v.toml"), "client_id = { env = 'ID' }\nclient_secret = { file = 'secret' }\n").unwrap();
    std::fs::write(folder.join("v.json"), r#"{"client_id": "i", "client_secret": {"file": "secret"}}"#).unwrap();
    let env = |name: &str| (name == "ID").then(|| "from-env".to_owned());
    let by_toml = spec.fill(&ProviderValues::new().env(env).file(folder.join("v.toml")));
    let by_json = spec.fill(&ProviderValues::new().env(|_| None).file(folder.join("v.json")));
    let absent = spec.fill(&ProviderValues::new().env(|_| None).file(folder.join("absent.toml")));
    std::fs::remove_dir_all(&folder).unwrap();
    let (by_toml, by_json) = (by_toml.unwrap(), by_json.unwrap());
    assert_eq!(by_toml.value("client_id").unwrap().expose_secret(), "from-env");
    assert_eq!(by_toml.value("client_secret").unwrap().expose_secret(), "from-file");
    assert_eq!(by_json.value("client_secret").unwrap().expose_secret(), "from-file");
    let absent = absent.unwrap_err().to_string();
    assert!(absent.contains("absent.toml: the values file cannot be read"), "{absent}");
}

// SYS-V9
#[test]
fn everything_that_is_missing_or_wrong_is_said_at_once_by_field() {
    let text = file(
        "display_name = \"Acme\"",
        "kind = \"oauth2_client_credentials\"\n\
         [[auth.fields]]\nname = \"tenant\"\nhelp = \"on the settings page\"\n\
         [[auth.fields]]\nname = \"region\"\nenum = [\"eu\", \"us\"]\n\
         [[auth.fields]]\nname = \"zone\"\npattern = \"[0-9]+\"\n",
    );
    let values = given(&[("region", "sentinel"), ("zone", "1a"), ("tenent", "x")])
        .toml("v.toml", "client_secret = 'in-place-sentinel'\nclient_idd = 'x'\nzone = { envv = 'A' }\n");
    let errors = spec(&text).fill(&values).unwrap_err();
    let keys: Vec<_> = errors.iter().map(|mistake| mistake.key().to_owned()).collect();
    for key in ["client_id", "client_secret", "token_url", "tenant", "region", "zone", "tenent", "client_idd"] {
        assert!(keys.iter().any(|own| own == key), "{key} not in {keys:?}");
    }
    let text = errors.to_string();
    for expected in [
        "tenant: Acme needs a value for tenant (on the settings page); set ACME__TENANT, or write tenant into a values file",
        "token_url: Acme needs a value for token_url (where tokens are issued); set ACME__TOKEN_URL",
        "region: the value must be one of: eu, us",
        "zone: the value must match [0-9]+",
        "tenent: unknown field; did you mean \"tenant\"?",
        "v.toml:1: client_secret: this field is secret: write { env",
        "v.toml:2: client_idd: unknown field; did you mean \"client_id\"?",
        "v.toml:3: zone: this must have exactly one of",
    ] {
        assert!(text.contains(expected), "{expected}\nnot in\n{text}");
    }
    assert!(!text.contains("sentinel"), "{text}");
}

// SYS-C23
#[test]
fn an_environment_has_base_authorize_and_token_urls_of_its_own() {
    let spec = spec(&crate::mistakes::full());
    let pair = [("client_id", "i"), ("client_secret", "s")];
    let urls = |more: &[(&'static str, &'static str)]| {
        let filled = fill(&spec, &[&pair[..], more].concat());
        ["base_url", "authorize_url", "token_url"].map(|name| filled.url(name).map(str::to_owned))
    };
    let production = [None, Some("https://eu.acme.test/authorize"), Some("https://login.acme.test/token")];
    assert_eq!(urls(&[]), production.map(|url| url.map(str::to_owned)));
    let sandbox =
        ["https://sandbox.acme.test", "https://sandbox.acme.test/authorize", "https://sandbox.acme.test/token"];
    assert_eq!(urls(&[("environment", "sandbox")]), sandbox.map(|url| Some(url.to_owned())));
    let own = [
        ("base_url", "https://own.test/a"),
        ("authorize_url", "https://own.test/b"),
        ("token_url", "https://own.test/c"),
    ];
    assert_eq!(urls(&own), own.map(|(_, url)| Some(url.to_owned())));
}

// SYS-C23, SYS-V3
#[test]
fn an_operator_chooses_environment_method_and_urls() {
    let spec = my_api();
    let pair = [("client_id", "i"), ("client_secret", "s")];
    let with = |more: &[(&'static str, &'static str)]| fill(&spec, &[&pair[..], more].concat());
    let usual = with(&[]);
    assert_eq!((usual.environment(), usual.url("token_url")), (Some("production"), Some("https://login.test/main")));
    let sandbox = with(&[("environment", "sandbox")]);
    assert_eq!(
        (sandbox.url("base_url"), sandbox.url("token_url")),
        (Some("https://sandbox.test"), Some("https://sandbox.test/main"))
    );
    let own = with(&[("environment", "sandbox"), ("token_url", "https://own.test/{tenant}/x")]);
    assert_eq!(own.url("token_url"), Some("https://own.test/main/x"));
    let key = fill(&spec, &[("auth", "api_key"), ("api_key", "k")]);
    assert_eq!((key.method().key(), key.url("token_url")), ("api_key", None));
    for (name, value, expected) in [
        ("environment", "sandbx", "environment: unknown environment \"sandbx\"; did you mean \"sandbox\"?"),
        ("auth", "apikey", "auth: unknown method \"apikey\"; did you mean \"api_key\"?"),
        ("token_url", "https://own.test/{tenent}", "token_url: unknown field \"tenent\"; did you mean \"tenant\"?"),
        ("token_url", "https://own.test/{client_secret}", "token_url: the field \"client_secret\" is secret"),
        ("token_url", "https://{tenant}/", "token_url: the field \"tenant\" decides the end of the host"),
        ("token_url", "nonsense", "token_url: this must be an absolute https URL"),
        (
            "client_auth",
            "mtls",
            "client_auth: the method \"oauth2_client_credentials\" has \"body\", which cannot become",
        ),
    ] {
        let all = [&pair[..], &[(name, value)]].concat();
        let found = lines(&spec.fill(&given(&all)).unwrap_err());
        assert!(found[0].starts_with(expected), "{expected}: {found:?}");
    }
}

#[test]
fn how_the_client_proves_itself_is_chosen_per_credential() {
    let spec = my_api();
    let pair = [("client_id", "i"), ("client_secret", "s")];
    for word in ["basic", "body", "both", "auto"] {
        fill(&spec, &[&pair[..], &[("client_auth", word)]].concat());
    }
    assert!(fill(&spec, &[("client_id", "i"), ("client_auth", "none")]).value("client_secret").is_none());
    let code = crate::spec("id = 'c'\n[[auth]]\nkind = 'oauth2_static_code'\ntoken_url = 'https://a.test'\n");
    let values = [&pair[..], &[("code", "c"), ("client_auth", "auto")]].concat();
    assert!(code.fill(&given(&values)).is_err(), "a code works once");
}

// SYS-U15, SYS-U1
#[test]
fn a_description_without_any_url_is_the_generic_provider() {
    let text = "id = 'generic'\n[[auth]]\nkind = 'oauth2_client_credentials'\nscopes = '{scope}'\n\
                [[auth.fields]]\nname = 'scope'\nrequired = false\n";
    let values = [("client_id", "i"), ("client_secret", "s"), ("token_url", "https://login.test/token")];
    let filled = fill(&spec(text), &values);
    assert_eq!(filled.url("token_url"), Some("https://login.test/token"));
    assert!(filled.value("scope").is_none());
}

#[test]
fn hidden_conditional_and_captured_fields_are_not_asked_for() {
    let text = file(
        "base_url = \"https://{dc}.acme.test\"",
        "kind = \"api_key\"\nprobe = [{ url = \"https://login.acme.test/\", authorized = false, capture = [{ name = \"dc\", path = \"dc\" }] }]\n\
         [[auth.fields]]\nname = \"plan\"\nenum = [\"basic\", \"full\"]\n\
         [[auth.fields]]\nname = \"contract\"\nvisible_when = { field = \"plan\", equals = \"full\" }\n",
    );
    let spec = spec(&text);
    let basic = fill(&spec, &[("api_key", "k"), ("plan", "basic"), ("contract", "7")]);
    assert!(basic.value("contract").is_none());
    assert_eq!(basic.url("base_url"), None, "known only after the probe");
    let missing = lines(&spec.fill(&given(&[("api_key", "k"), ("plan", "full")])).unwrap_err());
    assert!(missing.len() == 1 && missing[0].starts_with("contract: "), "{missing:?}");
    assert!(
        lines(&spec.fill(&given(&[("dc", "x")])).unwrap_err()).iter().any(|line| line.starts_with("dc: unknown field"))
    );
}

#[test]
fn what_was_pasted_loses_prefix_and_suffix_and_every_form_is_checked() {
    let field = |more: &str| {
        let text = file("", &format!("kind = \"none\"\n[[auth.fields]]\nname = \"a\"\n{more}\n"));
        spec(&text).methods()[0].field("a").unwrap().clone()
    };
    let trimmed = field("prefix = \"https://\"\nsuffix = \".acme.test\"\npattern = \"[a-z]+\"");
    for pasted in ["x", "https://x.acme.test", "https://x", "x.acme.test"] {
        assert_eq!(trimmed.check(pasted).unwrap(), "x");
    }
    assert!(trimmed.check("https://x.other.test").is_err());
    for (more, good, bad) in [
        ("format = \"hostname\"", "api.acme.test", "api.acme.test:1"),
        ("format = \"uri\"", "https://acme.test/x", "https://u@acme.test"),
        ("format = \"uuid\"", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("format = \"email\"", "a.b+c@acme.test", "a b@acme.test"),
        ("type = \"boolean\"", "true", "yes"),
        ("type = \"pem\"", "-----BEGIN KEY-----\nx\n", "x"),
        ("type = \"json\"", "{\n}", "{"),
        ("pattern = \"a|b\"", "b", "ab"),
        ("enum = [\"x\"]", "x", "X"),
        ("required = true", "x", ""),
        ("", "x y", "x\ny"),
    ] {
        assert_eq!(field(more).check(good).unwrap(), good, "{more}");
        assert!(field(more).check(bad).is_err(), "{more}");
    }
    assert!(field("").check(&"x".repeat(65 * 1024)).is_err());
}

#[cfg(feature = "command")]
#[tokio::test]
async fn a_command_is_run_only_on_request() {
    let values = || {
        ProviderValues::new()
            .env(|_| None)
            .toml("v.toml", "client_id = 'i'\nclient_secret = { command = ['printf', 's3cret'] }\n")
    };
    let refused = lines(&my_api().fill(&values()).unwrap_err());
    assert!(refused[0].starts_with("v.toml:2: client_secret: no command is run"), "{refused:?}");
    let filled = my_api().fill(&values().run_commands().await).unwrap();
    assert_eq!(filled.value("client_secret").unwrap().expose_secret(), "s3cret");
    let broken = ProviderValues::new().env(|_| None).toml("v.toml", "client_secret = { command = ['/nowhere/x'] }");
    let found = lines(&my_api().fill(&broken.run_commands().await).unwrap_err());
    assert!(found.iter().any(|line| line.contains("client_secret: the command /nowhere/x cannot be run")), "{found:?}");
}
