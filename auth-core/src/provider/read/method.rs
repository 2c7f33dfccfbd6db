use crate::config::{Reader, invalid};
use crate::provider::field::FieldSpec;
use crate::provider::kind::{AuthKind, KINDS, URL_KEYS, UrlKey};
use crate::provider::model::{AuthMethod, ParamValue};
use crate::provider::schema;

use super::answer::response;
use super::assertion::{assertion, client_certificate, expires, limits, secondary_tokens};
use super::field::field;
use super::parts::{check_flat, close, headers, params, urls};
use super::placement::{header_of, placements, signer};
use super::request::{Purpose, request};
use super::token_request::{consent, renewal, token_request};

pub(super) fn method(reader: &Reader<'_>) -> Option<AuthMethod> {
    let key = reader.text("key");
    let title = reader.text("title");
    if !reader.has("kind") {
        reader.required("kind");
    }
    let kind = reader.word("kind", KINDS);
    let fields: Vec<FieldSpec> = reader.sections("fields").iter().filter_map(field).collect();
    for (index, own) in fields.iter().enumerate() {
        if fields.iter().take(index).any(|earlier| earlier.name == own.name) {
            reader.notes().push(&own.at, invalid(&format!("there are two fields called {:?}", own.name)));
        }
    }
    let token = token_request(reader, kind);
    let every: Vec<UrlKey> = URL_KEYS.iter().map(|(_, key)| *key).collect();
    let urls = urls(reader, &every);
    let consent = consent(reader);
    let renewal = renewal(reader, kind);
    let expires = expires(reader);
    let response = response(reader);
    let requests = |name: &'static str, purpose: Purpose| -> Vec<_> {
        reader.sections(name).iter().filter_map(|own| request(own, purpose, token.format)).collect()
    };
    let (steps, verify, probe) =
        (requests("steps", Purpose::Step), requests("verify", Purpose::Verify), requests("probe", Purpose::Probe));
    let revoke = reader.section("revoke").and_then(|own| request(&own, Purpose::Revoke, token.format));
    let assertion = assertion(reader, kind, token.client_proof);
    let client_certificate = client_certificate(reader);
    let secondary_tokens = secondary_tokens(reader, kind);
    let placement = placements(reader, kind);
    let api_headers = headers(reader, "api_headers");
    let api_query = params(reader, "api_query");
    check_flat(reader, &api_query);
    let signer = signer(reader);
    let limits = limits(reader);
    close(
        reader,
        &schema::METHOD,
        &[
            ("environments", "the top of the file, as [environments.NAME]"),
            ("id", "the top of the file, before [[auth]]"),
            ("display_name", "the top of the file, before [[auth]]"),
            ("docs_url", "the top of the file, before [[auth]]"),
            ("categories", "the top of the file, before [[auth]]"),
            ("logo", "the top of the file, before [[auth]]"),
            ("extends", "the top of the file, before [[auth]]"),
            ("code_param", "callback"),
            ("capture", "response, callback or probe"),
            ("timeout", "limits"),
            ("headers", "token_headers or api_headers"),
        ],
    );

    let kind = kind?;
    check_use(reader, kind);
    let taken = header_of(&placement, kind);
    for (name, value) in &api_headers {
        if taken.contains(name) {
            reader.notes().push(&value.at, invalid(&format!("the credential goes into the header {name}")));
        }
    }
    if reader.has("revoke") && reader.has("revoke_url") {
        reader.mistake("revoke_url", invalid("this must have either \"revoke\" or \"revoke_url\""));
    }
    Some(AuthMethod {
        at: reader.at().clone(),
        key: key.unwrap_or_else(|| kind.as_str().to_owned()),
        title,
        kind,
        fields,
        urls,
        token,
        consent,
        renewal,
        expires,
        response,
        steps,
        assertion,
        client_certificate,
        secondary_tokens,
        placement,
        api_headers,
        api_query: api_query.into_iter().filter(|(_, value)| !matches!(value.value, ParamValue::Table(_))).collect(),
        signer,
        verify,
        probe,
        revoke,
        limits,
    })
}

/// Objects to keys that have no meaning for the kind.
fn check_use(reader: &Reader<'_>, kind: AuthKind) {
    for key in schema::METHOD.names() {
        let what = match key {
            "authorize_url" | "device_url" | "authorize_params" | "pkce" | "response_mode" | "fragment_route"
            | "callback"
                if kind != AuthKind::OAuth2Code =>
            {
                "is for the kind oauth2_code, where a person consents"
            }
            "grant_type" | "param_names" | "scopes" | "default_scopes" | "available_scopes" | "scope_separator"
            | "scope_raw" | "refresh_grant_type" | "revoke_url" | "issuer" | "secondary_tokens"
                if !kind.is_oauth() =>
            {
                "is for OAuth 2.0"
            }
            "token_url" | "refresh_url" | "introspect_url" | "client_auth" | "body_format" | "method"
            | "token_params" | "token_headers" | "skip_empty" | "refresh" | "refresh_params" | "refresh_headers"
            | "rotation" | "reuse_grace" | "keep_alive" | "refresh_margin" | "expires" | "response" | "steps"
            | "assertion"
                if !kind.has_token_request() =>
            {
                "is for token requests"
            }
            "basic_encoding" | "basic_user" | "basic_password"
                if kind != AuthKind::Basic && !kind.has_token_request() =>
            {
                "is for Basic pairs"
            }
            "placement" | "signer" | "expired_signal" | "revoke" | "probe" if kind == AuthKind::None => {
                "is for credentials"
            }
            _ => continue,
        };
        if reader.has(key) {
            reader
                .mistake(key, invalid(&format!("this key {what}, and the kind {:?} has no use for it", kind.as_str())));
        }
    }
}
