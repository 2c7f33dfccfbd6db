//! Turns failures into text that tells what to check.

use std::error::Error;
use std::fmt::Write as _;

use http::Uri;
use tower_auth::NotRecovered;
use tower_auth::core::{AuthKind, FailureClass, FilledProvider, Origin, TokenError};

use crate::call::Answer;
use crate::failure::{Exit, Failure};
use crate::values::PROGRAM;

/// Why no token could be had, and which values it was asked for with. Values that are secret are named, never shown.
pub(crate) fn no_token(filled: &FilledProvider, error: &TokenError) -> Failure {
    let mut text = format!("no token for {}: {}", filled.spec().display_name(), chain(error));
    let mut line = |label: &str, content: &str| {
        write!(text, "\n  {label:<9}{content}").expect("a string takes every text");
    };
    if let Some(url) = filled.url("token_url").and_then(|url| url.parse::<Uri>().ok()) {
        line("asked", &format!("{}{} ({})", site(&url), url.path(), origin_of(filled, "token_url")));
    }
    let mut label = "check";
    for field in filled.method().fields() {
        let Some(value) = filled.value(field.name()) else { continue };
        let from = origin_of(filled, field.name());
        let about =
            Some(field.about()).filter(|about| !about.is_empty()).map_or(String::new(), |about| format!(": {about}"));
        let shown = if field.is_secret() {
            format!("{} (secret, from {from}){about}", field.name())
        } else {
            format!("{} = {:?} (from {from}){about}", field.name(), value.expose_secret())
        };
        line(std::mem::take(&mut label), &shown);
    }
    match error.class() {
        FailureClass::Transient => line("then", "try again; if it stays so, check the token URL and the network"),
        FailureClass::Refused if needs_a_person(filled) => line("then", "sign in again with --login"),
        FailureClass::Refused | FailureClass::Misconfigured => line(
            "then",
            "is the application provisioned at the provider for this API, and are the callback or redirect URLs, if it asks \
             for any, the right ones?",
        ),
        _ => {}
    }
    if let Some(url) = filled.spec().docs_url() {
        line("see", url);
    }
    Failure::new(Exit::NoToken, text)
}

/// Whether tokens of the method begin with somebody who consents.
pub(crate) fn needs_a_person(filled: &FilledProvider) -> bool {
    matches!(filled.method().kind(), AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode)
}

/// Where a value came from, for messages.
pub(crate) fn origin_of<'a>(filled: &'a FilledProvider, name: &str) -> &'a str {
    match filled.origin_of(name) {
        Some(PROGRAM) if name == "code" => "the prompt",
        Some(PROGRAM) => "--set",
        Some(from) => from,
        None => "nowhere",
    }
}

/// Why an API did not do what was asked, as far as the credential has to do with it.
pub(crate) fn refused(method: &str, shown: &str, answer: &Answer) -> String {
    let mut text = format!("{method} {shown} answered {}", answer.status.as_u16());
    if answer.sends > 1 {
        write!(text, " to send {}", answer.sends).expect("a string takes every text");
    }
    let why = match &answer.note {
        Some(NotRecovered::RefreshFailed(error)) => format!("the token was refused, and no new one could be had: {}", chain(error)),
        Some(NotRecovered::Unchanged) => "the token was refused, and the provider issued the same one again".to_owned(),
        Some(NotRecovered::Throttled) => "the token was refused; it is not renewed again so soon".to_owned(),
        Some(NotRecovered::BodyNotReplayable) => "the token was refused; the body is too large to be sent again".to_owned(),
        Some(NotRecovered::RefusedAgain) => {
            "a new token was refused as well: is the application provisioned for this API, and is base_url the right host?".to_owned()
        }
        _ => match answer.status.as_u16() {
            401 => "the credential was not accepted".to_owned(),
            403 => "the credential does not grant this; check scopes and the application's permissions".to_owned(),
            _ => return text,
        },
    };
    write!(text, ": {why}").expect("a string takes every text");
    text
}

/// An error and those below it, on one line. Texts that repeat the one above are left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let own = error.to_string();
        if !text.contains(&own) {
            write!(text, ": {own}").expect("a string takes every text");
        }
        next = error.source();
    }
    text
}

/// The origin of a URL: what may be shown of one that was filled in.
pub(crate) fn site(uri: &Uri) -> String {
    Origin::of(uri).map_or_else(|| "an unusable URL".to_owned(), |origin| origin.to_string())
}
