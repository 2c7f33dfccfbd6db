//! The token request, consent and renewal.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Reader, Value, invalid};
use crate::error::ConfigError;
use crate::error::ConfigErrorKind;
use crate::provider::kind::{
    AuthKind, BASIC_ENCODINGS, CLIENT_PROOFS, ClientProof, FORMATS, PKCES, REFRESHES, RESPONSE_MODES, ROTATIONS,
    Refresh, RequestFormat, Rotation, TOKEN_METHODS,
};
use crate::provider::model::{Consent, GrantType, Located, ParamNames, Renewal, TokenRequest};
use crate::provider::schema;
use crate::provider::template::Template;

use super::answer::predicate;
use super::parts::{check_flat, close, headers, is_name, params, template, templates};

pub(super) fn token_request(reader: &Reader<'_>, kind: Option<AuthKind>) -> TokenRequest {
    let usual_proof = match kind {
        Some(AuthKind::Login | AuthKind::OAuth2JwtBearer) => ClientProof::None,
        _ => ClientProof::Body,
    };
    let login = kind == Some(AuthKind::Login);
    let usual_format = if login { RequestFormat::Json } else { RequestFormat::Form };
    if reader.get("client_auth").and_then(|node| node.text()) == Some("plain") {
        reader.mistake("client_auth", invalid("write \"body\" for id and secret as parameters"));
    }
    let client_proof = reader.word("client_auth", CLIENT_PROOFS).unwrap_or(usual_proof);
    let (user, password) = (template(reader, "basic_user"), template(reader, "basic_password"));
    let empty = || Located { value: Template::of_text(""), at: reader.at().clone() };
    let basic =
        (user.is_some() || password.is_some()).then(|| (user.unwrap_or_else(empty), password.unwrap_or_else(empty)));
    if reader.get("body_format").and_then(|node| node.text()) == Some("xml") {
        reader.mistake("body_format", invalid("XML bodies are for code, not for files"));
    }
    let format = match reader.get("body_format").and_then(|node| node.text()) {
        Some("xml") => usual_format,
        _ => reader.word("body_format", FORMATS).unwrap_or(usual_format),
    };
    let is_get = reader.word("method", TOKEN_METHODS).unwrap_or(false);
    let token_params = params(reader, "token_params");
    if is_get || format != RequestFormat::Json {
        check_flat(reader, &token_params);
    }
    if is_get && reader.has("body_format") && format != RequestFormat::Query {
        reader.mistake("body_format", invalid("a GET sends its parameters in the query"));
    }
    if reader.has("basic_encoding")
        && !matches!(client_proof, ClientProof::Basic | ClientProof::Both | ClientProof::Auto)
    {
        let basic_kind = kind == Some(AuthKind::Basic);
        if !basic_kind {
            reader.mistake("basic_encoding", invalid("this is for client_auth = \"basic\", \"both\" and \"auto\""));
        }
    }
    TokenRequest {
        client_proof,
        basic_form_encoded: reader.word("basic_encoding", BASIC_ENCODINGS).unwrap_or(false),
        basic,
        format: if is_get { RequestFormat::Query } else { format },
        is_get,
        grant_type: grant_type(reader, "grant_type"),
        params: token_params,
        headers: headers(reader, "token_headers"),
        names: param_names(reader),
        skip_empty: reader.boolean("skip_empty").unwrap_or(false),
        scopes: scopes(reader, "scopes"),
        default_scopes: scopes(reader, "default_scopes"),
        available_scopes: reader.texts("available_scopes"),
        scope_separator: scope_separator(reader),
        scope_raw: reader.boolean("scope_raw").unwrap_or(false),
    }
}

/// A text; `"omit"` or `false` for none.
fn grant_type(reader: &Reader<'_>, name: &'static str) -> GrantType {
    if matches!(reader.get(name).map(|node| &node.value), Some(Value::Bool(false))) {
        return GrantType::Omitted;
    }
    match reader.text(name) {
        None => GrantType::Usual,
        Some(text) if text == "omit" => GrantType::Omitted,
        Some(text) => {
            if text.is_empty() {
                reader.mistake(name, invalid("the grant type is empty; write false to send none"));
            }
            GrantType::Other(text)
        }
    }
}

fn scopes(reader: &Reader<'_>, name: &'static str) -> Vec<Located<Template>> {
    let scopes = templates(reader, name);
    for scope in &scopes {
        // RFC 6749 section 3.3.
        let fits = scope.value.literal().is_none_or(|text| {
            !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
        });
        if !fits {
            let what = "a scope has no blank, quote or backslash; write each by itself";
            reader.notes().push(&scope.at, ConfigError::new(ConfigErrorKind::InvalidScope, what));
        }
    }
    scopes
}

fn scope_separator(reader: &Reader<'_>) -> char {
    let Some(text) = reader.text("scope_separator") else { return ' ' };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(separator), None) if (' '..='~').contains(&separator) => separator,
        _ => {
            reader.mistake("scope_separator", invalid("the value is not one printable character"));
            ' '
        }
    }
}

