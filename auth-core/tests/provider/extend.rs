use std::fs;

use tower_auth_core::{ProviderSpec, ProviderSpecs};

use crate::{fill, lines};

const PARENT: &str = r#"
id = "acme"
display_name = "Acme"
base_url = "https://api.acme.test"

[[auth]]
key = "oauth"
kind = "oauth2_client_credentials"
token_url = "https://login.acme.test/token"
api_headers = { x-version = "2", x-client = "{client_id}" }

[[auth.fields]]
name = "client_id"
title = "Client ID"
help = "on the page of the application"

[[auth.fields]]
name = "tenant"

[[auth]]
kind = "api_key"
"#;

// SYS-C23
#[test]
fn a_child_changes_what_it_says_and_keeps_the_rest() {
    let child = r#"
id = "acme-sandbox"
extends = "acme"
base_url = "https://sandbox.acme.test"

[[auth]]
key = "oauth"
token_url = "https://sandbox.acme.test/{tenant}/token"
api_headers = { x-version = "3" }

[[auth.fields]]
name = "client_id"
title = "Sandbox ID"

[[auth]]
key = "login"
kind = "basic"
"#;
    let specs = ProviderSpecs::from_texts([("child.toml", child), ("parent.toml", PARENT)]).unwrap();
    let spec = specs.get("acme-sandbox").unwrap();
    assert_eq!((spec.id(), spec.display_name()), ("acme-sandbox", "Acme"));
    let keys: Vec<_> = spec.methods().iter().map(|method| method.key()).collect();
    assert_eq!(keys, ["oauth", "api_key", "login"]);
    let id = spec.methods()[0].field("client_id").unwrap();
    assert_eq!((id.title(), id.help()), ("Sandbox ID", Some("on the page of the application")));
    let filled = fill(spec, &[("client_id", "i"), ("client_secret", "s"), ("tenant", "t")]);
    assert_eq!(filled.url("token_url"), Some("https://sandbox.acme.test/t/token"));
    assert_eq!(filled.url("base_url"), Some("https://sandbox.acme.test"));
    // The parent is as it was.
    let parent = specs.get("acme").unwrap();
    assert_eq!(parent.methods().len(), 2);
    let beside = ProviderSpec::from_toml_beside("id = 'b'\nextends = 'acme-sandbox'", &specs).unwrap();
    assert_eq!((beside.id(), beside.methods().len()), ("b", 3));
    assert!(ProviderSpec::from_json_beside(r#"{"id": "b", "extends": "acme"}"#, &specs).is_ok());
}

#[test]
fn circles_and_unknown_parents_are_mistakes_where_they_are_written() {
    let specs = ProviderSpecs::from_texts([
        ("a.toml", "id = 'a'\nextends = 'b'\n"),
        ("b.toml", "id = 'b'\nextends = 'a'\n"),
        ("c.toml", "id = 'c'\n\nextends = 'acm'\n"),
        ("acme.toml", PARENT),
        ("again.toml", PARENT),
        ("broken.json", "{\n"),
    ]);
    let found = lines(&specs.unwrap_err());
    for expected in [
        "b.toml:2: extends: the files extend each other in a circle: a, b, a",
        "a.toml:2: extends: the files extend each other in a circle: b, a, b",
        "c.toml:3: extends: unknown provider \"acm\"; did you mean \"acme\"?",
        "again.toml:2: id: there is another provider \"acme\"",
        "broken.json:2: the file is not JSON",
    ] {
        assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    let alone = lines(&ProviderSpec::from_toml("id = 'c'\nextends = 'acme'\n").unwrap_err());
    assert!(alone[0].starts_with("line 2: extends: unknown provider \"acme\""), "{alone:?}");
}

#[test]
fn a_mistake_that_was_inherited_names_the_file_where_it_stands() {
    let parent = PARENT.replace("https://login.acme.test/token", "ftp://login.acme.test/token");
    let specs = ProviderSpecs::from_texts([("p.toml", &*parent), ("c.toml", "id = 'c'\nextends = 'acme'")]);
    let found = lines(&specs.unwrap_err());
    assert!(found.iter().all(|line| line.starts_with("p.toml:9: auth[0].token_url: ")), "{found:?}");
}

#[test]
fn a_parent_is_found_beside_the_file_and_nowhere_else() {
    let folder = std::env::temp_dir().join(format!("tower-auth-provider-{}", std::process::id()));
    fs::create_dir_all(folder.join("inner")).unwrap();
    fs::write(folder.join("acme.toml"), PARENT).unwrap();
    fs::write(folder.join("child.json"), r#"{"id": "child", "extends": "acme"}"#).unwrap();
    fs::write(folder.join("inner/child.toml"), "id = 'child'\nextends = '../acme'").unwrap();
    let child = ProviderSpec::from_file(folder.join("child.json"));
    let inner = ProviderSpec::from_file(folder.join("inner/child.toml"));
    let absent = ProviderSpec::from_file(folder.join("absent.toml"));
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(child.unwrap().methods().len(), 2);
    assert!(inner.unwrap_err().to_string().contains("unknown provider \"../acme\""));
    assert!(absent.unwrap_err().to_string().contains("the file cannot be read"));
}
