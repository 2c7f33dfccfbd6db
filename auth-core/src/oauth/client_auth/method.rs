/// How a client proves to the authorization server who it is (RFC 6749 section 2.3). One method is chosen; only
/// [`Auto`](Self::Auto) and [`AutoBodyFirst`](Self::AutoBodyFirst) try out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// HTTP Basic, id and secret form-encoded first, as RFC 6749 section 2.3.1 demands.
    #[default]
    Basic,
    /// HTTP Basic with id and secret as they are, as curl does it and many servers expect.
    BasicRaw,
    /// `client_id` and `client_secret` among the parameters.
    Body,
    /// Both [`BasicRaw`](Self::BasicRaw) and [`Body`](Self::Body), for servers that look at one or the other. The
    /// standard allows one.
    Both,
    /// No proof, only `client_id` among the parameters: a public client.
    None,
    /// An assertion that the client secret signs, `client_secret_jwt` (RFC 7523 section 2.2). The secret must be as long as the
    /// hash. Needs the feature `jwt`.
    SecretJwt,
    /// An assertion that a private key signs, `private_key_jwt` (RFC 7523 section 2.2): the server knows the public part alone.
    /// Needs the feature `jwt`.
    PrivateKeyJwt,
    /// An assertion that somebody else issued and a [`TokenSource`](crate::TokenSource) delivers: the token that a platform
    /// projects into a workload (RFC 7523 section 2.2).
    Assertion,
    /// A client certificate of an authority that the server trusts, `tls_client_auth` (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A client certificate that is registered with the server, `self_signed_tls_client_auth` (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// [`Basic`](Self::Basic); if the server answers `invalid_client`, [`Body`](Self::Body) once. What worked is remembered.
    ///
    /// For servers whose documents do not say which one they take. A request that spends a code or a refresh token that may
    /// rotate is never sent a second time: such grants use what is remembered, or the first. A wrong secret is sent twice.
    Auto,
    /// As [`Auto`](Self::Auto), the other way round.
    AutoBodyFirst,
}

impl ClientAuth {
    /// The name of the method in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::BasicRaw => "basic_raw",
            Self::Body => "body",
            Self::Both => "both",
            Self::None => "none",
            Self::SecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Assertion => "assertion",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::Auto => "auto",
            Self::AutoBodyFirst => "auto_body_first",
        }
    }

    /// The methods that it stands for, in the order in which they are tried.
    pub(super) fn candidates(self) -> Vec<Self> {
        match self {
            Self::Auto => vec![Self::Basic, Self::Body],
            Self::AutoBodyFirst => vec![Self::Body, Self::Basic],
            one => vec![one],
        }
    }

    /// Whether `client_id` is among the parameters.
    pub(in crate::oauth) fn id_in_body(self) -> bool {
        !matches!(self, Self::Basic | Self::BasicRaw)
    }

    /// Whether it sets the header `Authorization`.
    pub(in crate::oauth) fn uses_header(self) -> bool {
        matches!(self, Self::Basic | Self::BasicRaw | Self::Both | Self::Auto | Self::AutoBodyFirst)
    }

    /// Whether it has the client secret among the parameters.
    pub(in crate::oauth) fn secret_in_body(self) -> bool {
        matches!(self, Self::Body | Self::Both | Self::Auto | Self::AutoBodyFirst)
    }

    /// Whether it sends an assertion.
    pub(in crate::oauth) fn uses_assertion(self) -> bool {
        matches!(self, Self::SecretJwt | Self::PrivateKeyJwt | Self::Assertion)
    }

    /// Whether the proof is the client's certificate.
    pub(in crate::oauth) fn uses_certificate(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }

    /// The names that metadata has for it (`token_endpoint_auth_methods_supported`, RFC 8414 section 2); any of them will do.
    pub(in crate::oauth) fn registered_names(self) -> &'static [&'static str] {
        match self {
            Self::Basic | Self::BasicRaw => &["client_secret_basic"],
            Self::Body => &["client_secret_post"],
            Self::Both | Self::Auto | Self::AutoBodyFirst => &["client_secret_basic", "client_secret_post"],
            Self::None => &["none"],
            Self::SecretJwt => &["client_secret_jwt"],
            Self::PrivateKeyJwt | Self::Assertion => &["private_key_jwt"],
            Self::TlsClientAuth => &["tls_client_auth"],
            Self::SelfSignedTlsClientAuth => &["self_signed_tls_client_auth"],
        }
    }
}