fn param_names(reader: &Reader<'_>) -> ParamNames {
    let Some(own) = reader.section("param_names") else { return ParamNames::default() };
    let part = |name: &'static str| match own.section(name) {
        Some(part) => {
            let renames = renames(&part);
            close(&part, &schema::RENAMES, &[]);
            renames
        }
        None => BTreeMap::new(),
    };
    let names =
        ParamNames { authorize: part("authorize"), token: part("token"), refresh: part("refresh"), all: renames(&own) };
    close(&own, &schema::PARAM_NAMES, &[]);
    names
}

fn renames(own: &Reader<'_>) -> BTreeMap<&'static str, Option<String>> {
    let mut renames: BTreeMap<&'static str, Option<String>> = BTreeMap::new();
    for name in schema::RENAMES.names() {
        let Some(node) = own.get(name) else { continue };
        match &node.value {
            Value::Bool(false) if matches!(name, "state" | "code" | "code_verifier") => {
                own.mistake(name, invalid("without this parameter the exchange is not safe, or impossible"));
            }
            Value::Bool(false) => {
                renames.insert(name, None);
            }
            Value::Text(text) if !text.is_empty() => {
                if renames.values().any(|other| other.as_deref() == Some(text)) {
                    own.mistake(name, invalid(&format!("another parameter is called {text:?} already")));
                }
                renames.insert(name, Some(text.clone()));
            }
            _ => own.mistake(name, invalid("the value is not a name, nor false")),
        }
    }
    renames
}

pub(super) fn consent(reader: &Reader<'_>) -> Consent {
    const OURS: [&str; 6] = ["client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"];
    let own_params = params(reader, "authorize_params");
    check_flat(reader, &own_params);
    for (name, value) in &own_params {
        if OURS.contains(&name.as_str()) {
            let what = "this parameter is made for each request; param_names renames it, scopes and pkce change it";
            reader.notes().push(&value.at, invalid(what));
        }
    }
    let mut code_param = "code".to_owned();
    let mut capture: Vec<(String, String)> = Vec::new();
    if let Some(own) = reader.section("callback") {
        if let Some(name) = own.text("code_param") {
            code_param = name;
        }
        for one in own.sections("capture") {
            let (name, param) = (one.required("name"), one.required("param"));
            close(&one, &schema::CALLBACK_CAPTURE, &[("path", "param: a callback has parameters")]);
            if name.as_ref().is_some_and(|name| !is_name(name)) {
                one.mistake("name", invalid("a field's name has letters, digits and '_' only"));
                continue;
            }
            capture.extend(name.zip(param));
        }
        let elsewhere = [
            ("response_mode", "[[auth]], beside [auth.callback]"),
            ("fragment_route", "[[auth]], beside [auth.callback]"),
        ];
        close(&own, &schema::CALLBACK, &elsewhere);
    }
    if reader.get("pkce").and_then(|node| node.text()) == Some("plain") {
        reader.mistake(
            "pkce",
            invalid("there is no \"plain\": whoever reads the request could use it. Write \"s256\" or \"off\""),
        );
    }
    let pkce = match reader.get("pkce").and_then(|node| node.text()) {
        Some("plain") => true,
        _ => reader.word("pkce", PKCES).unwrap_or(true),
    };
    Consent {
        params: own_params,
        pkce,
        response_mode: reader.word("response_mode", RESPONSE_MODES),
        fragment_route: reader.text("fragment_route"),
        code_param,
        capture,
    }
}

pub(super) fn renewal(reader: &Reader<'_>, kind: Option<AuthKind>) -> Renewal {
    let usual = match kind {
        Some(AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode) => Refresh::ByRefreshToken,
        Some(kind) if kind.has_token_request() => Refresh::Regrant,
        _ => Refresh::None,
    };
    let refresh = reader.word("refresh", REFRESHES).unwrap_or(usual);
    if refresh == Refresh::Regrant && usual == Refresh::ByRefreshToken {
        reader.mistake("refresh", invalid("a code works once, so it cannot be asked with again"));
    }
    let renewal = Renewal {
        refresh,
        grant_type: grant_type(reader, "refresh_grant_type"),
        params: params(reader, "refresh_params"),
        headers: headers(reader, "refresh_headers"),
        rotation: reader.word("rotation", ROTATIONS).unwrap_or(Rotation::Unknown),
        reuse_grace: reader.duration("reuse_grace", true).unwrap_or(Duration::ZERO),
        keep_alive: reader.duration("keep_alive", false),
        margin: reader.duration("refresh_margin", false),
        expired_signal: predicate(reader, "expired_signal"),
    };
    if matches!(refresh, Refresh::Regrant | Refresh::None) && kind.is_some_and(AuthKind::has_token_request) {
        for name in
            ["refresh_url", "refresh_grant_type", "refresh_params", "refresh_headers", "rotation", "reuse_grace"]
        {
            if reader.has(name) {
                reader.mistake(name, invalid("this needs refresh = \"by_refresh_token\" or \"by_access_token\""));
            }
        }
    }
    renewal
}
