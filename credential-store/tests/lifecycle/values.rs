//! What users may give, and what they may not.

use tower_auth_core::Secret;
use tower_auth_store::{Connector, CredentialStore, NewConnection, StoreErrorKind};
use tower_auth_testing::{ApiKeyProvider, Endpoint, OAuthProvider};

use crate::support::*;

/// A provider with every kind of field, which nobody must reach.
const FIELDS: &str = r#"
id = "fields"
display_name = "Fields"
base_url = "https://{subdomain}.fields.test"

[environments.sandbox]
base_url = "https://sandbox.fields.test"

[[auth]]
key = "password"
kind = "oauth2_password"
token_url = "https://login.fields.test/token"
client_auth = "body"

[[auth.fields]]
name = "client_id"
scope = "connector"

[[auth.fields]]
name = "client_secret"
scope = "connector"
secret = true

[[auth.fields]]
name = "username"
title = "User"

[[auth.fields]]
name = "password"
secret = true

[[auth.fields]]
name = "subdomain"
format = "hostname"

[[auth.fields]]
name = "region"
type = "enum"
enum = ["eu", "us"]

[[auth.fields]]
name = "tenant_id"
required = false

[[auth]]
key = "key"
kind = "api_key"

[[auth.fields]]
name = "api_key"
secret = true

[[auth.fields]]
name = "subdomain"
format = "hostname"
"#;

const CLIENT: &[(&str, &str)] = &[("client_id", "id"), ("client_secret", "s3cret")];

async fn fields(values: &[(&str, &str)]) -> (CredentialStore, Database) {
    let database = Database::sqlite();
    let connector = Connector::new(spec(FIELDS)).values(operator(values));
    (builder(database.open().await, &ring()).connector(connector).open().await.unwrap(), database)
}

// SYS-C7, SYS-C8
#[tokio::test]
async fn the_fields_of_every_method_are_found_out_as_a_schema_without_the_operator_s() {
    let (store, _database) = fields(&[CLIENT, &[("tenant_id", "operators")]].concat()).await;
    let connector = store.connector("fields").unwrap();
    let methods: Vec<_> = connector.methods().collect();
    let found: Vec<_> = methods.iter().map(|method| (method.method().key(), method.authentication_type())).collect();
    assert_eq!(found, [("password", "oauth2"), ("key", "api_key")]);
    let schema = methods[0].input_schema();
    let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["password", "region", "subdomain", "username"]);
    let required = schema["required"].as_array().unwrap();
    assert_eq!(required.len(), 4, "{schema}");
    assert_eq!(schema["properties"]["username"]["title"], "User");
    assert_eq!(schema["properties"]["region"]["enum"], serde_json::json!(["eu", "us"]));
    assert_eq!(schema["properties"]["password"]["writeOnly"], true, "{schema}");
}

// SYS-C9
#[tokio::test]
async fn every_mistake_is_told_at_once_by_its_field_and_without_a_value() {
    let (store, _database) = fields(CLIENT).await;
    let new = NewConnection::new("fields")
        .value("subdomain", "ev!l-s3ntinel/x")
        .value("region", "mars-s3ntinel")
        .value("nonsense", "s3ntinel")
        .environment("nowhere");
    let error = store.create(&owner("alice"), new).await.unwrap_err();
    let found = mistakes(&error);
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["environment", "nonsense", "password", "region", "subdomain", "username"], "{error}");
    assert!(!format!("{error} {error:?}").contains("s3ntinel"), "{error:?}");
    // What is for operators is not told users.
    for (field, text) in &found {
        assert!(!text.contains("FIELDS__") && !text.contains("values file"), "{field}: {text}");
    }
    assert_eq!(found["password"], "a value is needed");
}

// SYS-C9, THREAT-T4, THREAT-T6
#[tokio::test]
async fn no_user_sets_an_address_a_choice_or_a_field_of_the_operator() {
    let (store, _database) = fields(&[CLIENT, &[("tenant_id", "operators")]].concat()).await;
    let fine = |method: &str| {
        let new = NewConnection::new("fields").method(method).value("subdomain", "a").without_verification();
        match method {
            "key" => new.value("api_key", "k"),
            _ => new.value("username", "u").value("password", "p").value("region", "eu"),
        }
    };
    for method in ["password", "key"] {
        for name in [
            "token_url",
            "base_url",
            "authorize_url",
            "refresh_url",
            "revoke_url",
            "introspect_url",
            "issuer",
            "auth",
            "environment",
            "client_auth",
            "client_id",
            "client_secret",
            "tenant_id",
            "FIELDS__TOKEN_URL",
            "Username",
            "username ",
            "",
            "code",
            "refresh_token",
        ] {
            let error = store.create(&owner("alice"), fine(method).value(name, "https://evil.test")).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{name}");
            assert_eq!(
                mistakes(&error).get(name).map(String::as_str),
                Some("there is no such field"),
                "{name}: {error}"
            );
        }
        store.create(&owner("alice"), fine(method)).await.unwrap();
    }
}

