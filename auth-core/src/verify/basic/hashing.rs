use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{Accounts, Listed, LookedUp};
use super::hashed_users::HashedUsers;
use super::htpasswd::HtpasswdFile;
use super::lookup::ErasedLookup;
use super::memo::LoginMemo;
use super::pool::HashPool;
use super::rehash::Rehash;
use super::users::invalid;
use super::{BasicVerifier, PasswordCost, PasswordHash, StrongerHash, UserAccount, UserLookup};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::Dangerous;
use crate::{Basic, BoxError, Clock, Secret};

/// How long a login is remembered if nothing else is said.
const MEMO_TTL: Duration = Duration::from_secs(60);
const MEMO_USERS: usize = 10_000;
/// How many passwords wait for each that is hashed: as many as a core hashes in about a second.
const WAITING_EACH: usize = 32;
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The options of users whose passwords must be hashed.
pub(super) struct Hashing {
    users: Vec<(String, Account)>,
    htpasswd: Option<PathBuf>,
    weak: bool,
    lookup: Option<Box<dyn ErasedLookup>>,
    lookup_timeout: Duration,
    always_look_up: bool,
    memo_ttl: Option<Duration>,
    limits: Option<(usize, usize)>,
    cost: PasswordCost,
    rehash: Option<Rehash>,
    clock: Clock,
}

enum Account {
    /// The text of a hash, not read yet.
    Hash(Secret),
    Known(UserAccount),
}

impl BasicVerifier {
    /// Adds a user by the hash of the password; see [`PasswordHash`] for what is read.
    ///
    /// ```
    /// use tower_auth_core::{BasicVerifier, PasswordHash, Secret};
    ///
    /// let stored = PasswordHash::hash(&Secret::from("correct horse"))?.expose_hash().to_owned();
    /// let verifier = BasicVerifier::new().user_hash("ops", stored).build()?;
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn user_hash(mut self, user: impl Into<String>, hash: impl Into<Secret>) -> Self {
        self.hashing.users.push((user.into(), Account::Hash(hash.into())));
        self
    }

    /// Adds a user by an account, which may have roles, scopes and a subject.
    pub fn user_account(mut self, user: impl Into<String>, account: UserAccount) -> Self {
        self.hashing.users.push((user.into(), Account::Known(account)));
        self
    }

    /// Adds the users of a password file as Apache's `htpasswd` writes it, with bcrypt (`htpasswd -B`) or any other hash
    /// that [`PasswordHash`] reads. Plain passwords and DES crypt are refused.
    ///
    /// The file is read by [`build`](Self::build). Later it is looked at when somebody logs in, at most once in five
    /// seconds, and read again if it has changed. One that cannot be used (it is gone, or has a line that is not
    /// understood) changes nothing and is reported by a warning; one without users lets nobody in. It may have 16 MiB.
    pub fn htpasswd_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.hashing.htpasswd = Some(path.into());
        self
    }

    /// Asks `lookup` for each user. Beside it there can be [`user`](Self::user)s, who are not asked for, but no listed
    /// users with a hash: that they are not asked for would show in the time.
    pub fn lookup(mut self, lookup: impl UserLookup) -> Self {
        self.hashing.lookup = Some(Box::new(lookup));
        self
    }

    /// How long a look-up may take before the answer is a 503. Default 5 s.
    pub fn lookup_timeout(mut self, timeout: Duration) -> Self {
        self.hashing.lookup_timeout = timeout;
        self
    }

    /// Asks the look-up at each request. Without this a login that is remembered is not asked about again, so that a
    /// user who is removed, disabled or given another password gets in until the memo's time is over.
    pub fn always_look_up(mut self) -> Self {
        self.hashing.always_look_up = true;
        self
    }

    /// How long a login is remembered, so that the same pair need not be hashed again. Default 60 s. A pair of a list or
    /// a file is forgotten as soon as the hash is another one.
    ///
    /// At most 10,000 users are remembered. What is kept is an HMAC of the pair under a key of this process.
    pub fn memo_ttl(mut self, ttl: Duration) -> Self {
        self.hashing.memo_ttl = Some(ttl);
        self
    }

    /// Remembers no login: each request is hashed. Callers that cannot wait, such as the synchronous interceptors of gRPC,
    /// then let in nobody whose password must be hashed.
    pub fn without_memo(mut self) -> Self {
        self.hashing.memo_ttl = None;
        self
    }

    /// How many passwords are hashed at once, at least one, and how many more may wait for that. Beyond it the answer is
    /// [`Overloaded`](crate::RejectionKind::Overloaded) (503 with `Retry-After`). Default: as many as there are cores,
    /// and 32 times as many.
    ///
    /// Each hash uses the memory that it names: with the default cost 19 MiB.
    pub fn hashing_limits(mut self, at_once: usize, waiting: usize) -> Self {
        self.hashing.limits = Some((at_once, waiting));
        self
    }

    /// What hashes should cost: weaker ones are made anew for [`on_login`](Self::on_login).
    pub fn password_cost(mut self, cost: PasswordCost) -> Self {
        self.hashing.cost = cost;
        self
    }

    /// Calls `hook` with a stronger hash of the password, after a login with one that is weaker than
    /// [`password_cost`](Self::password_cost), to be stored in its place. This goes on beside the request, as a task and
    /// within the [limits](Self::hashing_limits); when there is no room, the next login has its turn. An error is
    /// reported by a warning.
    ///
    /// ```
    /// use tower_auth_core::{BasicVerifier, BoxError, StrongerHash};
    ///
    /// # async fn update(user: &str, old: &str, new: &str) -> Result<(), BoxError> { Ok(()) }
    /// let verifier = BasicVerifier::new().htpasswd_file("users.htpasswd").on_login(|stronger: StrongerHash| async move {
    ///     update(stronger.user(), stronger.old_hash().expose_hash(), stronger.new_hash().expose_hash()).await
    /// });
    /// ```
    pub fn on_login<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: Fn(StrongerHash) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.hashing.rehash = Some(Rehash::new(hook));
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.hashing.clock = clock;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }
}

