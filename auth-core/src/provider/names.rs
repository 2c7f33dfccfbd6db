//! The names that have a meaning in templates.

/// No field may be called so.
pub(crate) const RESERVED: &[&str] = &[
    "base_url",
    "token_url",
    "authorize_url",
    "refresh_url",
    "revoke_url",
    "introspect_url",
    "device_url",
    "issuer",
    "redirect_uri",
    "scopes",
    "token",
    "refresh_token",
    "assertion",
    "auth",
    "environment",
    "client_auth",
];