#[tokio::test]
async fn an_environment_that_the_operator_chose_is_no_user_s_to_choose() {
    let (store, _database) = fields(&[CLIENT, &[("environment", "sandbox")]].concat()).await;
    let new = || NewConnection::new("fields").method("key").value("api_key", "k").value("subdomain", "a");
    let error = store.create(&owner("alice"), new().environment("sandbox").without_verification()).await.unwrap_err();
    assert!(mistakes(&error).contains_key("environment"), "{error}");
    store.create(&owner("alice"), new().without_verification()).await.unwrap();
}

#[tokio::test]
async fn a_connector_that_is_not_set_up_is_the_operator_s_mistake_and_no_user_s() {
    let (store, _database) = fields(&[]).await;
    let new = NewConnection::new("fields")
        .value("username", "u")
        .value("password", "p")
        .value("region", "eu")
        .value("subdomain", "a");
    let error = store.create(&owner("alice"), new).await.unwrap_err();
    assert_eq!((error.kind(), error.fields().len()), (StoreErrorKind::Misconfigured, 0), "{error:?}");
    assert!(!error.to_string().contains("FIELDS__"));
}

// THREAT-S5
#[tokio::test]
async fn values_and_labels_are_bounded_before_anything_is_done_with_them() {
    let (store, database) = fields(CLIENT).await;
    let alice = owner("alice");
    let new = |length: usize| {
        NewConnection::new("fields")
            .method("key")
            .value("api_key", "k".repeat(length).as_str())
            .value("subdomain", "a")
            .without_verification()
    };
    let id = store.create(&alice, new(32 * 1024)).await.unwrap().id;
    assert!(mistakes(&store.create(&alice, new(32 * 1024 + 1)).await.unwrap_err()).contains_key("api_key"));
    let many = (0..65).fold(new(1), |new, number| new.value(format!("x{number}"), "v"));
    let error = store.create(&alice, many).await.unwrap_err();
    assert_eq!(error.fields().len(), 1, "{error}");
    let long = "x".repeat(1_000_000);
    let error = store.create(&alice, new(1).value(long.as_str(), "v")).await.unwrap_err();
    assert!(error.to_string().len() < 200);
    for (label, is_fine) in
        [("l".repeat(200), true), ("l".repeat(201), false), ("a\nb".to_owned(), false), (" ".to_owned(), false)]
    {
        assert_eq!(store.rename(&alice, id, &label).await.is_ok(), is_fine);
    }
    // Hostile text is text.
    for text in ["'; DROP TABLE tower_auth_credentials; --", "\" OR 1=1", "%_\\", "\u{202e}x", "{now}", "$1"] {
        assert_eq!(store.rename(&alice, id, text).await.unwrap().label, text);
        let query = tower_auth_store::ListQuery::new().connector(text);
        assert!(store.list(&alice, query).await.unwrap().credentials.is_empty());
        assert!(store.list(&alice, tower_auth_store::ListQuery::new().after(text)).await.is_err());
        assert_eq!(
            store.create(&alice, NewConnection::new(text)).await.unwrap_err().kind(),
            StoreErrorKind::UnknownConnector
        );
        assert!(store.list(&owner(text), Default::default()).await.unwrap().credentials.is_empty());
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM {credentials}").await, 1);
}

// SYS-C14, SYS-C4
#[tokio::test]
async fn an_api_key_is_verified_before_it_is_kept() {
    let provider = ApiKeyProvider::builder().listen().await.unwrap();
    let database = Database::sqlite();
    let store = builder(database.open().await, &ring()).connector(keyed(&provider)).open().await.unwrap();
    let alice = owner("alice");
    let error = store.create(&alice, NewConnection::new("keyed").value("api_key", "wrong")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(store.list(&alice, Default::default()).await.unwrap().credentials.is_empty());
    let key = provider.issue(tower_auth_testing::Account::new("alice").name("Alice Example"));
    let info = store.create(&alice, NewConnection::new("keyed").value("api_key", key.clone())).await.unwrap();
    assert_eq!((info.label.as_str(), info.status.as_str(), info.renews), ("Alice Example", "valid", false));
    let sent = provider.request_count();
    assert_eq!(header(&store, &alice, info.id).await.unwrap(), format!("Bearer {}", key.expose_secret()));
    assert_eq!(provider.request_count(), sent);
    // Asked for nothing, it asks nobody.
    let unverified = NewConnection::new("keyed").value("api_key", "unknown").without_verification();
    store.create(&alice, unverified).await.unwrap();
    assert_eq!(provider.request_count(), sent);
}

// SYS-U3
#[tokio::test]
async fn a_password_is_asked_for_by_its_own_method_alone_and_gets_tokens() {
    let provider = OAuthProvider::builder()
        .configure_server(|server| server.user("alice", "correct horse"))
        .listen()
        .await
        .unwrap();
    let base = provider.provider_toml("acme");
    let toml = base.replace("kind = \"oauth2_code\"", "key = \"login\"\nkind = \"oauth2_code\"")
        + &format!(
            "\n[[auth]]\nkey = \"password\"\nkind = \"oauth2_password\"\ntoken_url = \"{0}\"\nrefresh = \"by_refresh_token\"\n[[auth.fields]]\nname = \"client_id\"\nscope = \"connector\"\n[[auth.fields]]\nname = \"client_secret\"\nscope = \"connector\"\nsecret = true\n[[auth.fields]]\nname = \"username\"\n[[auth.fields]]\nname = \"password\"\nsecret = true\n",
            provider.token_url()
        );
    let database = Database::sqlite();
    let store = builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
    let connector = store.connector("acme").unwrap();
    let asked = |key: &str| {
        let method = connector.methods().find(|method| method.method().key() == key).unwrap();
        method.iter().map(|field| field.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((asked("login"), asked("password")), (vec![], vec!["username".to_owned(), "password".to_owned()]));
    let alice = owner("alice");
    let new = |password: &str| {
        NewConnection::new("acme").method("password").value("username", "alice").value("password", password)
    };
    let error = store.create(&alice, new("wrong")).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (StoreErrorKind::Refused, Some("invalid_grant")));
    let info = store.create(&alice, new("correct horse")).await.unwrap();
    assert!(info.renews);
    let count = provider.request_count(Endpoint::Token);
    token(&store, &alice, info.id).await.unwrap();
    assert_eq!(provider.request_count(Endpoint::Token), count);
}

// THREAT-T6, THREAT-T3
#[tokio::test]
async fn a_host_of_a_user_s_is_public_and_plain_http_goes_nowhere_unless_it_was_allowed() {
    let listener = ApiKeyProvider::builder().listen().await.unwrap();
    let port = listener.url("").rsplit(':').next().unwrap().to_owned();
    let toml = |base: &str, fields: &str| {
        format!(
            "id = \"odd\"\nbase_url = \"{base}\"\n[[auth]]\nkind = \"api_key\"\n[[auth.fields]]\nname = \"api_key\"\nsecret = true\n{fields}\n[[auth.verify]]\nurl = \"{{base_url}}/api/v1/me\"\n"
        )
    };
    let database = Database::sqlite();
    let open = async |toml: String| {
        let connector = Connector::new(spec(&toml)).values(operator(&[]));
        builder(database.open().await, &ring()).connector(connector).open().await
    };
    // The operator's own file, in which plain http was not allowed.
    match open(toml(&format!("http://127.0.0.1:{port}"), "")).await {
        Ok(store) => {
            let error =
                store.create(&owner("alice"), NewConnection::new("odd").value("api_key", "k")).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Broken, "{error:?}");
        }
        Err(error) => panic!("{error}"),
    }
    drop(database);
    // A host that a user chose.
    let host = "[[auth.fields]]\nname = \"host\"\npattern = \"[a-z0-9.:-]+\"";
    let database = Database::sqlite();
    let connector = Connector::new(spec(&toml("https://{host}", host))).values(operator(&[]));
    let store = builder(database.open().await, &ring()).connector(connector).open().await.unwrap();
    for host in ["localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", &format!("127.0.0.1:{port}")] {
        let new = NewConnection::new("odd").value("api_key", Secret::from("k")).value("host", host);
        let error = store.create(&owner("alice"), new).await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                StoreErrorKind::Invalid | StoreErrorKind::Misconfigured | StoreErrorKind::ProviderUnavailable
            ),
            "{host}: {error:?}"
        );
    }
    assert_eq!(listener.request_count(), 0);
}