impl Dangerous<BasicVerifier> {
    /// Reads hashes of password files that protect nothing: `$apr1$` (MD5), `{SHA}` (SHA-1 without salt), and
    /// SHA-crypt (`$5$`, `$6$`).
    ///
    /// # Security
    /// Whoever gets the file has most of its passwords within hours. Use this to move old users on, together with
    /// [`BasicVerifier::on_login`].
    pub fn allow_weak_hashes(self) -> BasicVerifier {
        let mut verifier = self.into_inner();
        verifier.hashing.weak = true;
        verifier
    }
}

impl Hashing {
    /// The users with a hash, if there is any; `plain` are those without.
    pub(super) fn build(self, plain: &[(String, Secret)]) -> Result<Option<HashedUsers>, ConfigError> {
        let listed = !self.users.is_empty() || self.htpasswd.is_some();
        let accounts = match self.lookup {
            Some(_) if listed => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "there are listed users with a hash beside a look-up: leave one of them out",
                ));
            }
            Some(lookup) => Accounts::LookedUp(LookedUp::new(lookup, self.lookup_timeout)),
            None if listed => {
                let users = read_users(self.users, plain, self.weak)?;
                let open = |path| HtpasswdFile::open(path, self.weak, self.clock.clone());
                Accounts::Listed(Listed::new(users, self.htpasswd.map(open).transpose()?))
            }
            None => return Ok(None),
        };
        let (at_once, waiting) = self.limits.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
            (cores, cores * WAITING_EACH)
        });
        Ok(Some(HashedUsers {
            accounts,
            pool: Arc::new(HashPool::new(at_once, waiting)),
            memo: self.memo_ttl.filter(|ttl| !ttl.is_zero()).map(|ttl| LoginMemo::new(ttl, MEMO_USERS)),
            always_look_up: self.always_look_up,
            rehash: self.rehash.map(Arc::new),
            cost: self.cost,
            clock: self.clock,
        }))
    }
}

fn read_users(
    listed: Vec<(String, Account)>,
    plain: &[(String, Secret)],
    weak: bool,
) -> Result<HashMap<Box<str>, Arc<UserAccount>>, ConfigError> {
    // Checked and normalized as a caller's is.
    let name = |user: &str| Ok::<Box<str>, ConfigError>(Basic::new(user, "")?.user().into());
    let plain = plain.iter().map(|(user, _)| name(user)).collect::<Result<Vec<_>, _>>()?;
    let mut users = HashMap::with_capacity(listed.len());
    for (user, account) in listed {
        let name = name(&user)?;
        let account = match account {
            Account::Known(account) => account,
            Account::Hash(text) => PasswordHash::read(text.expose_secret(), weak)
                .map(UserAccount::new)
                .map_err(|problem| invalid(format!("the user {user:?}: {problem}")))?,
        };
        if plain.contains(&name) || users.insert(name, Arc::new(account)).is_some() {
            return Err(invalid(format!("the user {user:?} is there twice")));
        }
    }
    Ok(users)
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            htpasswd: None,
            weak: false,
            lookup: None,
            lookup_timeout: LOOKUP_TIMEOUT,
            always_look_up: false,
            memo_ttl: Some(MEMO_TTL),
            limits: None,
            cost: PasswordCost::default(),
            rehash: None,
            clock: Clock::system(),
        }
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<_> = self.users.iter().map(|(user, _)| user).collect();
        f.debug_struct("Hashing")
            .field("users", &users)
            .field("htpasswd", &self.htpasswd)
            .field("lookup", &self.lookup.is_some())
            .field("memo_ttl", &self.memo_ttl)
            .finish_non_exhaustive()
    }
}
