//! The fields that a method has beside those that its file declares.

use crate::config::{At, Notes, invalid};
use crate::provider::field::FieldSpec;
use crate::provider::kind::{AuthKind, ClientProof, FieldScope, FieldSource, FieldType};
use crate::provider::model::{AuthMethod, ClientCertificate, Located, ParamPlace};
use crate::provider::names::RESERVED;
use crate::provider::template::Template;

/// Fields that are secret whatever the file says.
const SECRETS: &[&str] = &["client_secret", "password", "api_key", "code", "private_key"];
/// Those of the client itself, which the operator of a consent page sets.
const CLIENT: &[&str] = &["client_id", "client_secret", "private_key", "certificate"];

pub(super) fn complete(method: &mut AuthMethod, notes: &Notes) {
    if method.token.client_proof == ClientProof::MutualTls && method.client_certificate.is_none() {
        let field = |name: &str| Located { value: Template::of_name(name), at: method.at.clone() };
        method.client_certificate =
            Some(ClientCertificate { certificate: field("certificate"), key: field("private_key") });
    }
    add_own_fields(method);
    set_pair(method);
    for field in &mut method.fields {
        let forced = !field.secret && SECRETS.contains(&field.name.as_str());
        field.secret |= forced;
        if forced && field.default.is_some() {
            notes.push(
                &field.at,
                invalid(&format!("the field {:?} is secret, and a secret has no default", field.name)),
            );
        }
        if !field.scope_written {
            if method.kind == AuthKind::OAuth2Code && CLIENT.contains(&field.name.as_str()) {
                field.scope = FieldScope::Connector;
            }
            if method.kind == AuthKind::OAuth2StaticCode && field.name == "code" {
                field.scope = FieldScope::Once;
            }
        }
    }
    add_captured(method, notes);
    check_visibility(method, notes);
    method.fields.sort_by_key(|field| field.order.unwrap_or(u64::MAX));
}

/// Adds the fields of the kind that are not declared, in front.
fn add_own_fields(method: &mut AuthMethod) {
    let mut own: Vec<&str> = Vec::new();
    let proof = method.token.client_proof;
    let declared = |name: &str| method.fields.iter().any(|field| field.name == name);
    let pair_uses = |name: &str| {
        method.token.basic.as_ref().is_none_or(|(user, password)| user.value.uses(name) || password.value.uses(name))
    };
    if method.kind.is_oauth() && method.kind != AuthKind::OAuth2JwtBearer {
        if method.token.names.name(ParamPlace::Token, "client_id").is_some() || proof == ClientProof::Basic {
            own.push("client_id");
        }
        if proof.uses_secret() && (proof == ClientProof::ClientSecretJwt || pair_uses("client_secret")) {
            own.push("client_secret");
        }
    }
    if method.kind == AuthKind::OAuth2JwtBearer && proof.uses_secret() {
        own.extend(["client_id", "client_secret"]);
    }
    let login_pair = method.kind == AuthKind::Login && proof == ClientProof::Basic && method.token.basic.is_none();
    match method.kind {
        AuthKind::OAuth2Password => own.extend(["username", "password"]),
        AuthKind::OAuth2StaticCode => own.push("code"),
        AuthKind::ApiKey if has_key(method) => own.push("api_key"),
        AuthKind::Basic if method.token.basic.is_none() => {
            own.extend(if declared("client_id") { ["client_id", "client_secret"] } else { ["username", "password"] });
        }
        AuthKind::Login if login_pair => own.extend(["username", "password"]),
        _ => {}
    }
    let assertion = method.assertion.as_ref().map(|assertion| &assertion.key.value);
    let pair = method.client_certificate.as_ref();
    for name in ["certificate", "private_key", "client_secret"] {
        let used = assertion.is_some_and(|key| key.uses(name))
            || pair.is_some_and(|pair| pair.certificate.value.uses(name) || pair.key.value.uses(name));
        if used && !own.contains(&name) {
            own.push(name);
        }
    }
    for (index, name) in own.into_iter().enumerate() {
        if !method.fields.iter().any(|field| field.name == name) {
            let mut field = FieldSpec::bare(name, SECRETS.contains(&name), &method.at);
            if matches!(name, "private_key" | "certificate") {
                field.kind = FieldType::Pem;
            }
            let at = index.min(method.fields.len());
            method.fields.insert(at, field);
        }
    }
}

