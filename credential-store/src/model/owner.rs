use std::fmt;

use tower_auth_core::{ConfigError, ConfigErrorKind};

/// Whose credential it is: a user, within a tenant where the application has tenants.
///
/// The two texts are the application's own names of them, as it authenticated them. They are in every look-up and bound into every
/// ciphertext, and are not stored in clear.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    tenant: Option<String>,
    user: String,
}

/// What stands for an owner in a backend: a keyed digest, from which nobody learns the owner without the store's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "backends of other crates write and read it whole")]
pub struct OwnerDigest(pub [u8; 32]);

/// The longest name, in bytes.
const MAX_LEN: usize = 512;

impl Owner {
    /// The user called `user`.
    ///
    /// # Errors
    /// When the name is empty or longer than 512 bytes.
    pub fn user(user: impl Into<String>) -> Result<Self, ConfigError> {
        Ok(Self { tenant: None, user: checked("user", user.into())? })
    }

    /// The same user within `tenant`: another owner than that user without a tenant, or in another.
    ///
    /// # Errors
    /// When the name is empty or longer than 512 bytes.
    pub fn in_tenant(self, tenant: impl Into<String>) -> Result<Self, ConfigError> {
        Ok(Self { tenant: Some(checked("tenant", tenant.into())?), ..self })
    }

    /// The name of the user.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.user
    }

    /// The name of the tenant.
    #[must_use]
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

fn checked(what: &str, name: String) -> Result<String, ConfigError> {
    let invalid = |text: String| Err(ConfigError::new(ConfigErrorKind::InvalidOption, text));
    match name.len() {
        0 => invalid(format!("the name of a {what} must not be empty")),
        1..=MAX_LEN => Ok(name),
        _ => invalid(format!("the name of a {what} must not be longer than {MAX_LEN} bytes")),
    }
}

impl fmt::Debug for Owner {
    /// Without the names, which may identify people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").field("has_tenant", &self.tenant.is_some()).finish_non_exhaustive()
    }
}
