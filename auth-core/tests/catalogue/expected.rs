use std::collections::BTreeMap;

use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/catalogue/expected");

/// What one method of a provider sends with given values, and what it is answered: written from the provider's documentation.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) provider: String,
    pub(crate) method: String,
    pub(crate) values: BTreeMap<String, String>,
    /// The authorization URL; `STATE`, `CHALLENGE` and `RANDOM` stand for what differs each time.
    pub(crate) authorize: Option<String>,
    pub(crate) callback: String,
    pub(crate) assertion: Option<Assertion>,
    pub(crate) token: Vec<Exchange>,
    pub(crate) probe: Vec<Exchange>,
    pub(crate) verify: Vec<Exchange>,
    pub(crate) refresh: Vec<Exchange>,
}

/// A request and its answer. `VERIFIER`, `STATE` and `ASSERTION` stand for what differs each time.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Body,
    pub(crate) status: u16,
    pub(crate) answer: String,
    pub(crate) answer_headers: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Form(BTreeMap<String, String>),
    Json(Value),
}

/// What stands in a signed assertion, beside the members of time and the identifier.
#[derive(Debug)]
pub(crate) struct Assertion {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) lifetime: i64,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut files: Vec<_> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let provider = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let table: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let listed = table.get("case").and_then(toml::Value::as_array).expect("cases");
        cases.extend(listed.iter().map(|case| read(&provider, case.as_table().unwrap())));
    }
    cases
}

fn read(provider: &str, case: &toml::Table) -> Case {
    let known = ["method", "values", "authorize", "callback", "assertion", "token", "probe", "verify", "refresh"];
    assert!(case.keys().all(|key| known.contains(&key.as_str())), "{provider}: {case:?}");
    let phase = |name: &str| match case.get(name).and_then(toml::Value::as_array) {
        Some(list) => list.iter().map(|exchange| read_exchange(exchange.as_table().unwrap())).collect(),
        None => Vec::new(),
    };
    Case {
        provider: provider.to_owned(),
        method: text(case, "method").unwrap(),
        values: texts(case, "values"),
        authorize: text(case, "authorize"),
        callback: text(case, "callback").unwrap_or_default(),
        assertion: case.get("assertion").and_then(toml::Value::as_table).map(|assertion| Assertion {
            header: serde_json::from_str(&text(assertion, "header").unwrap()).unwrap(),
            claims: serde_json::from_str(&text(assertion, "claims").unwrap()).unwrap(),
            lifetime: assertion.get("lifetime").and_then(toml::Value::as_integer).unwrap(),
        }),
        token: phase("token"),
        probe: phase("probe"),
        verify: phase("verify"),
        refresh: phase("refresh"),
    }
}

fn read_exchange(table: &toml::Table) -> Exchange {
    let json = text(table, "json").map(|json| Body::Json(serde_json::from_str(&json).unwrap()));
    let form = table.contains_key("form").then(|| Body::Form(texts(table, "form")));
    let status = table.get("status").and_then(toml::Value::as_integer).unwrap_or(200);
    Exchange {
        request: text(table, "request").unwrap(),
        headers: texts(table, "headers"),
        body: json.or(form).unwrap_or(Body::Empty),
        status: status.try_into().unwrap(),
        // Any moment that no test lives to see.
        answer: text(table, "answer").unwrap_or_default().replace("LATER", "2099-01-01T00:00:00Z"),
        answer_headers: texts(table, "answer_headers"),
    }
}

fn text(table: &toml::Table, key: &str) -> Option<String> {
    table.get(key).and_then(toml::Value::as_str).map(str::to_owned)
}

fn texts(table: &toml::Table, key: &str) -> BTreeMap<String, String> {
    let inner = table.get(key).and_then(toml::Value::as_table);
    inner.into_iter().flatten().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}