// SYS-V7, SYS-V11, SYS-V12, SYS-A10, SYS-L9
#[tokio::test]
async fn the_systems_of_the_requirements_ask_for_their_own_names_with_help_and_for_no_redirect() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fetch/providers");
    let database = Database::sqlite();
    let mut store = builder(database.open().await, &ring());
    for name in ["alvys", "alloy", "aluma"] {
        let spec = tower_auth_core::ProviderSpec::from_file(format!("{folder}/{name}.toml")).unwrap();
        store = store.connector(Connector::new(spec).values(operator(&[])));
    }
    let store = store.open().await.unwrap();
    let fields = |name: &str| {
        let method = store.connector(name).unwrap().methods().next().unwrap();
        assert!(!method.method().needs_redirect(), "{name}");
        method.input_schema()
    };
    let alvys = fields("alvys");
    for (name, is_secret) in [("client_id", false), ("client_secret", true), ("tenant_id", false)] {
        let field = &alvys["properties"][name];
        assert_eq!(field["writeOnly"].as_bool().unwrap_or(false), is_secret, "{name}");
        assert!(field["description"].as_str().is_some_and(|help| help.len() > 10), "{alvys}");
    }
    assert_eq!(alvys["required"].as_array().unwrap().len(), 3);
    let alloy = fields("alloy");
    assert_eq!(alloy["properties"]["client_id"]["title"], "Workflow token");
    assert_eq!(alloy["properties"]["client_secret"]["title"], "Workflow secret");
    let aluma = fields("aluma");
    let described = aluma["properties"].as_object().unwrap().values().filter(|field| field["description"].is_string());
    assert!(described.count() >= 2, "{aluma}");
}
