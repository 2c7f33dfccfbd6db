use tower_auth_core::{BaseUrl, ConfigError, ConfigErrorKind, Connection};

use super::layer::{Choice, parse};
use super::{AuthLayer, Credentials};

/// # Described providers
impl AuthLayer {
    /// A layer for the API of a provider that a file describes: its credential, its origin, and what it answers when a token is dead.
    ///
    /// [`ProviderLayer`](crate::ProviderLayer) does this and more: it completes paths, looks into bodies and limits concurrency. This one is for clients that
    /// want this layer: reqwest, gRPC.
    ///
    /// An address that the provider tells only with its tokens is awaited with the first one. From then on a credential goes to the origin that came
    /// in the same answer, also when a refresh brings another, and a URI that is a path only is put behind that address.
    ///
    /// # Errors
    /// When the connection has no base URL, when its credential goes into bodies, or when only bodies say that a token is dead.
    pub fn provider(connection: &Connection) -> Result<Self, ConfigError> {
        if connection.looks_into_bodies() {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "the provider says in bodies that a token is dead: use `ProviderLayer`, which looks into them",
            ));
        }
        if connection.puts_credential_into_bodies() {
            return Err(in_bodies());
        }
        Self::of_connection(connection)
    }

    /// The layer without its companions.
    pub(crate) fn of_connection(connection: &Connection) -> Result<Self, ConfigError> {
        let credentials = Credentials::from(connection);
        let layer = match fixed_base(connection)? {
            Some(base) => {
                // Of plain http the connection let only loopback pass.
                Self::of(Choice::One { origins: parse([base.origin().clone()], false)?, credentials })
            }
            None => Self::of(Choice::Bound { credentials }),
        };
        if connection.looks_into_bodies() {
            // The layer below has the last word on every response.
            return Ok(layer.refused_when(|_, _| false));
        }
        if !connection.has_expired_signal() {
            return Ok(layer);
        }
        let connection = connection.clone();
        Ok(layer.refused_when(move |status, headers| connection.may_be_dead(status, headers)))
    }
}

/// Where the API is; `None` if that comes with the tokens.
pub(crate) fn fixed_base(connection: &Connection) -> Result<Option<BaseUrl>, ConfigError> {
    let missing = |what: &str| {
        let provider = connection.provider().spec().display_name();
        ConfigError::new(
            ConfigErrorKind::MissingOption,
            format!("{what} {provider}: give base_url as a value, or name the origins with `AuthLayer::new`"),
        )
    };
    if connection.is_base_url_late() {
        return match connection.tokens() {
            Some(_) => Ok(None),
            None => Err(missing("the credential never changes, so that no answer tells the address of")),
        };
    }
    let base = connection.base_url().ok_or_else(|| missing("nobody says where the API is of"))?;
    base.parse().map(Some)
}

pub(crate) fn in_bodies() -> ConfigError {
    ConfigError::new(
        ConfigErrorKind::InvalidOption,
        "the provider wants its credential in bodies: use `BodyCredentialLayer`, which puts it there",
    )
}

impl From<&Connection> for Credentials {
    fn from(connection: &Connection) -> Self {
        match connection.tokens() {
            Some(tokens) => tokens.into(),
            None => {
                let fixed = connection.fixed_credential();
                fixed.expect("a connection has a cache or a credential that never changes").clone().into()
            }
        }
    }
}
