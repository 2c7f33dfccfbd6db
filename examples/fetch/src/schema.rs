//! The keys of a provider file and the words that they may have: those that this program acts on, and those of the full schema
//! that it refuses by name.

use tower_auth::core::{BodyFormat, ClientAuth};

use crate::document::{Choices, Keys};
use crate::provider::Kind;

pub(crate) const PROVIDER: Keys = Keys {
    known: &["id", "display_name", "docs_url", "categories", "base_url", "environments", "auth"],
    later: &["logo", "extends"],
    elsewhere: &[
        ("kind", "[[auth]]"),
        ("token_url", "[[auth]]"),
        ("client_auth", "[[auth]]"),
        ("fields", "[[auth]], as [[auth.fields]]"),
        ("verify", "[[auth]], as [[auth.verify]]"),
        ("scopes", "[[auth]]"),
    ],
};

pub(crate) const ENVIRONMENT: Keys =
    Keys { known: &["base_url", "token_url"], later: &["authorize_url"], elsewhere: &[] };

pub(crate) const METHOD: Keys = Keys {
    known: &[
        "kind",
        "key",
        "fields",
        "token_url",
        "client_auth",
        "basic_encoding",
        "basic_user",
        "basic_password",
        "body_format",
        "method",
        "grant_type",
        "token_params",
        "token_headers",
        "scopes",
        "default_scopes",
        "scope_separator",
        "skip_empty",
        "expires",
        "refresh_margin",
        "placement",
        "api_headers",
        "verify",
        "limits",
    ],
    later: &[
        "authorize_url",
        "refresh_url",
        "revoke_url",
        "introspect_url",
        "param_names",
        "refresh_grant_type",
        "authorize_params",
        "refresh_params",
        "refresh_headers",
        "available_scopes",
        "scope_raw",
        "pkce",
        "callback",
        "response_mode",
        "fragment_route",
        "response",
        "refresh",
        "rotation",
        "reuse_grace",
        "keep_alive",
        "expired_signal",
        "steps",
        "assertion",
        "client_certificate",
        "secondary_tokens",
        "api_query",
        "signer",
        "probe",
        "revoke",
    ],
    elsewhere: &[
        ("base_url", "the top of the file, before [[auth]]"),
        ("environments", "the top of the file, as [environments.NAME]"),
        ("id", "the top of the file, before [[auth]]"),
        ("display_name", "the top of the file, before [[auth]]"),
        ("docs_url", "the top of the file, before [[auth]]"),
        ("categories", "the top of the file, before [[auth]]"),
    ],
};

pub(crate) const FIELD: Keys = Keys {
    known: &["name", "title", "help", "help_url", "example", "type", "secret", "required", "enum", "default"],
    later: &["pattern", "format", "hidden", "order", "prefix", "suffix", "visible_when", "scope", "source"],
    elsewhere: &[],
};

pub(crate) const VERIFY: Keys =
    Keys { known: &["method", "url", "headers", "body", "expect"], later: &[], elsewhere: &[] };
pub(crate) const EXPECT: Keys = Keys { known: &["status"], later: &["header", "body"], elsewhere: &[] };
pub(crate) const PLACEMENT: Keys =
    Keys { known: &["header", "value", "query"], later: &["body", "path", "cookie"], elsewhere: &[] };
pub(crate) const EXPIRES: Keys = Keys {
    known: &["kind", "default"],
    later: &["max"],
    elsewhere: &[("refresh_margin", "[[auth]], beside [auth.expires]")],
};
pub(crate) const LIMITS: Keys =
    Keys { known: &["timeout"], later: &["token_calls", "retry_after", "concurrency"], elsewhere: &[] };

pub(crate) const KINDS: Choices<Kind> = Choices {
    known: &[
        ("oauth2_client_credentials", Kind::ClientCredentials),
        ("api_key", Kind::ApiKey),
        ("basic", Kind::Basic),
        ("none", Kind::None),
    ],
    later: &["oauth2_code", "oauth2_password", "oauth2_static_code", "oauth2_jwt_bearer", "login"],
};

pub(crate) const CLIENT_AUTHS: Choices<ClientAuth> = Choices {
    known: &[
        ("basic", ClientAuth::BasicRaw),
        ("body", ClientAuth::Body),
        ("both", ClientAuth::Both),
        ("none", ClientAuth::None),
    ],
    later: &["private_key_jwt", "client_secret_jwt", "mtls", "auto"],
};

/// Whether the halves of a Basic pair are form-encoded first.
pub(crate) const BASIC_ENCODINGS: Choices<bool> = Choices { known: &[("raw", false), ("form", true)], later: &[] };

pub(crate) const BODY_FORMATS: Choices<BodyFormat> = Choices {
    known: &[("form", BodyFormat::Form), ("json", BodyFormat::Json), ("query", BodyFormat::InsecureQuery)],
    later: &["xml"],
};

pub(crate) const TOKEN_METHODS: Choices<()> = Choices { known: &[("POST", ())], later: &["GET"] };
pub(crate) const EXPIRY_KINDS: Choices<()> = Choices {
    known: &[("relative_s", ())],
    later: &["relative_ms", "relative_text", "absolute_auto", "jwt_exp", "fixed", "introspect", "never"],
};
pub(crate) const FIELD_TYPES: Choices<()> =
    Choices { known: &[("string", ()), ("enum", ())], later: &["boolean", "pem", "json"] };
