use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::{CredentialId, Owner};

/// What a person may do on the connect page, for a short time: the application says it for a user whom it has authenticated.
///
/// ```
/// use tower_auth_store::{ConnectSession, Owner};
///
/// let session = ConnectSession::new(Owner::user("alice")?)
///     .connectors(["hubspot", "notion"])
///     .redirect_uri("https://app.example.com/connected");
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// [`Connect::sign`](super::Connect::sign) makes a token of it.
#[derive(Clone)]
#[must_use = "a session does nothing until it is signed"]
pub struct ConnectSession {
    pub(super) owner: Owner,
    pub(super) connectors: Vec<String>,
    pub(super) reconnects: Option<CredentialId>,
    pub(super) prefill: BTreeMap<String, String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) opener_origin: Option<String>,
    pub(super) lifetime: Duration,
}

/// How long a session lasts if nobody says.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

impl ConnectSession {
    /// A session of `owner`, with all connectors, for 30 minutes.
    pub fn new(owner: Owner) -> Self {
        Self {
            owner,
            connectors: Vec::new(),
            reconnects: None,
            prefill: BTreeMap::new(),
            redirect_uri: None,
            opener_origin: None,
            lifetime: LIFETIME,
        }
    }

    /// Allows these connectors only, and shows no credential of others. With one of them the page begins at its form.
    pub fn connectors<I>(mut self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.connectors.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Allows one thing: to connect this credential again.
    pub fn reconnect(mut self, id: CredentialId) -> Self {
        self.reconnects = Some(id);
        self
    }

    /// What a field of forms holds at the beginning. Fields for secrets stay empty.
    pub fn prefill(mut self, field: impl Into<String>, value: impl Into<String>) -> Self {
        self.prefill.insert(field.into(), value.into());
        self
    }

    /// Where the person returns to, with `credentialId` or `error` in the query. The store must
    /// [allow](crate::StoreBuilder::allow_redirect) it.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// The origin of the application's page that opens this one in a window or frame, such as `https://app.example.com`: it alone is
    /// told by a message what came of it: `{source: "tower-auth", outcome: "connected", credentialId, flow}`. Check `event.origin` before you believe one.
    pub fn opener_origin(mut self, origin: impl Into<String>) -> Self {
        self.opener_origin = Some(origin.into());
        self
    }

    /// How long it lasts: two hours at the most.
    pub fn lifetime(mut self, length: Duration) -> Self {
        self.lifetime = length;
        self
    }
}

impl fmt::Debug for ConnectSession {
    /// Without values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectSession")
            .field("owner", &self.owner)
            .field("connectors", &self.connectors)
            .field("reconnects", &self.reconnects)
            .field("prefill", &self.prefill.keys())
            .field("redirect_uri", &self.redirect_uri)
            .field("opener_origin", &self.opener_origin)
            .field("lifetime", &self.lifetime)
            .finish()
    }
}
