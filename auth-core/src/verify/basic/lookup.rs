use std::future::Future;
use std::pin::Pin;

use super::UserAccount;
use crate::BoxError;

/// Where the accounts of users are found: a database, a directory.
///
/// A closure from the user-id to a future is such a place:
///
/// ```
/// use std::collections::HashMap;
/// use tower_auth_core::{BasicVerifier, BoxError, PasswordHash, UserAccount};
///
/// # type Row = (String, bool);
/// # let database: HashMap<String, Row> = HashMap::new();
/// # let database = std::sync::Arc::new(database);
/// let verifier = BasicVerifier::new()
///     .lookup(move |user: String| {
///         let database = database.clone();
///         async move {
///             let Some((hash, locked)) = database.get(&user) else { return Ok(None) };
///             Ok::<_, BoxError>(Some(UserAccount::new(PasswordHash::parse(hash)?).locked(*locked)))
///         }
///     })
///     .build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not look up users",
    note = "what looks up users implements `UserLookup`, or is a closure `|user: String| async {{ … }}` that returns \
            `Result<Option<UserAccount>, E>` with an error that converts into `BoxError`, and can be sent between threads"
)]
pub trait UserLookup: Send + Sync + 'static {
    /// The account of `user`, or `None` if there is no such user. The user-id is what the caller sent, in Unicode
    /// Normalization Form C and without control characters: it may be anything else.
    ///
    /// # Errors
    /// Any error means that it cannot be told: the caller is answered 503, never that the credential is wrong.
    ///
    /// # Security
    /// It should take the same time for users that exist and for those that do not: whatever it takes is seen by the
    /// caller.
    ///
    /// # Cancel safety
    /// The future is dropped when the caller goes away, or when the look-up takes too long.
    fn look_up(&self, user: &str) -> impl Future<Output = Result<Option<UserAccount>, BoxError>> + Send;
}

impl<F, Fut, E> UserLookup for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<UserAccount>, E>> + Send,
    E: Into<BoxError>,
{
    async fn look_up(&self, user: &str) -> Result<Option<UserAccount>, BoxError> {
        self(user.to_owned()).await.map_err(Into::into)
    }
}

type LookupFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<UserAccount>, BoxError>> + Send + 'a>>;

/// [`UserLookup`] with its type erased.
pub(super) trait ErasedLookup: Send + Sync {
    fn look_up_boxed<'a>(&'a self, user: &'a str) -> LookupFuture<'a>;
}

impl<L: UserLookup> ErasedLookup for L {
    fn look_up_boxed<'a>(&'a self, user: &'a str) -> LookupFuture<'a> {
        Box::pin(self.look_up(user))
    }
}
