use std::fmt;

use super::PasswordHash;
use crate::ScopeSet;
use crate::verify::principal::{Method, Principal};
use crate::verify::span::Text;

/// What is known of a user: the hash of the password, and who that is.
///
/// ```
/// use tower_auth_core::{PasswordHash, Secret, UserAccount};
///
/// # let stored = PasswordHash::hash(&Secret::from("correct horse"))?.expose_hash().to_owned();
/// let account = UserAccount::new(PasswordHash::parse(&stored)?).subject("user-17").roles(["operator"]).locked(false);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "an account does nothing before it is handed over"]
pub struct UserAccount {
    hash: PasswordHash,
    subject: Option<Box<str>>,
    scope: Option<Box<str>>,
    roles: Box<[Box<str>]>,
    disabled: bool,
    locked: bool,
}

impl UserAccount {
    /// An account whose password has this hash.
    pub fn new(hash: PasswordHash) -> Self {
        Self { hash, subject: None, scope: None, roles: Box::default(), disabled: false, locked: false }
    }

    /// The subject of the principal. Default: the user-id.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    /// What the user may do.
    pub fn scopes(mut self, scopes: &ScopeSet) -> Self {
        self.scope = Some(scopes.to_string().into_boxed_str());
        self
    }

    /// The roles that the user has.
    pub fn roles<I>(mut self, roles: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.roles = roles.into_iter().map(|role| role.into().into_boxed_str()).collect();
        self
    }

    /// Whether the account is disabled: nobody gets in, and the caller cannot tell this from a wrong password.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Whether the account is locked, after too many attempts say: as [`disabled`](Self::disabled).
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    pub(super) fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    /// Whether anybody may get in by it.
    pub(super) fn is_open(&self) -> bool {
        !self.disabled && !self.locked
    }

    /// Who it is, once the password is right.
    pub(super) fn principal(&self, user: &str) -> Principal {
        let mut principal = Principal::named(Method::Basic, self.subject.as_deref().unwrap_or(user));
        principal.scope = self.scope.clone().map(Text::Owned);
        principal.roles = self.roles.clone();
        principal
    }
}

impl fmt::Debug for UserAccount {
    /// Without the subject, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserAccount")
            .field("hash", &self.hash)
            .field("disabled", &self.disabled)
            .field("locked", &self.locked)
            .finish_non_exhaustive()
    }
}
