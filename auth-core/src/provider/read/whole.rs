use std::collections::BTreeMap;

use crate::config::{Node, Notes, Reader, invalid};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::provider::kind::{URL_KEYS, UrlKey};
use crate::provider::model::{AuthMethod, Urls};
use crate::provider::schema;

use super::method::method;
use super::parts::{close, page, urls};

/// A provider file as it was read, before names and combinations are checked.
#[derive(Debug)]
pub(in crate::provider) struct Draft {
    pub(in crate::provider) id: String,
    pub(in crate::provider) display_name: Option<String>,
    pub(in crate::provider) docs_url: Option<String>,
    pub(in crate::provider) logo: Option<String>,
    pub(in crate::provider) categories: Vec<String>,
    pub(in crate::provider) urls: Urls,
    pub(in crate::provider) environments: BTreeMap<String, Urls>,
    pub(in crate::provider) methods: Vec<AuthMethod>,
}

/// The whole file; `None` if it lacks what nothing can be said without.
pub(in crate::provider) fn whole(node: &Node, notes: &Notes) -> Option<Draft> {
    let reader = Reader::root(node, notes)?;
    let id = reader.required("id");
    if let Some(id) = &id {
        if !is_id(id) {
            reader.mistake("id", invalid("an id has letters, digits, '-' and '_' only"));
        }
    }
    let (display_name, docs_url) = (reader.text("display_name"), page(&reader, "docs_url"));
    let (logo, categories) = (reader.text("logo"), reader.texts("categories"));
    reader.text("extends");
    let own_urls = urls(&reader, &[UrlKey::Base]);
    let every: Vec<UrlKey> = URL_KEYS.iter().map(|(_, key)| *key).collect();
    let mut environments = BTreeMap::new();
    if let Some(section) = reader.section("environments") {
        for (name, node, at) in section.entries() {
            if !is_id(name) {
                notes.push(&at, invalid("the name of an environment has letters, digits, '-' and '_' only"));
            }
            if let Some(own) = Reader::new(at, node, notes) {
                let urls = urls(&own, &every);
                close(&own, &schema::URLS, &[]);
                environments.insert(name.to_owned(), urls);
            }
        }
    }
    if !reader.has("auth") {
        let what = "there is no [[auth]]: at least one method of authentication is needed";
        notes.push(reader.at(), ConfigError::new(ConfigErrorKind::MissingOption, what));
    }
    let methods: Vec<AuthMethod> = reader.sections("auth").iter().filter_map(method).collect();
    for (index, method) in methods.iter().enumerate() {
        if methods.iter().take(index).any(|earlier| earlier.key == method.key) {
            let text = format!("there are two methods called {:?}: give each a \"key\" of its own", method.key);
            notes.push(&method.at, invalid(&text));
        }
    }
    close(
        &reader,
        &schema::PROVIDER,
        &[
            ("kind", "[[auth]]"),
            ("fields", "[[auth]], as [[auth.fields]]"),
            ("verify", "[[auth]], as [[auth.verify]]"),
            ("token_url", "[[auth]]"),
            ("authorize_url", "[[auth]]"),
            ("refresh_url", "[[auth]]"),
            ("revoke_url", "[[auth]]"),
            ("introspect_url", "[[auth]]"),
            ("device_url", "[[auth]]"),
            ("issuer", "[[auth]]"),
            ("client_auth", "[[auth]]"),
            ("scopes", "[[auth]]"),
            ("placement", "[[auth]]"),
            ("api_headers", "[[auth]]"),
            ("name", "display_name"),
        ],
    );
    Some(Draft { id: id?, display_name, docs_url, logo, categories, urls: own_urls, environments, methods })
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
