//! What must not stand together.

use crate::config::{At, Notes, invalid};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::provider::kind::{AuthKind, ClientProof, ExpiryKind, Refresh, Rotation, UrlKey};
use crate::provider::model::AuthMethod;
use crate::provider::read::Draft;

pub(super) fn check(draft: &Draft, method: &AuthMethod, notes: &Notes) {
    let note = |key: &str, text: &str| {
        let at = At { key: format!("{}.{key}", method.at.key), ..method.at.clone() };
        notes.push(&at, invalid(text));
    };
    let (kind, proof) = (method.kind, method.token.client_proof);
    if proof == ClientProof::Auto {
        // The first try may have spent it when the second one is made.
        if matches!(kind, AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode) {
            note("client_auth", "\"auto\" tries twice, and a code works once: write \"body\" or \"basic\"");
        } else if method.renewal.refresh == Refresh::ByRefreshToken && method.renewal.rotation != Rotation::Stable {
            note(
                "client_auth",
                "\"auto\" tries twice, and a refresh token that rotates works once: write rotation = \"stable\" \
                                 if these do not",
            );
        }
    }
    if kind == AuthKind::OAuth2JwtBearer && matches!(proof, ClientProof::PrivateKeyJwt | ClientProof::ClientSecretJwt) {
        note("client_auth", "the assertion of this method is its grant, so it cannot be the client's proof too");
    }
    if kind == AuthKind::Login && !matches!(proof, ClientProof::None | ClientProof::Basic | ClientProof::MutualTls) {
        note("client_auth", "a login has \"none\", \"basic\" or \"mtls\"; write everything else into token_params");
    }
    let has_pair =
        kind == AuthKind::Basic || matches!(proof, ClientProof::Basic | ClientProof::Both | ClientProof::Auto);
    if method.token.basic.is_some() && !has_pair && kind.has_token_request() {
        note("basic_user", "this is for client_auth = \"basic\" and \"both\"");
    }
    if method.expires.kind == ExpiryKind::Introspect && !has_url(draft, method, UrlKey::Introspect) {
        note("expires.kind", "\"introspect\" needs introspect_url");
    }
    if method.renewal.keep_alive.is_some() && method.renewal.refresh == Refresh::None {
        note("keep_alive", "what cannot be renewed cannot be kept alive");
    }
    if !method.secondary_tokens.is_empty() && method.renewal.refresh != Refresh::ByRefreshToken {
        note("secondary_tokens", "they are bought by a refresh token, so refresh must be \"by_refresh_token\"");
    }
    if kind == AuthKind::Login
        && method.assertion.is_none()
        && method.token.params.is_empty()
        && !method.steps.is_empty()
    {
        let url = has_url(draft, method, UrlKey::Token);
        if !url {
            note("steps", "the first request of a login is its token_url; steps follow it");
        }
    }
    for (name, available) in [("scopes", &method.token.scopes), ("default_scopes", &method.token.default_scopes)] {
        for scope in available {
            let literal = scope.value.literal();
            let known = &method.token.available_scopes;
            if literal.is_some_and(|text| !known.is_empty() && !known.contains(&text)) {
                notes.push(
                    &scope.at,
                    ConfigError::new(
                        ConfigErrorKind::InvalidScope,
                        format!("this one of {name} is not among available_scopes"),
                    ),
                );
            }
        }
    }
}

fn has_url(draft: &Draft, method: &AuthMethod, key: UrlKey) -> bool {
    method.urls.contains_key(&key) || draft.environments.values().any(|urls| urls.contains_key(&key))
}
