//! The documentation of provider files is true.

use std::collections::BTreeSet;

use serde_json::Value;
use tower_auth_core::{ProviderSpec, ProviderSpecs, ProviderValues};

const TEXT: &str = include_str!("../../../docs/provider-files.md");

/// The TOML in the text, each piece with the heading above it.
fn snippets() -> Vec<(String, String)> {
    let (mut heading, mut found) = (String::new(), Vec::new());
    let mut open: Option<String> = None;
    for line in TEXT.lines() {
        match &mut open {
            Some(snippet) if line == "```" => found.push((heading.clone(), std::mem::take(snippet))),
            Some(snippet) => {
                snippet.push_str(line);
                snippet.push('\n');
                continue;
            }
            None if line == "```toml" => {
                open = Some(String::new());
                continue;
            }
            None => {}
        }
        if line == "```" {
            open = None;
        }
        if let Some(title) = line.strip_prefix('#') {
            heading = title.trim_start_matches('#').trim().to_owned();
        }
    }
    found
}

/// What stands around a snippet of a section.
fn around(heading: &str, snippet: &str) -> String {
    let top = "id = \"acme\"\nbase_url = \"https://api.acme.test\"\n";
    let urls = "authorize_url = \"https://login.acme.test/a\"\ntoken_url = \"https://login.acme.test/t\"\n";
    let fields = "\n[[auth.fields]]\nname = \"tenant_id\"\n[[auth.fields]]\nname = \"gateway_key\"\nsecret = true\n\
                  [[auth.fields]]\nname = \"token_name\"\n[[auth.fields]]\nname = \"site\"\n";
    match heading {
        _ if snippet.starts_with("id =") => snippet.to_owned(),
        "Environments" => {
            format!("{top}{snippet}\n[[auth]]\nkind = \"login\"\n[[auth.fields]]\nname = \"tenant_id\"\n")
        }
        "Signers" => format!(
            "{top}[[auth]]\nkind = \"api_key\"\n{snippet}\n[[auth.fields]]\nname = \"access_key_id\"\n\
             [[auth.fields]]\nname = \"secret_access_key\"\nsecret = true\n[[auth.fields]]\nname = \"region\"\n"
        ),
        "Where the credential goes" => {
            format!("{top}{snippet}\n[[auth.fields]]\nname = \"app_id\"\n[[auth.fields]]\nname = \"api_key\"\n")
        }
        "Assertions and certificates" if snippet.starts_with("[[auth]]") => {
            format!("{top}{snippet}\n[[auth.fields]]\nname = \"key_id\"\n")
        }
        _ if snippet.starts_with("[[auth]]") => format!("{top}{snippet}"),
        "The token request" => {
            format!("{top}[[auth]]\nkind = \"oauth2_client_credentials\"\nbody_format = \"json\"\n{snippet}{fields}")
        }
        "Fields"
        | "Limits"
        | "Verification and probe"
        | "Revocation"
        | "Secondary tokens"
        | "Consent: `oauth2_code`" => {
            format!("{top}[[auth]]\nkind = \"oauth2_code\"\n{urls}{snippet}")
        }
        _ => format!("{top}[[auth]]\nkind = \"oauth2_code\"\n{urls}{snippet}"),
    }
}

#[test]
fn every_snippet_is_read() {
    let snippets = snippets();
    assert!(snippets.len() > 20, "{}", snippets.len());
    let first = snippets.first().map(|(_, text)| text.clone()).unwrap_or_default();
    for (heading, snippet) in &snippets {
        match heading.as_str() {
            "Values" => {
                let values = ProviderValues::new().env(|_| None).toml("values.toml", snippet);
                let errors = ProviderSpec::from_toml(&first).unwrap().fill(&values).unwrap_err().to_string();
                assert!(!errors.contains("exactly one of") && !errors.contains("unknown"), "{errors}");
            }
            "Extending" => {
                let read = ProviderSpecs::from_texts([("acme.toml", first.as_str()), ("child.toml", snippet)]);
                read.unwrap_or_else(|errors| panic!("{snippet}\n{errors}"));
            }
            _ => {
                let text = around(heading, snippet);
                ProviderSpec::from_toml(&text).unwrap_or_else(|errors| panic!("{heading}:\n{text}\n{errors}"));
            }
        }
    }
}

#[test]
fn every_key_and_word_of_the_schema_is_explained() {
    let schema: Value = serde_json::from_str(&ProviderSpec::json_schema()).unwrap();
    let mut names = BTreeSet::new();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for table in tables {
        for (name, key) in table["properties"].as_object().into_iter().flatten() {
            names.insert(name.clone());
            let words = key["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.extend(words.map(str::to_owned));
        }
    }
    assert!(names.len() > 150, "{}", names.len());
    let written: BTreeSet<&str> = TEXT
        .split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    let absent: Vec<_> = names.iter().filter(|name| !written.contains(name.as_str())).collect();
    assert!(absent.is_empty(), "{absent:?}");
}
