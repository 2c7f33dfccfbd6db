use tower_auth_core::ClientAuth;

/// A way in which a client may show who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMethod {
    Basic,
    BasicRaw,
    Body,
    Both,
    None,
    SecretJwt,
    PrivateKeyJwt,
    /// A token of another issuer.
    Workload,
    /// A certificate of the server's authority.
    TlsSubject,
    /// A certificate that the client made itself.
    TlsSelfSigned,
}

impl AuthMethod {
    /// The method that the client's side calls `auth`, if it is one of a shared secret or of none.
    pub(super) fn of(auth: &ClientAuth) -> Option<Self> {
        match auth {
            ClientAuth::Basic => Some(Self::Basic),
            ClientAuth::BasicRaw => Some(Self::BasicRaw),
            ClientAuth::Body => Some(Self::Body),
            ClientAuth::Both => Some(Self::Both),
            ClientAuth::None => Some(Self::None),
            _ => None,
        }
    }

    /// What the client's side calls it, if it needs no more than a secret.
    pub(super) fn on_the_clients_side(self) -> Option<ClientAuth> {
        match self {
            Self::Basic => Some(ClientAuth::Basic),
            Self::BasicRaw => Some(ClientAuth::BasicRaw),
            Self::Body => Some(ClientAuth::Body),
            Self::Both => Some(ClientAuth::Both),
            Self::None => Some(ClientAuth::None),
            _ => None,
        }
    }

    /// Its registered name (RFC 7591 section 2), if it has one.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Basic | Self::BasicRaw => Some("client_secret_basic"),
            Self::Body => Some("client_secret_post"),
            Self::None => Some("none"),
            Self::SecretJwt => Some("client_secret_jwt"),
            Self::PrivateKeyJwt | Self::Workload => Some("private_key_jwt"),
            Self::TlsSubject => Some("tls_client_auth"),
            Self::TlsSelfSigned => Some("self_signed_tls_client_auth"),
            Self::Both => None,
        }
    }
}
