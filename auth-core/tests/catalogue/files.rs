use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tower_auth_core::{FieldScope, FieldSource, FieldType, ProviderSpec, ProviderSpecs};

use crate::FOLDER;

/// Each file by its name without the ending, with its text.
pub(crate) fn texts() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

pub(crate) fn specs() -> ProviderSpecs {
    ProviderSpecs::from_folder(FOLDER).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_file_is_read_without_a_mistake_and_named_like_its_id() {
    let specs = specs();
    let ids: Vec<_> = specs.iter().map(ProviderSpec::id).collect();
    let names: Vec<_> = texts().into_keys().collect();
    assert_eq!(ids, names);
    assert!(ids.len() >= 40, "{}", ids.len());
}

#[test]
fn every_key_is_one_of_the_schema() {
    let schema: Value = serde_json::from_str(&ProviderSpec::json_schema()).unwrap();
    let known = |pointer: &str| -> BTreeSet<String> {
        schema.pointer(pointer).and_then(Value::as_object).unwrap().keys().cloned().collect()
    };
    let (top, method, field) =
        (known("/properties"), known("/$defs/method/properties"), known("/$defs/field/properties"));
    for (name, text) in texts() {
        let file: toml::Table = text.parse().unwrap();
        let unknown = |table: &toml::Table, known: &BTreeSet<String>| {
            let keys: Vec<_> = table.keys().filter(|key| !known.contains(*key)).cloned().collect();
            assert!(keys.is_empty(), "{name}: {keys:?}");
        };
        unknown(&file, &top);
        for auth in tables(&file, "auth") {
            unknown(auth, &method);
            tables(auth, "fields").into_iter().for_each(|table| unknown(table, &field));
        }
    }
}

#[test]
fn every_provider_says_who_it_is_and_what_it_asks_for() {
    let mut wrong = Vec::new();
    for spec in specs().iter() {
        let id = spec.id();
        assert!(spec.docs_url().is_some_and(|url| url.starts_with("https://")), "{id}: docs_url");
        assert!(!spec.categories().is_empty() && spec.display_name() != id, "{id}: categories, display_name");
        for method in spec.methods() {
            for field in
                method.fields().iter().filter(|field| field.source() == FieldSource::User && !field.is_hidden())
            {
                let name = format!("{id}, {}, {}", method.key(), field.name());
                if field.title() == field.name() {
                    wrong.push(format!("{name}: no title"));
                }
                if !field.help().is_some_and(|help| help.ends_with('.')) {
                    wrong.push(format!("{name}: no help"));
                }
                if !field.help_url().is_some_and(|url| url.starts_with("https://")) {
                    wrong.push(format!("{name}: no help_url"));
                }
                let told = field.example().is_some() || !field.allowed().is_empty() || field.default_value().is_some();
                if !told && !field.is_secret() && field.field_type() != FieldType::Pem {
                    wrong.push(format!("{name}: no example"));
                }
                if let Some(error) = field.example().and_then(|example| field.check(example).err()) {
                    wrong.push(format!("{name}: its example does not fit: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A form for users never asks for what the operator of the application sets once.
#[test]
fn clients_of_people_are_the_operators() {
    for spec in specs().iter().filter(|spec| !["generic-oauth2", "zendesk"].contains(&spec.id())) {
        for method in spec.methods().iter().filter(|method| method.needs_redirect()) {
            let client = method.fields().iter().filter(|field| ["client_id", "client_secret"].contains(&field.name()));
            for field in client {
                assert_eq!(field.scope(), FieldScope::Connector, "{}, {}: {}", spec.id(), method.key(), field.name());
            }
        }
    }
}

#[test]
fn every_url_is_https() {
    for (name, text) in texts() {
        assert!(!text.contains("http://"), "{name}");
    }
}

#[test]
fn no_two_files_are_alike() {
    let mut seen = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (name, text) in texts() {
        let said: String = text
            .lines()
            .filter(|line| {
                !["#", "id =", "display_name", "docs_url", "help_url"].iter().any(|start| line.starts_with(start))
            })
            .collect();
        assert_eq!(seen.insert(said, name.clone()), None, "{name}");
        let file: toml::Table = text.parse().unwrap();
        let shown = file["display_name"].as_str().unwrap().to_owned();
        assert_eq!(names.insert(shown, name.clone()), None, "{name}");
    }
}

/// What was never tried is marked, and a file begins with what is odd about its provider.
#[test]
fn every_file_begins_with_a_comment() {
    for (name, text) in texts() {
        assert!(text.starts_with("# "), "{name}");
        let comment: String =
            text.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join(" ").replace(" # ", " ");
        assert!(comment.contains("eclared from documentation") || name.starts_with("generic-"), "{name}: {comment}");
    }
}

pub(crate) fn tables<'t>(table: &'t toml::Table, key: &str) -> Vec<&'t toml::Table> {
    let list = table.get(key).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_table).collect()
}
