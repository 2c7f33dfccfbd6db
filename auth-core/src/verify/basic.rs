use std::fmt;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::digest::Digest;
use super::parts::Parts;
use super::principal::Method;
use super::rejection::{Challenges, DEFAULT_REALM, Fault, RejectionKind, Scheme};
use super::{Principal, Verifier};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::{Basic, Secret};

/// Longest password that is hashed, in bytes.
const MAX_PASSWORD: usize = 1024;

/// Accepts user-ids and passwords of a fixed list (RFC 7617).
///
/// Every attempt costs one digest and one comparison with each user's, all in constant time: whether a user exists, and
/// how much of a password is right, cannot be told from the time. Only digests stay in memory.
///
/// ```
/// use tower_auth_core::{BasicVerifier, Secret};
///
/// let verifier = BasicVerifier::new().user("batch", Secret::from("s3cret")).realm("orders").build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[must_use = "a description does nothing before `build`"]
pub struct BasicVerifier {
    users: Vec<(String, Secret)>,
    realm: String,
}

impl BasicVerifier {
    /// No user yet.
    pub fn new() -> Self {
        Self { users: Vec::new(), realm: DEFAULT_REALM.to_owned() }
    }

    /// Adds a user.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.users.push((user.into(), password.into()));
        self
    }

    /// The realm of the challenge. Default `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// When there is no user, one is there twice, a user-id has a colon, either half has a control character, a
    /// password is empty or longer than 1 KiB, or the realm cannot be sent.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let challenges = Challenges::one(Scheme::Basic, "Basic", &self.realm)?;
        let users = BasicUsers::new(&self.users)?;
        Ok(Verifier::new(Parts { basic: Some(users.into()), ..Parts::new(challenges) }))
    }
}

impl Default for BasicVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BasicVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<_> = self.users.iter().map(|(user, _)| user).collect();
        f.debug_struct("BasicVerifier").field("users", &users).field("realm", &self.realm).finish()
    }
}

/// The users, each as the digest of `user:password`. A user-id has no colon, so no two pairs make one text.
pub(super) struct BasicUsers(Vec<Digest>);

impl BasicUsers {
    fn new(users: &[(String, Secret)]) -> Result<Self, ConfigError> {
        let invalid = |what: String| ConfigError::new(ConfigErrorKind::InvalidCredential, what);
        if users.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "there is no user to accept"));
        }
        let mut digests = Vec::with_capacity(users.len());
        for (index, (user, password)) in users.iter().enumerate() {
            if users[..index].iter().any(|(earlier, _)| earlier == user) {
                return Err(invalid(format!("the user {user:?} is there twice")));
            }
            if password.is_empty() || password.expose_secret().len() > MAX_PASSWORD {
                return Err(invalid(format!("the password of the user {user:?} is empty or longer than 1 KiB")));
            }
            digests.push(digest(&Basic::new(user.as_str(), password.clone())?));
        }
        Ok(Self(digests))
    }

    pub(super) fn verify(&self, text: &str) -> Result<Principal, Fault> {
        let pair = Basic::decode(text).ok_or_else(|| {
            Fault::new(RejectionKind::InvalidRequest, "the Basic credential is not a user-id and a password in base64")
        })?;
        let refused = || Fault::new(RejectionKind::BadPassword, "no user has this name and this password");
        if pair.password().expose_secret().len() > MAX_PASSWORD {
            return Err(refused());
        }
        let presented = digest(&pair);
        let mut matches = 0_u8;
        for own in &self.0 {
            matches = u8::conditional_select(&matches, &1, own.matches(&presented));
        }
        if bool::from(matches.ct_eq(&1)) { Ok(Principal::named(Method::Basic, pair.user())) } else { Err(refused()) }
    }
}

fn digest(pair: &Basic) -> Digest {
    Digest::of(&[pair.user().as_bytes(), b":", pair.password().expose_secret().as_bytes()])
}
