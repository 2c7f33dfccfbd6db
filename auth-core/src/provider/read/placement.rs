//! Where the credential goes, and what signs requests.

use http::header::AUTHORIZATION;

use crate::config::{At, Reader, invalid};
use crate::error::ConfigErrorKind;
use crate::provider::kind::{AuthKind, SIGNATURE_ALGORITHMS, SIGNER_KINDS, SignerKind};
use crate::provider::model::{Located, ParamValue, Place, PlacementSpec, Signer};
use crate::provider::path::Path;
use crate::provider::schema;
use crate::provider::template::{Template, UrlTemplate};

use super::answer::path;
use super::parts::{close, header_name, params, template, texts};
use crate::error::ConfigError;

pub(super) fn placements(reader: &Reader<'_>, kind: Option<AuthKind>) -> Vec<PlacementSpec> {
    let sections = reader.sections("placement");
    let placements: Vec<PlacementSpec> = sections.iter().filter_map(|own| placement(own, kind)).collect();
    for (index, one) in placements.iter().enumerate() {
        if placements.iter().take(index).any(|earlier| same(&earlier.place, &one.place)) {
            reader.notes().push(&one.value.at, invalid("something goes to this place already"));
        }
    }
    placements
}

fn same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Header(one), Place::Header(other)) => one == other,
        (Place::Query(one), Place::Query(other)) | (Place::Cookie(one), Place::Cookie(other)) => one == other,
        (Place::Body(one), Place::Body(other)) => one == other,
        (Place::Path(_), Place::Path(_)) => true,
        _ => false,
    }
}

fn placement(own: &Reader<'_>, kind: Option<AuthKind>) -> Option<PlacementSpec> {
    const PLACES: [&str; 6] = ["header", "query", "insecure_query", "body", "path", "cookie"];
    let value = match template(own, "value") {
        Some(value) => value,
        None => Located { value: Template::of_name("token"), at: own.at().clone() },
    };
    let given: Vec<_> = PLACES.into_iter().filter(|name| own.has(name)).collect();
    let text = |name: &'static str| own.text(name).map(|text| (text, own.at_key(name)));
    let header = text("header").and_then(|(name, at)| header_name(own, &name, &at)).map(Place::Header);
    let query = text("query").and_then(|(name, at)| parameter(own, name, &at)).map(Place::Query);
    let loud = text("insecure_query").and_then(|(name, at)| parameter(own, name, &at)).map(Place::Query);
    let body = text("body").and_then(|(text, at)| path(own, &text, &at)).and_then(|path| body(own, path));
    let own_path = text("path").and_then(|(text, at)| match UrlTemplate::parse_path(&text) {
        Ok(path) => Some(Place::Path(path)),
        Err(what) => {
            own.notes().push(&at, ConfigError::new(ConfigErrorKind::InvalidUrl, what));
            None
        }
    });
    let cookie = text("cookie").and_then(|(name, at)| parameter(own, name, &at)).map(Place::Cookie);
    close(own, &schema::PLACEMENT, &[]);
    if given.len() != 1 {
        own.notes().push(own.at(), invalid(&format!("this must have exactly one of: {}", PLACES.join(", "))));
        return None;
    }
    let static_secret = kind.is_none_or(|kind| matches!(kind, AuthKind::ApiKey | AuthKind::Basic));
    if own.has("query") && !static_secret {
        own.mistake(
            "query",
            invalid(
                "URLs are logged, so a token must not go into one (RFC 6750 section 2.3); where a provider takes it nowhere else, \
                 write insecure_query",
            ),
        );
    }
    if own.has("path") && kind.is_some_and(|kind| kind != AuthKind::ApiKey) {
        own.mistake("path", invalid("only an API key goes into the path"));
    }
    if own.has("path") && own.has("value") {
        own.mistake("value", invalid("\"path\" is the value itself"));
    }
    let place = header.or(query).or(loud).or(body).or(own_path).or(cookie)?;
    if let Some(text) = value.value.literal() {
        own.notes()
            .push(&value.at, invalid(&format!("the value {text:?} has no place for a credential, such as {{token}}")));
    }
    Some(PlacementSpec { place, value })
}

/// The name of a query parameter or cookie.
fn parameter(own: &Reader<'_>, name: String, at: &At) -> Option<String> {
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !fits {
        own.notes().push(at, invalid("the value is not the name of a parameter or cookie"));
    }
    fits.then_some(name)
}

fn body(own: &Reader<'_>, path: Path) -> Option<Place> {
    if path.is_whole() {
        own.mistake("body", invalid("the path is empty"));
        return None;
    }
    Some(Place::Body(path))
}

pub(super) fn signer(reader: &Reader<'_>) -> Option<Signer> {
    let own = reader.section("signer")?;
    if !own.has("kind") {
        own.required("kind");
    }
    let kind = own.word("kind", SIGNER_KINDS);
    let texts_of = |names: &[&'static str]| -> Vec<(&'static str, Option<Located<Template>>)> {
        names.iter().map(|name| (*name, template(&own, name))).collect()
    };
    let aws = texts_of(&["access_key_id", "secret_access_key", "region", "service", "session_token"]);
    let http = texts_of(&["key_id", "key"]);
    let algorithm = own.word("algorithm", SIGNATURE_ALGORITHMS);
    let covered: Vec<_> =
        texts(&own, "headers").into_iter().filter_map(|(name, at)| header_name(&own, &name, &at)).collect();
    let name = own.text("name");
    let custom = params(&own, "params");
    close(&own, &schema::SIGNER, &[]);
    let kind = kind?;
    let (own_keys, needed): (&[&'static str], &[&'static str]) = match kind {
        SignerKind::AwsSigV4 => (
            &["access_key_id", "secret_access_key", "region", "service", "session_token"],
            &["access_key_id", "secret_access_key", "region", "service"],
        ),
        SignerKind::HttpSignature => (&["key_id", "key", "algorithm", "headers"], &["key_id", "key", "algorithm"]),
        SignerKind::Custom => (&["name", "params"], &["name"]),
    };
    for key in schema::SIGNER.keys.iter().map(|key| key.name).filter(|key| *key != "kind") {
        if own.has(key) && !own_keys.contains(&key) {
            own.mistake(key, invalid("this key is for another kind of signer"));
        } else if needed.contains(&key) && !own.has(key) {
            own.mistake(key, ConfigError::new(ConfigErrorKind::MissingOption, "the key is missing"));
        }
    }
    let mut params = Vec::new();
    for (name, value) in aws.into_iter().chain(http) {
        if let Some(value) = value {
            params.push((name.to_owned(), value));
        }
    }
    for (name, value) in custom {
        match value.value {
            ParamValue::Text(template) => params.push((name, Located { value: template, at: value.at })),
            _ => own.notes().push(&value.at, invalid("the value is not a text")),
        }
    }
    Some(Signer { kind, name, params, algorithm, headers: covered })
}

/// The header that a credential usually goes into, for checks of `api_headers`.
pub(super) fn header_of(placements: &[PlacementSpec], kind: AuthKind) -> Vec<http::HeaderName> {
    if placements.is_empty() && kind != AuthKind::None {
        return vec![AUTHORIZATION];
    }
    let headers = placements.iter().filter_map(|one| match &one.place {
        Place::Header(name) => Some(name.clone()),
        _ => None,
    });
    headers.collect()
}
