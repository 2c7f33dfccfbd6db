use std::collections::BTreeSet;

use tower_auth_core::{Connection, ProviderSpecs, ProviderValues};

use crate::FOLDER;
use crate::compare::{self, Seen, decoded, same_url};
use crate::expected::{Case, cases};
use crate::keys;
use crate::recorder::Recorder;

const REDIRECT: &str = "https://app.example.com/callback";

/// Where what is sent differs from what the provider documents, and why.
const DIFFER: &[(&str, &[(&str, &str)])] = &[
    ("a file cannot send the state again", &[("dropbox-sign", "oauth2_code"), ("followupboss", "oauth2_code")]),
    ("a refresh has the method of the token request", &[("instagram", "oauth2_code"), ("threads", "oauth2_code")]),
    ("an assertion names the client as its subject", &[("zoominfo", "pki")]),
];

/// Methods without a token request or a verification, or whose signer is another test's.
const UNTRIED: &[&str] = &["aws", "duo-admin", "generic-http"];

// SYS-U8: generic-oauth2 has a parameter of each request that the other does not get.
#[tokio::test]
async fn each_provider_gets_the_requests_that_it_documents() {
    let specs = ProviderSpecs::from_folder(FOLDER).unwrap_or_else(|errors| panic!("{errors}"));
    let differ: BTreeSet<_> = DIFFER.iter().flat_map(|(_, methods)| methods.iter().copied()).collect();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    let cases = cases();
    for case in &cases {
        let method = (case.provider.as_str(), case.method.as_str());
        let found = run(case, &specs).await.unwrap_or_else(|failure| vec![failure]);
        if found.is_empty() == differ.contains(&method) {
            let found = if found.is_empty() { vec!["nothing differs any more".to_owned()] } else { found };
            wrong.extend(found.iter().map(|line| format!("{}, {}: {line}", case.provider, case.method)));
        }
        seen.insert(method);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(differ.is_subset(&seen), "{:?}", differ.difference(&seen));
}

#[test]
fn every_provider_has_its_requests_written_down() {
    let tried: BTreeSet<_> = cases().into_iter().map(|case| case.provider).collect();
    let missing: Vec<_> = crate::files::texts().into_keys().filter(|id| !tried.contains(id)).collect();
    assert_eq!(missing, UNTRIED);
}

async fn run(case: &Case, specs: &ProviderSpecs) -> Result<Vec<String>, String> {
    let spec = specs.get(&case.provider).ok_or("there is no such file")?;
    let values = ProviderValues::new().env(|_| None).value("auth", case.method.as_str());
    let values =
        case.values.iter().fold(values, |values, (name, value)| values.value(name.as_str(), keys::value(value)));
    let recorder = Recorder::default();
    let filled = spec.fill(&values).map_err(|errors| errors.to_string())?;
    let connection = filled.connect().http_client(recorder.client()).build().map_err(|error| error.to_string())?;
    let mut seen = Seen::default();
    let mut wrong = Vec::new();

    recorder.expect(&case.token);
    if let Some(url) = &case.authorize {
        wrong.extend(log_in(&connection, case, url, &mut seen).await.err());
    } else if let Err(error) = connection.credential().await {
        wrong.push(format!("no credential: {}", described(&error)));
    }
    wrong.extend(compare::requests(&case.token, &recorder.sent(), &mut seen));
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    if !case.probe.is_empty() {
        recorder.expect(&case.probe);
        wrong.extend(connection.probe().await.err().map(|error| format!("the probe failed: {}", described(&error))));
        wrong.extend(compare::requests(&case.probe, &recorder.sent(), &mut seen));
    }
    if !case.verify.is_empty() {
        recorder.expect(&case.verify);
        wrong.extend(connection.verify().await.err().map(|error| format!("not verified: {}", described(&error))));
        wrong.extend(compare::requests(&case.verify, &recorder.sent(), &mut seen));
    }
    if !case.refresh.is_empty() {
        recorder.expect(&case.refresh);
        let tokens = connection.tokens().ok_or("nothing to renew")?;
        let current = tokens.try_current().ok_or("no token to renew")?;
        tokens.invalidate(current.generation);
        wrong.extend(connection.credential().await.err().map(|error| format!("not renewed: {}", described(&error))));
        wrong.extend(compare::requests(&case.refresh, &recorder.sent(), &mut seen));
    }
    if let Some(expected) = &case.assertion {
        wrong.extend(compare::assertion(expected, &seen));
    }
    Ok(wrong)
}

async fn log_in(connection: &Connection, case: &Case, url: &str, seen: &mut Seen) -> Result<(), String> {
    let login = connection.login(REDIRECT).map_err(|error| error.to_string())?;
    let started = login.start().await.map_err(|error| error.to_string())?;
    let query = decoded(started.url.split_once('?').map_or("", |(_, query)| query));
    seen.state = query.get("state").cloned().unwrap_or_default();
    seen.challenge = query.get("code_challenge").cloned().unwrap_or_default();
    let callback = login.callback(&case.callback.replace("STATE", &seen.state)).map_err(|error| error.to_string())?;
    if !same_url(url, &started.url, seen) {
        return Err(format!("sends to {}\n  instead {url}", started.url));
    }
    login.finish(started.transaction, &callback).await.map_err(|error| described(&error))?;
    Ok(())
}

fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
