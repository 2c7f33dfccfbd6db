use tower_auth_core::{FieldFormat, FieldScope, FieldSource, FieldType, ProviderSpec};

use crate::{file, mistakes_of, spec};

/// A file with nearly every key.
pub(crate) fn full() -> String {
    include_str!("full.toml").to_owned()
}

/// The one mistake of a method.
fn one(top: &str, method: &str) -> String {
    let found = mistakes_of(&file(top, method));
    assert_eq!(found.len(), 1, "{method}\n{found:#?}");
    found.into_iter().next().unwrap_or_default()
}

const BASE: &str = "base_url = \"https://api.acme.test\"";
const CLIENT: &str = "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"\n";
const CODE: &str = "kind = \"oauth2_code\"\nauthorize_url = \"https://login.acme.test/a\"\ntoken_url = \"https://login.acme.test/t\"\n";
const KEY: &str = "kind = \"api_key\"\n";

#[test]
fn a_file_with_every_key_is_read_the_same_in_toml_json_and_by_serde() {
    let by_toml = spec(&full());
    let value: serde_json::Value = toml::from_str(&full()).unwrap();
    let by_json = ProviderSpec::from_json(&value.to_string()).unwrap_or_else(|errors| panic!("{errors}"));
    let by_serde: ProviderSpec = serde_json::from_value(value).unwrap();
    let embedded: ProviderSpec = toml::from_str(&full()).unwrap();
    for spec in [by_toml, by_json, by_serde, embedded] {
        assert_eq!((spec.id(), spec.display_name(), spec.logo()), ("acme", "Acme", Some("acme.svg")));
        assert_eq!(
            (spec.categories().len(), spec.environments().collect::<Vec<_>>()),
            (2, vec!["production", "sandbox"])
        );
        assert_eq!(
            spec.methods().iter().map(|method| method.key()).collect::<Vec<_>>(),
            ["consent", "key", "session", "signed"]
        );
        let consent = spec.method("consent").unwrap();
        assert_eq!(consent.title(), "Sign in");
        assert_eq!(consent.available_scopes(), ["read", "write", "offline"]);
        let region = consent.field("region").unwrap();
        assert_eq!((region.field_type(), region.default_value()), (FieldType::Enum, Some("eu")));
        assert_eq!(region.allowed(), ["eu", "us"]);
        let instance = consent.field("instance_url").unwrap();
        assert_eq!((instance.format(), instance.source()), (Some(FieldFormat::Uri), FieldSource::TokenResponse));
        assert!(!instance.is_required() && !instance.is_asked_for());
        assert_eq!(consent.field("client_secret").unwrap().scope(), FieldScope::Connector);
        assert_eq!(consent.field("realm_id").unwrap().source(), FieldSource::Callback);
        assert_eq!(consent.field("account").unwrap().source(), FieldSource::Probe);
    }
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line_and_key() {
    let found = mistakes_of(
        r#"
id = "a b"
dispaly_name = "Acme"
token_url = "https://login.acme.test/token"

[[auth]]
kind = "oauth2_client_credential"

[[auth]]
kind = "oauth2_client_credentials"
token_url = "https://login.acme.test/{tenant}/token"
clientauth = "body"
pkce = "s256"
scopes = 7
expires = { default = "soon", refresh_margin = "5m" }
token_headers = { "bad name" = "x" }

[[auth.fields]]
name = "tenent"
requierd = true

[[auth.fields]]
title = "Nameless"

[[auth]]
kind = "oauth2_client_credentials"

[[auth]]
"#,
    );
    for expected in [
        "line 2: id: an id has letters",
        r#"line 3: dispaly_name: unknown key; did you mean "display_name"?"#,
        "line 4: token_url: this key belongs to [[auth]]",
        r#"line 7: auth[0].kind: unknown value "oauth2_client_credential"; did you mean "oauth2_client_credentials"?"#,
        r#"line 11: auth[1].token_url: unknown field "tenant"; did you mean "tenent"?"#,
        r#"line 12: auth[1].clientauth: unknown key; did you mean "client_auth"?"#,
        "line 13: auth[1].pkce: this key is for the kind oauth2_code",
        "line 14: auth[1].scopes: the value is not a text or a list of texts",
        "line 15: auth[1].expires.default: the value is not a duration",
        "line 15: auth[1].expires.refresh_margin: this key belongs to [[auth]], beside",
        "line 16: auth[1].token_headers.bad name: \"bad name\" is not the name of a header",
        r#"line 20: auth[1].fields[0].requierd: unknown key; did you mean "required"?"#,
        "auth[1].fields[1].name: the key is missing",
        r#"line 25: auth[2]: there are two methods called "oauth2_client_credentials""#,
        "auth[3].kind: the key is missing",
    ] {
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 15, "{}", found.join("\n"));
    assert!(found.iter().all(|line| line.contains("[config.")));
    let json =
        ProviderSpec::from_json("{\n\"id\": \"a\",\n\"auth\": [{\n\"kind\": \"apikey\"}]}").unwrap_err().to_string();
    assert!(json.starts_with("line 4: auth[0].kind: unknown value \"apikey\"; did you mean \"api_key\"?"), "{json}");
    let serde = serde_json::from_str::<ProviderSpec>(r#"{"id": "a", "auth": [{"kind": "apikey"}]}"#).unwrap_err();
    assert!(serde.to_string().contains("auth[0].kind: unknown value"), "{serde}");
    assert!(mistakes_of("id = 'a'")[0].contains("there is no [[auth]]"));
    assert!(mistakes_of("id = 'a'\nauth = []")[0].contains("there is no [[auth]]"));
    assert!(mistakes_of("id = ").first().unwrap().starts_with("line 1: the file is not TOML"));
}

#[test]
fn keys_that_do_not_fit_the_kind_are_refused() {
    for (method, key) in [
        ("kind = \"api_key\"\ntoken_params = { a = \"b\" }", "token_params"),
        ("kind = \"api_key\"\nrefresh_url = \"https://a.test\"", "refresh_url"),
        ("kind = \"basic\"\nscopes = \"a\"", "scopes"),
        ("kind = \"none\"\nplacement = [{ header = \"x-a\" }]", "placement"),
        ("kind = \"none\"\nbasic_user = \"{a}\"\n[[auth.fields]]\nname = \"a\"", "basic_user"),
        ("kind = \"login\"\ntoken_url = \"https://a.test\"\ngrant_type = \"a\"", "grant_type"),
        (&format!("{CLIENT}authorize_url = \"https://a.test\""), "authorize_url"),
        (&format!("{CLIENT}callback = {{ code_param = \"c\" }}"), "callback"),
    ] {
        let found = one("", method);
        assert!(found.contains(&format!("auth[0].{key}: this key is for")), "{found}");
    }
    for key in
        ["refresh_params = { a = \"b\" }", "rotation = \"stable\"", "refresh_grant_type = \"a\"", "reuse_grace = 5"]
    {
        assert!(one("", &format!("{CLIENT}{key}")).contains("this needs refresh = "), "{key}");
        spec(&file("", &format!("{CLIENT}refresh = \"by_refresh_token\"\n{key}")));
    }
}

#[test]
fn there_is_no_plain_proof_key() {
    assert!(one("", &format!("{CODE}pkce = \"plain\"")).contains("there is no \"plain\""));
    for word in ["s256", "off"] {
        spec(&file("", &format!("{CODE}pkce = \"{word}\"")));
    }
}

#[test]
fn two_tries_are_for_grants_that_can_be_spent_twice() {
    let code = one("", &format!("{CODE}client_auth = \"auto\""));
    assert!(code.contains("a code works once"), "{code}");
    let fixed = "kind = \"oauth2_static_code\"\nclient_auth = \"auto\"\n";
    assert!(one("", fixed).contains("a code works once"));
    let rotating = format!("{CLIENT}client_auth = \"auto\"\nrefresh = \"by_refresh_token\"\n");
    assert!(one("", &rotating).contains("a refresh token that rotates works once"));
    spec(&file("", &format!("{rotating}rotation = \"stable\"")));
    spec(&file("", &format!("{CLIENT}client_auth = \"auto\"")));
}

#[test]
fn a_token_goes_into_any_header_and_into_a_url_only_behind_a_loud_name() {
    spec(&file("", &format!("{CLIENT}placement = [{{ header = \"x-token\", value = \"Token {{token}}\" }}]")));
    let quiet = one("", &format!("{CLIENT}placement = [{{ query = \"access_token\" }}]"));
    assert!(quiet.contains("write insecure_query"), "{quiet}");
    spec(&file("", &format!("{CLIENT}placement = [{{ insecure_query = \"access_token\" }}]")));
    spec(&file("", &format!("{KEY}placement = [{{ query = \"key\" }}]")));
    spec(&file("", &format!("{KEY}placement = [{{ path = \"/bot{{token}}\" }}]")));
    for (placement, what) in [
        ("{ header = \"x-a\", query = \"b\" }", "exactly one of"),
        ("{ value = \"{token}\" }", "exactly one of"),
        ("{ header = \"x a\" }", "not the name of a header"),
        ("{ header = \"content-length\" }", "belongs to the transport"),
        ("{ header = \"x-a\", value = \"fixed\" }", "no place for a credential"),
        ("{ header = \"x-a\", value = \"{tokn}\" }", "unknown field \"tokn\"; did you mean \"token\"?"),
        ("{ query = \"a b\" }", "not the name of a parameter"),
        ("{ header = \"x-a\", value = \"{token\" }", "column 1: this brace is not closed"),
        ("{ path = \"{token}\" }", "a path begins with one slash"),
        ("{ body = \"a..b\" }", "column 3: a name is missing"),
        ("{ header = \"x-a\" }, { header = \"X-A\" }", "already"),
    ] {
        assert!(one("", &format!("{KEY}placement = [{placement}]")).contains(what), "{placement}");
    }
    let twice = one("", &format!("{CLIENT}api_headers = {{ Authorization = \"x\" }}"));
    assert!(twice.contains("the credential goes into the header authorization"), "{twice}");
}

#[test]
fn templates_that_cannot_be_filled_are_refused_at_their_column() {
    for (text, what) in [
        ("{client_idd}", "unknown field \"client_idd\"; did you mean \"client_id\"?"),
        ("a{bse64(client_id)}", "column 3: unknown function \"bse64\"; did you mean \"base64\"?"),
        ("{base64()}", "base64: it needs an argument"),
        ("{uuid(client_id)}", "uuid: it has no argument"),
        ("{now(\"unixx\")}", "now: a format is"),
        ("{now(\"unix\", \"1h\")}", "now: an offset is written"),
        ("{random(0)}", "1 to 256"),
        ("{hmac(\"md5\", client_secret, \"x\")}", "hmac: unknown hash \"md5\""),
        ("{hmac(client_id, client_secret, \"x\")}", "must be a fixed text"),
        ("{client_id||}", "column 13: the name of a field"),
        ("{\"a}", "column 2: this quote is not closed"),
        ("a}b", "column 2: this brace closes nothing"),
        ("{token}", "{token} is not known here"),
        ("{step1.a}", "there is no answer yet"),
        ("{client_id.x}", "only step1, step2"),
        ("{a b}", "a brace or || must follow"),
    ] {
        let found = one("", &format!("{CLIENT}token_params = {{ x = '{text}' }}"));
        assert!(found.contains("auth[0].token_params.x: ") && found.contains(what), "{text}: {found}");
    }
    for good in [
        "{{literal}}",
        "{client_id||\"x\"}",
        "{ base64( client_id , \":\" , client_secret ) }",
        "{now(\"%Y%m%d\", \"-5m\")}",
    ] {
        spec(&file("", &format!("{CLIENT}token_params = {{ x = '{good}' }}")));
    }
}

#[test]
fn who_can_choose_the_host_must_be_bounded() {
    let field = |more: &str| format!("[[auth.fields]]\nname = \"host\"\n{more}\n");
    for url in ["https://{host}/token", "https://api.{host}/token", "https://{host}.com/token", "https://x{host}/t"] {
        let method = format!("kind = \"login\"\ntoken_url = \"{url}\"\n");
        let found = one("", &format!("{method}{}", field("")));
        assert!(found.contains("decides the end of the host"), "{url}: {found}");
        for bounded in ["format = \"hostname\"", "pattern = \"[a-z]+\"", "enum = [\"a\"]"] {
            spec(&file("", &format!("{method}{}", field(bounded))));
        }
    }
    spec(&file("", &format!("kind = \"login\"\ntoken_url = \"https://{{host}}.acme.test/\"\n{}", field(""))));
    let whole = format!("kind = \"login\"\ntoken_url = \"{{host}}/token\"\n{}", field(""));
    assert!(one("", &whole).contains("needs format = \"uri\""));
    spec(&file("", &format!("{whole}format = \"uri\"")));

    // From a callback, that is from the browser, only a pattern that strangers do not match will do.
    let callback = format!(
        "{}callback = {{ capture = [{{ name = \"host\", param = \"server\" }}] }}\n",
        CODE.replace("https://login.acme.test/t", "https://{host}/t")
    );
    for open in ["", "format = \"hostname\"", "pattern = \".*\"", "pattern = \"[a-z.]+\""] {
        let found = one("", &format!("{callback}{}", field(open)));
        assert!(found.contains("comes from the callback and decides the host"), "{open}: {found}");
    }
    spec(&file("", &format!("{callback}{}", field(r#"pattern = '[a-z]+\.acme\.test'"#))));
    let step = "kind = \"login\"\ntoken_url = \"https://a.test/\"\nsteps = [{ url = \"https://{step1.host}/\" }]";
    assert!(one("", step).contains("an answer must not decide the host"));
}

#[test]
fn a_secret_does_not_go_into_a_url() {
    for method in [
        "kind = \"login\"\ntoken_url = \"https://a.test/{password}\"\n[[auth.fields]]\nname = \"password\"\n",
        "kind = \"login\"\ntoken_url = \"https://a.test/?k={base64(k)}\"\n[[auth.fields]]\nname = \"k\"\nsecret = true\n",
        "kind = \"api_key\"\napi_query = { key = \"{api_key}\" }\n",
        "kind = \"api_key\"\nverify = [{ url = \"{base_url}/{token}\" }]\n",
    ] {
        assert!(one("", method).contains("is secret, and URLs are shown and logged"), "{method}");
    }
}

#[test]
fn the_rest_that_cannot_be_is_refused() {
    for (method, what) in [
        (format!("{KEY}verify = [{{ url = \"https://other.test/\" }}]"), "begin with {base_url}, or write authorized"),
        (format!("{KEY}verify = [{{ url = \"{{base_url}}/\", method = \"GETT\" }}]"), "did you mean \"GET\"?"),
        (format!("{KEY}verify = [{{ url = \"{{base_url}}/\", body = \"x\" }}]"), "a GET has no body"),
        (format!("{KEY}verify = [{{ url = \"{{base_url}}/\", expect = 99 }}]"), "not a status"),
        (format!("{KEY}expired_signal = {{ body = {{ path = \"a\", equals = 1, present = true }} }}"), "only one of"),
        (format!("{KEY}expired_signal = {{}}"), "at least one of"),
        (format!("{KEY}expired_signal = []"), "the list is empty"),
        (format!("{CLIENT}expires = {{ kind = \"fixed\" }}"), "needs the lifetime here"),
        (format!("{CLIENT}expires = {{ kind = \"introspect\" }}"), "needs introspect_url"),
        (format!("{CLIENT}expires = {{ default = \"2h\", max = \"1h\" }}"), "the cap is below"),
        (format!("{CLIENT}keep_alive = \"1h\"\nrefresh = \"none\""), "cannot be kept alive"),
        (format!("{CLIENT}secondary_tokens = [{{ name = \"a\" }}]"), "they are bought by a refresh token"),
        (format!("{CLIENT}body_format = \"xml\""), "XML bodies are for code"),
        (format!("{CLIENT}token_params = {{ a = {{ b = \"c\" }} }}"), "lists and tables are for bodies in JSON"),
        (format!("{CLIENT}param_names = {{ client_id = \"x\", client_secret = \"x\" }}"), "is called \"x\" already"),
        (format!("{CLIENT}scopes = [\"a b\"]"), "a scope has no blank"),
        (format!("{CLIENT}scopes = [\"c\"]\navailable_scopes = [\"a\"]"), "not among available_scopes"),
        (format!("{CLIENT}assertion = {{ type = \"saml\" }}"), "SAML is for code"),
        (format!("{CLIENT}client_auth = \"private_key_jwt\"\nassertion = {{ alg = \"HS256\" }}"), "asymmetric"),
        (format!("{CLIENT}client_auth = \"client_secret_jwt\"\nassertion = {{ alg = \"RS256\" }}"), "needs HS256"),
        (
            format!("{CLIENT}client_auth = \"private_key_jwt\"\nassertion = {{ alg = \"none\" }}"),
            "unknown algorithm \"none\"",
        ),
        (format!("{CODE}param_names = {{ state = false }}"), "not safe"),
        (format!("{CODE}authorize_params = {{ state = \"x\" }}"), "made for each request"),
        (format!("{CODE}refresh = \"regrant\""), "a code works once"),
        (
            format!("{CODE}revoke_url = \"https://a.test\"\nrevoke = {{ url = \"https://a.test\" }}"),
            "either \"revoke\" or",
        ),
        ("kind = \"oauth2_jwt_bearer\"\nclient_auth = \"private_key_jwt\"".to_owned(), "is its grant"),
        (
            "kind = \"login\"\ntoken_url = \"https://a.test\"\nclient_auth = \"body\"".to_owned(),
            "write everything else into",
        ),
        (format!("{KEY}signer = {{ kind = \"custom\" }}"), "signer.name: the key is missing"),
        (format!("{KEY}signer = {{ kind = \"custom\", name = \"a\", region = \"b\" }}"), "for another kind of signer"),
        (format!("{KEY}limits = {{ token_calls = {{ count = 0, per = \"1m\" }} }}"), "there is no token"),
    ] {
        let found = one(BASE, &method);
        assert!(found.contains(what), "{method}: {found}");
    }
}

#[test]
fn fields_that_cannot_be_are_refused() {
    for (more, what) in [
        ("name = \"a-b\"", "letters, digits and '_' only"),
        ("name = \"1a\"", "begins with no digit"),
        ("name = \"token\"", "has a meaning of its own"),
        ("name = \"step2\"", "has a meaning of its own"),
        ("name = \"a\"\nsecret = true\ndefault = \"x\"", "a secret has no default"),
        ("name = \"a\"\ntype = \"enum\"", "needs the list"),
        ("name = \"a\"\npattern = \"(\"", "the pattern cannot be used"),
        ("name = \"a\"\npattern = \"a)(b\"", "the pattern cannot be used"),
        ("name = \"a\"\nhidden = true", "a hidden field needs a default"),
        ("name = \"a\"\nenum = [\"x\"]\ndefault = \"y\"", "the value must be one of: x"),
        ("name = \"a\"\nformat = \"uuid\"\nexample = \"y\"", "must be a UUID"),
        ("name = \"a\"\nvisible_when = { field = \"b\", equals = \"c\" }", "unknown field \"b\" in visible_when"),
        ("name = \"a\"\nvisible_when = { field = \"a\", equals = \"c\" }", "another field"),
        ("name = \"a\"\nsource = \"callback\"", "no capture fills it"),
        ("name = \"api_key\"\nhelp_url = \"docs\"", "not an absolute https URL"),
        ("name = \"api_key\"\n[[auth.fields]]\nname = \"api_key\"", "two fields called"),
    ] {
        let found = one("", &format!("{KEY}placement = [{{ header = \"x-a\" }}]\n[[auth.fields]]\n{more}\n"));
        assert!(found.contains(what), "{more}: {found}");
    }
}

#[test]
fn an_environment_has_no_url_that_nobody_uses() {
    let found = one("[environments.a]\nauthorize_url = \"https://a.test\"", CLIENT);
    assert!(found.contains("environments.a.authorize_url: no method of this file has a use"), "{found}");
    spec(&file("[environments.a]\nauthorize_url = \"https://a.test\"", CODE));
}
