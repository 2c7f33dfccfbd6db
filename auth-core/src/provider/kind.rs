//! The words of provider files.

/// How a method authenticates: the grant or scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthKind {
    /// A person consents, and the code that comes back is exchanged (RFC 6749 section 4.1).
    OAuth2Code,
    /// The client for itself (RFC 6749 section 4.4).
    OAuth2ClientCredentials,
    /// A person's name and password (RFC 6749 section 4.3); discouraged.
    OAuth2Password,
    /// A code that somebody copied from a page.
    OAuth2StaticCode,
    /// An assertion that we sign (RFC 7523).
    OAuth2JwtBearer,
    /// A key that never changes.
    ApiKey,
    /// A user name and a password on every request (RFC 7617).
    Basic,
    /// A request of the provider's own that answers with a token.
    Login,
    /// No credential.
    None,
}

/// What kind of text the value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// Any text.
    String,
    /// One of a list.
    Enum,
    /// `true` or `false`.
    Boolean,
    /// A key or certificate in PEM.
    Pem,
    /// JSON.
    Json,
}

/// A well-known form of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldFormat {
    /// A host name, without a port.
    Hostname,
    /// An absolute `https` URL.
    Uri,
    /// A UUID.
    Uuid,
    /// An address for electronic mail.
    Email,
}

/// Whose value a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldScope {
    /// The operator's, set once for all users.
    Connector,
    /// Each user's.
    Credential,
    /// Used for the first exchange, then forgotten.
    Once,
}

/// Where the value of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldSource {
    /// Somebody gives it.
    User,
    /// It comes back with the code.
    Callback,
    /// It is part of the answer with the token.
    TokenResponse,
    /// A request after connecting finds it.
    Probe,
}