/// Whether an `api_key` method has a field of that name although it is not declared.
fn has_key(method: &AuthMethod) -> bool {
    let elsewhere = if method.placement.is_empty() {
        method.signer.is_some()
    } else {
        !method.placement.iter().any(|one| match &one.place {
            crate::provider::model::Place::Path(path) => path.names().iter().any(|name| is_token(name)),
            _ => one.value.value.uses("token"),
        })
    };
    method.fields.is_empty() || !elsewhere
}

fn is_token(name: &crate::provider::template::Name) -> bool {
    matches!(name, crate::provider::template::Name::Plain(own) if own == "token")
}

/// What a Basic pair is made of, where the file does not say.
fn set_pair(method: &mut AuthMethod) {
    let wanted = match method.kind {
        AuthKind::Basic => true,
        kind if kind.has_token_request() => {
            matches!(method.token.client_proof, ClientProof::Basic | ClientProof::Both | ClientProof::Auto)
        }
        _ => false,
    };
    if method.token.basic.is_some() || !wanted {
        return;
    }
    let person = method.kind == AuthKind::Login
        || method.kind == AuthKind::Basic && !method.fields.iter().any(|field| field.name == "client_id");
    let (user, password) = if person { ("username", "password") } else { ("client_id", "client_secret") };
    let half = |name: &str| Located { value: Template::of_name(name), at: method.at.clone() };
    method.token.basic = Some((half(user), half(password)));
}

fn add_captured(method: &mut AuthMethod, notes: &Notes) {
    let of_answers = method.response.capture.iter().chain(method.steps.iter().flat_map(|step| &step.capture));
    let of_answers = of_answers.map(|one| (one.name.clone(), one.at.clone(), one.secret, FieldSource::TokenResponse));
    let of_callback = method.consent.capture.iter();
    let of_callback = of_callback.map(|(name, _)| (name.clone(), method.at.clone(), false, FieldSource::Callback));
    let of_probes = method.probe.iter().flat_map(|probe| &probe.capture);
    let of_probes = of_probes.map(|one| (one.name.clone(), one.at.clone(), one.secret, FieldSource::Probe));
    let captures: Vec<(String, At, bool, FieldSource)> = of_answers.chain(of_callback).chain(of_probes).collect();
    for (name, at, secret, source) in captures {
        if RESERVED.contains(&name.as_str()) {
            notes.push(
                &at,
                invalid(&format!("the name {name:?} has a meaning of its own, so nothing can be kept under it")),
            );
            continue;
        }
        match method.fields.iter_mut().find(|field| field.name == name) {
            Some(field) if field.source_written && field.source != source => {
                let text =
                    format!("the field {name:?} has the source {:?}, and this is another", field.source.as_str());
                notes.push(&at, invalid(&text));
            }
            Some(field) => {
                field.source = source;
                field.secret |= secret;
                field.required = field.required_written.unwrap_or(false);
            }
            None => {
                let mut field = FieldSpec::bare(&name, secret, &at);
                (field.source, field.hidden, field.required, field.source_written) = (source, true, false, true);
                method.fields.push(field);
            }
        }
    }
    for field in method.fields.iter().filter(|field| field.source != FieldSource::User) {
        let captured = method.response.capture.iter().any(|one| one.name == field.name)
            || method.steps.iter().chain(&method.probe).any(|one| one.capture.iter().any(|one| one.name == field.name))
            || method.consent.capture.iter().any(|(name, _)| *name == field.name);
        if !captured {
            let text = format!(
                "the field {:?} has the source {:?}, and no capture fills it",
                field.name,
                field.source.as_str()
            );
            notes.push(&field.at, invalid(&text));
        }
    }
}

fn check_visibility(method: &AuthMethod, notes: &Notes) {
    let names: Vec<_> = method.fields.iter().map(|field| field.name.as_str()).collect();
    for field in &method.fields {
        let Some(when) = &field.visible_when else { continue };
        match method.fields.iter().find(|other| other.name == when.field) {
            None => {
                let text =
                    crate::config::unknown(&format!("field {:?} in visible_when", when.field), &when.field, &names);
                notes.push(&field.at, invalid(&text));
            }
            Some(other) if other.name == field.name || other.visible_when.is_some() => {
                notes.push(&field.at, invalid("visible_when must name another field, one that is always visible"));
            }
            Some(other) => {
                let strange = |value: &String| !other.allowed.is_empty() && !other.allowed.contains(value);
                if when.equals.iter().any(strange) {
                    let text = format!("the field {:?} never has a value that visible_when names", other.name);
                    notes.push(&field.at, invalid(&text));
                }
            }
        }
    }
}
