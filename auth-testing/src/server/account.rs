/// An account at an emulated provider: somebody who can sign in.
///
/// ```
/// use tower_auth_testing::{Account, AuthorizationServer, Consent};
///
/// let server = AuthorizationServer::builder()
///     .client("orders", "secret")
///     .account(Account::new("alice").name("Alice Example"))
///     .consent(Consent::ask())
///     .build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an account is known to no server before it is given to one"]
pub struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Account {
    /// The account `id`, which is its name too.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self { name: id.clone(), id }
    }

    /// What people call it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl From<&str> for Account {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}