/// How the client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientProof {
    Basic,
    Body,
    Both,
    None,
    PrivateKeyJwt,
    ClientSecretJwt,
    MutualTls,
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFormat {
    Form,
    Json,
    Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    ByRefreshToken,
    ByAccessToken,
    Regrant,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    Rotating,
    Stable,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpiryKind {
    RelativeSeconds,
    RelativeMillis,
    RelativeText,
    AbsoluteAuto,
    JwtExp,
    Fixed,
    Introspect,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyEncoding {
    Text,
    Hex,
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignerKind {
    AwsSigV4,
    HttpSignature,
    Custom,
}

/// One of the URLs of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UrlKey {
    Base,
    Authorize,
    Token,
    Refresh,
    Revoke,
    Introspect,
    Device,
    Issuer,
}

pub(crate) const KINDS: &[(&str, AuthKind)] = &[
    ("oauth2_code", AuthKind::OAuth2Code),
    ("oauth2_client_credentials", AuthKind::OAuth2ClientCredentials),
    ("oauth2_password", AuthKind::OAuth2Password),
    ("oauth2_static_code", AuthKind::OAuth2StaticCode),
    ("oauth2_jwt_bearer", AuthKind::OAuth2JwtBearer),
    ("api_key", AuthKind::ApiKey),
    ("basic", AuthKind::Basic),
    ("login", AuthKind::Login),
    ("none", AuthKind::None),
];
pub(crate) const FIELD_TYPES: &[(&str, FieldType)] = &[
    ("string", FieldType::String),
    ("enum", FieldType::Enum),
    ("boolean", FieldType::Boolean),
    ("pem", FieldType::Pem),
    ("json", FieldType::Json),
];
pub(crate) const FIELD_FORMATS: &[(&str, FieldFormat)] = &[
    ("hostname", FieldFormat::Hostname),
    ("uri", FieldFormat::Uri),
    ("uuid", FieldFormat::Uuid),
    ("email", FieldFormat::Email),
];
pub(crate) const FIELD_SCOPES: &[(&str, FieldScope)] =
    &[("connector", FieldScope::Connector), ("credential", FieldScope::Credential), ("once", FieldScope::Once)];
pub(crate) const FIELD_SOURCES: &[(&str, FieldSource)] = &[
    ("user", FieldSource::User),
    ("callback", FieldSource::Callback),
    ("token_response", FieldSource::TokenResponse),
    ("probe", FieldSource::Probe),
];
pub(crate) const CLIENT_PROOFS: &[(&str, ClientProof)] = &[
    ("basic", ClientProof::Basic),
    ("body", ClientProof::Body),
    ("both", ClientProof::Both),
    ("none", ClientProof::None),
    ("private_key_jwt", ClientProof::PrivateKeyJwt),
    ("client_secret_jwt", ClientProof::ClientSecretJwt),
    ("mtls", ClientProof::MutualTls),
    ("auto", ClientProof::Auto),
];
/// Whether the halves of a Basic pair are form-encoded first.
pub(crate) const BASIC_ENCODINGS: &[(&str, bool)] = &[("raw", false), ("form", true)];
pub(crate) const FORMATS: &[(&str, RequestFormat)] =
    &[("form", RequestFormat::Form), ("json", RequestFormat::Json), ("query", RequestFormat::Query)];
/// Whether the token request is a GET.
pub(crate) const TOKEN_METHODS: &[(&str, bool)] = &[("POST", false), ("GET", true)];
pub(crate) const REFRESHES: &[(&str, Refresh)] = &[
    ("by_refresh_token", Refresh::ByRefreshToken),
    ("by_access_token", Refresh::ByAccessToken),
    ("regrant", Refresh::Regrant),
    ("none", Refresh::None),
];
pub(crate) const ROTATIONS: &[(&str, Rotation)] =
    &[("rotating", Rotation::Rotating), ("stable", Rotation::Stable), ("unknown", Rotation::Unknown)];
pub(crate) const EXPIRY_KINDS: &[(&str, ExpiryKind)] = &[
    ("relative_s", ExpiryKind::RelativeSeconds),
    ("relative_ms", ExpiryKind::RelativeMillis),
    ("relative_text", ExpiryKind::RelativeText),
    ("absolute_auto", ExpiryKind::AbsoluteAuto),
    ("jwt_exp", ExpiryKind::JwtExp),
    ("fixed", ExpiryKind::Fixed),
    ("introspect", ExpiryKind::Introspect),
    ("never", ExpiryKind::Never),
];
/// Whether PKCE is used.
pub(crate) const PKCES: &[(&str, bool)] = &[("s256", true), ("off", false)];
pub(crate) const RESPONSE_MODES: &[(&str, ResponseMode)] =
    &[("query", ResponseMode::Query), ("fragment", ResponseMode::Fragment), ("form_post", ResponseMode::FormPost)];
pub(crate) const KEY_ENCODINGS: &[(&str, KeyEncoding)] =
    &[("text", KeyEncoding::Text), ("hex", KeyEncoding::Hex), ("base64", KeyEncoding::Base64)];
pub(crate) const SIGNER_KINDS: &[(&str, SignerKind)] = &[
    ("aws_sigv4", SignerKind::AwsSigV4),
    ("http_signature", SignerKind::HttpSignature),
    ("custom", SignerKind::Custom),
];
pub(crate) const SIGNATURE_ALGORITHMS: &[(&str, &str)] =
    &[("hmac-sha256", "hmac-sha256"), ("rsa-sha256", "rsa-sha256"), ("ed25519", "ed25519")];
pub(crate) const URL_KEYS: &[(&str, UrlKey)] = &[
    ("base_url", UrlKey::Base),
    ("authorize_url", UrlKey::Authorize),
    ("token_url", UrlKey::Token),
    ("refresh_url", UrlKey::Refresh),
    ("revoke_url", UrlKey::Revoke),
    ("introspect_url", UrlKey::Introspect),
    ("device_url", UrlKey::Device),
    ("issuer", UrlKey::Issuer),
];

impl AuthKind {
    /// The word for it in provider files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(KINDS, self)
    }

    /// Whether it is a grant of OAuth 2.0.
    #[must_use]
    pub fn is_oauth(self) -> bool {
        matches!(
            self,
            Self::OAuth2Code
                | Self::OAuth2ClientCredentials
                | Self::OAuth2Password
                | Self::OAuth2StaticCode
                | Self::OAuth2JwtBearer
        )
    }

    /// Whether there is a request that obtains a token.
    #[must_use]
    pub fn has_token_request(self) -> bool {
        self.is_oauth() || self == Self::Login
    }
}

impl FieldType {
    /// The word for it in provider files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(FIELD_TYPES, self)
    }
}

impl FieldFormat {
    /// The word for it in provider files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(FIELD_FORMATS, self)
    }
}

impl FieldScope {
    /// The word for it in provider files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(FIELD_SCOPES, self)
    }
}

impl FieldSource {
    /// The word for it in provider files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(FIELD_SOURCES, self)
    }
}

impl ClientProof {
    pub(crate) fn as_str(self) -> &'static str {
        word(CLIENT_PROOFS, self)
    }

    /// Whether `client_secret` is sent or signs something.
    pub(crate) fn uses_secret(self) -> bool {
        matches!(self, Self::Basic | Self::Body | Self::Both | Self::ClientSecretJwt | Self::Auto)
    }
}

impl UrlKey {
    pub(crate) fn as_str(self) -> &'static str {
        word(URL_KEYS, self)
    }
}

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, own)| *own == value).map_or("", |(word, _)| word)
}
