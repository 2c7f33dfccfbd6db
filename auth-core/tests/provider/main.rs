//! Provider files: what they say, what is wrong with them, and the values that they need.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod docs;
mod existing;
mod extend;
mod form;
mod logins;
mod mistakes;
mod schema;
mod secondary;
mod signers;
mod urls;
mod values;
mod wire;

use tower_auth_core::{ConfigErrors, FilledProvider, ProviderSpec, ProviderValues};

/// The lines of all mistakes.
fn lines(errors: &ConfigErrors) -> Vec<String> {
    errors.to_string().lines().map(str::to_owned).collect()
}

fn spec(text: &str) -> ProviderSpec {
    ProviderSpec::from_toml(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// What is wrong with a file.
fn mistakes_of(text: &str) -> Vec<String> {
    lines(&ProviderSpec::from_toml(text).map(drop).expect_err(text))
}

/// A file with one method: `top` stands before it, `method` in it.
fn file(top: &str, method: &str) -> String {
    format!("id = \"acme\"\n{top}\n[[auth]]\n{method}\n")
}

/// Values by the program alone.
fn given(values: &[(&str, &str)]) -> ProviderValues {
    let none = ProviderValues::new().env(|_| None);
    values.iter().fold(none, |all, (name, value)| all.value(*name, *value))
}

fn fill(spec: &ProviderSpec, values: &[(&str, &str)]) -> FilledProvider {
    spec.fill(&given(values)).unwrap_or_else(|errors| panic!("{errors}"))
}
