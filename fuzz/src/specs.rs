//! What operators write: descriptions of verifiers and of providers, in TOML, or in JSON if the first byte is `{`.

use tower_auth_core::{ConfigErrors, HttpClient, ProviderSpec, VerifierSpec};

use super::world;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = text.lines().count().max(1) + 1;
    let is_json = text.starts_with('{');

    let spec = if is_json { VerifierSpec::from_json(text) } else { VerifierSpec::from_toml(text) };
    let shown = format!("{spec:?}");
    // Nobody answers: what is built asks nobody before a token comes. No file, no variable is looked for either.
    if !text.contains("file") {
        match spec.env(|_| Some("s3cret".to_owned())).http_client(nobody()).clock(world::clock()).build() {
            Ok(verifier) => {
                assert!(verifier.try_verify(&http::HeaderMap::new()).is_err());
                assert!(!format!("{verifier:?}").contains("s3cret"));
            }
            Err(errors) => check(&errors, lines),
        }
    }
    drop(shown);

    let spec = if is_json { ProviderSpec::from_json(text) } else { ProviderSpec::from_toml(text) };
    match spec {
        Ok(spec) => {
            assert!(!spec.id().is_empty() && !spec.methods().is_empty());
            for method in spec.methods() {
                assert!(spec.method(method.key()).is_some());
            }
            assert!(!format!("{spec:?}").is_empty());
        }
        Err(errors) => check(&errors, lines),
    }
}

/// Mistakes say where they are, and can stand in a log.
fn check(errors: &ConfigErrors, lines: usize) {
    let mut count = 0;
    for mistake in errors.iter() {
        count += 1;
        assert!(mistake.line().is_none_or(|line| (1..=lines).contains(&line)), "{mistake}");
    }
    assert!(count > 0, "an error without a mistake");
    let text = errors.to_string();
    assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

fn nobody() -> HttpClient {
    HttpClient::new(tower::service_fn(|_| {
        std::future::ready(Err::<http::Response<bytes::Bytes>, _>(std::io::Error::other("nobody answers")))
    }))
}
