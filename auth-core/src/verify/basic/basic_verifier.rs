use std::fmt;

#[cfg(feature = "password-hash")]
use super::hashing::Hashing;
use super::users::BasicUsers;
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::Verifier;
use crate::verify::parts::Parts;
use crate::verify::rejection::{Challenges, DEFAULT_REALM, Scheme};

/// Accepts user-ids and passwords (RFC 7617).
///
/// Users come from any of these:
///
/// - [`user`](Self::user): a few, each with a password that the configuration brings. It is compared at once.
/// - `user_hash`, `user_account`, `htpasswd_file` (feature `password-hash`): users with a
///   hash of the password, listed here or in a file that is read again when it changes.
/// - `lookup` (feature `password-hash`): users of a database or a directory, who are asked for when they come.
///
/// ```
/// use tower_auth_core::{BasicVerifier, Secret};
///
/// let verifier = BasicVerifier::new().user("batch", Secret::from("s3cret")).realm("orders").build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # What an attempt costs
/// A password that is longer than 1 KiB is refused before anything is done with it. Others cost one HMAC, and one
/// comparison with each password of [`user`](Self::user), all in constant time. If no one has that pair, and there are
/// users with a hash, the password is hashed: on a thread that may block, so many at once, so many more that wait, and
/// beyond that the answer is a 503 (`hashing_limits`). A pair that was right is remembered for a minute under a key that
/// only this process has, so that it need not be hashed again (`memo_ttl`).
///
/// # What an attempt tells
/// A user who does not exist, one who may not get in, and one whose password is another are answered alike, after the
/// same work. That work is one hash of each kind and cost that is in use. So the time tells nothing also while, say,
/// half of the users have an old bcrypt hash and the others a new argon2id one; but a refusal costs both. Of users in a
/// database, kinds are learned as users are looked up; until the first one, it is the cost of new hashes
/// (`password_cost`). More than eight kinds are not told apart from the most frequent eight.
///
/// # Security
/// A password crosses the network with each request: offer this over TLS only. Whoever hashes passwords can be kept busy
/// by strangers; the limits keep the rest of the service alive, and users who are remembered get in all the same, but to
/// keep others from being turned away put a rate limit in front.
#[must_use = "a description does nothing before `build`"]
pub struct BasicVerifier {
    users: Vec<(String, Secret)>,
    realm: String,
    #[cfg(feature = "password-hash")]
    pub(super) hashing: Hashing,
}

impl BasicVerifier {
    /// No user yet.
    pub fn new() -> Self {
        Self {
            users: Vec::new(),
            realm: DEFAULT_REALM.to_owned(),
            #[cfg(feature = "password-hash")]
            hashing: Hashing::default(),
        }
    }

    /// Adds a user. Of the password only a keyed digest stays in memory.
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
    /// password is empty or longer than 1 KiB, a hash or the file of passwords cannot be used, there are listed users
    /// with a hash beside a look-up, or the realm cannot be sent.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let challenges = Challenges::one(Scheme::Basic, "Basic", &self.realm)?;
        let users = BasicUsers::plain(&self.users)?;
        #[cfg(feature = "password-hash")]
        let users = users.with_hashed(self.hashing.build(&self.users)?);
        if users.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "there is no user to accept"));
        }
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
        let mut shown = f.debug_struct("BasicVerifier");
        shown.field("users", &users);
        #[cfg(feature = "password-hash")]
        shown.field("hashing", &self.hashing);
        shown.field("realm", &self.realm).finish()
    }
}
