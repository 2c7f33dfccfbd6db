//! Assertions, client certificates, secondary tokens, limits.

use std::time::Duration;

use crate::config::{Reader, invalid};
use crate::jose::Algorithm;
use crate::provider::kind::{AuthKind, ClientProof, EXPIRY_KINDS, ExpiryKind, KEY_ENCODINGS, KeyEncoding};
use crate::provider::model::{Assertion, ClientCertificate, Expires, Limits, Located, ParamValue, SecondaryToken};
use crate::provider::schema;
use crate::provider::template::Template;

use super::parts::{close, header_name, is_name, params, template, texts, unknown_word, url};
use super::placement::placements;

/// The assertion of a method; one that the method needs and does not describe is the usual one.
pub(super) fn assertion(reader: &Reader<'_>, kind: Option<AuthKind>, proof: ClientProof) -> Option<Assertion> {
    let by_secret = proof == ClientProof::ClientSecretJwt;
    let needed = kind == Some(AuthKind::OAuth2JwtBearer) || by_secret || proof == ClientProof::PrivateKeyJwt;
    let section = reader.section("assertion");
    if section.is_none() && (!needed || reader.has("assertion")) {
        return None;
    }
    let own = section.unwrap_or_else(|| Reader::empty(reader.notes()));
    if own.text("type").is_some_and(|word| word != "jwt") {
        own.mistake("type", invalid("the only type of assertion here is \"jwt\"; SAML is for code, not for files"));
    }
    let usual = if by_secret { Algorithm::Hs256 } else { Algorithm::Rs256 };
    let algorithm = match own.text("alg") {
        None => usual,
        Some(word) => Algorithm::from_name(&word).unwrap_or_else(|_| {
            let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            unknown_word(&own, &own.at_key("alg"), "algorithm", &word, &known);
            usual
        }),
    };
    let key = template(&own, "key").unwrap_or_else(|| {
        let name = if algorithm.is_symmetric() { "client_secret" } else { "private_key" };
        Located { value: Template::of_name(name), at: own.at().clone() }
    });
    let key_encoding = own.word("key_encoding", KEY_ENCODINGS);
    let assertion = Assertion {
        algorithm,
        key,
        key_encoding: key_encoding.unwrap_or(KeyEncoding::Text),
        kid: template(&own, "kid"),
        x5t: template(&own, "x5t"),
        header: params(&own, "header"),
        claims: params(&own, "claims"),
        lifetime: own.duration("lifetime", false).unwrap_or(Duration::from_secs(300)),
    };
    close(&own, &schema::ASSERTION, &[("iss", "claims"), ("sub", "claims"), ("aud", "claims")]);
    if assertion.lifetime > Duration::from_secs(24 * 60 * 60) {
        own.mistake("lifetime", invalid("an assertion lives for a day at most"));
    }
    if key_encoding.is_some_and(|encoding| encoding != KeyEncoding::Text) && !algorithm.is_symmetric() {
        own.mistake("key_encoding", invalid("this is for HS… algorithms; other keys are PEM"));
    }
    if by_secret && !algorithm.is_symmetric() {
        own.mistake("alg", invalid("client_secret_jwt needs HS256, HS384 or HS512"));
    }
    if proof == ClientProof::PrivateKeyJwt && algorithm.is_symmetric() {
        own.mistake("alg", invalid("private_key_jwt needs an asymmetric algorithm"));
    }
    for (name, value) in &assertion.claims {
        let dropped = matches!(value.value, ParamValue::Bool(false));
        if matches!(name.as_str(), "iat" | "exp" | "jti") && !dropped {
            own.notes().push(
                &value.at,
                invalid("this claim is made for each assertion; it can be dropped by false, not written"),
            );
        }
    }
    for (name, value) in &assertion.header {
        if matches!(name.as_str(), "alg" | "kid" | "x5t") {
            own.notes().push(&value.at, invalid("this member has a key of its own in \"assertion\""));
        }
    }
    Some(assertion)
}

pub(super) fn client_certificate(reader: &Reader<'_>) -> Option<ClientCertificate> {
    let own = reader.section("client_certificate")?;
    for name in ["certificate", "key"] {
        if !own.has(name) {
            own.required(name);
        }
    }
    let (certificate, key) = (template(&own, "certificate"), template(&own, "key"));
    close(&own, &schema::CERTIFICATE, &[]);
    Some(ClientCertificate { certificate: certificate?, key: key? })
}

pub(super) fn secondary_tokens(reader: &Reader<'_>, kind: Option<AuthKind>) -> Vec<SecondaryToken> {
    let mut tokens: Vec<SecondaryToken> = Vec::new();
    for own in reader.sections("secondary_tokens") {
        let name = own.required("name");
        let token = SecondaryToken {
            name: name.clone().unwrap_or_default(),
            url: url(&own, "url"),
            params: params(&own, "params"),
            expires: own.has("expires").then(|| expires(&own)),
            placement: placements(&own, kind),
        };
        close(&own, &schema::SECONDARY, &[("scope", "params"), ("resource", "params")]);
        if name.as_ref().is_some_and(|name| !is_name(name)) {
            own.mistake("name", invalid("a name has letters, digits and '_' only"));
        }
        if tokens.iter().any(|other| Some(&other.name) == name.as_ref()) {
            own.mistake("name", invalid("there are two secondary tokens of this name"));
        }
        if name.is_some() {
            tokens.push(token);
        }
    }
    tokens
}

pub(super) fn expires(reader: &Reader<'_>) -> Expires {
    let section = reader.section("expires");
    let own = section.unwrap_or_else(|| Reader::empty(reader.notes()));
    let expires = Expires {
        kind: own.word("kind", EXPIRY_KINDS).unwrap_or(ExpiryKind::RelativeSeconds),
        default: own.duration("default", false),
        max: own.duration("max", false),
    };
    close(
        &own,
        &schema::EXPIRES,
        &[("refresh_margin", "[[auth]], beside [auth.expires]"), ("path", "response, as expires")],
    );
    if expires.kind == ExpiryKind::Fixed && !own.has("default") {
        own.mistake("default", invalid("the kind \"fixed\" needs the lifetime here"));
    }
    if expires.kind == ExpiryKind::Never && own.has("default") {
        own.mistake("default", invalid("what never ends has no lifetime"));
    }
    if expires.default.zip(expires.max).is_some_and(|(default, max)| default > max) {
        own.mistake("max", invalid("the cap is below the default"));
    }
    expires
}

pub(super) fn limits(reader: &Reader<'_>) -> Limits {
    let Some(own) = reader.section("limits") else { return Limits::default() };
    let token_calls = own.section("token_calls").and_then(|calls| {
        for name in ["count", "per"] {
            if !calls.has(name) {
                calls.required(name);
            }
        }
        let (count, per) = (calls.integer("count"), calls.duration("per", false));
        close(&calls, &schema::TOKEN_CALLS, &[]);
        if count == Some(0) {
            calls.mistake("count", invalid("without a call there is no token"));
        }
        Some((count?, per?))
    });
    let limits = Limits {
        timeout: own.duration("timeout", false),
        concurrency: own.integer("concurrency"),
        token_calls,
        retry_after: texts(&own, "retry_after")
            .into_iter()
            .filter_map(|(name, at)| header_name(&own, &name, &at))
            .collect(),
    };
    close(&own, &schema::LIMITS, &[]);
    if limits.concurrency == Some(0) {
        own.mistake("concurrency", invalid("at least one call must be possible"));
    }
    limits
}
