use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use crate::Secret;
use crate::error::BoxError;

/// Where a client secret comes from that may change while the program runs: a mounted file, a vault, a key management service.
///
/// The client asks when it needs the secret and the last answer is older than 60 seconds, and at once when the authorization
/// server refuses the client. If the source fails, the last secret goes on being used; without one the exchange fails with a
/// transient error.
///
/// A closure that returns a future is a source:
///
/// ```
/// use tower_auth_core::{BoxError, OAuthClient, Secret};
///
/// # async fn ask_the_vault() -> Result<String, BoxError> { Ok(String::new()) }
/// let client = OAuthClient::builder("orders")
///     .secret_source(|| async { Ok(Secret::new(ask_the_vault().await?)) })
///     .token_endpoint("https://login.example.com/oauth/token");
/// # let _ = client;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of client secrets",
    note = "a source implements `SecretSource`, or is a closure `|| async {{ … }}` that returns `Result<Secret, BoxError>` and can \
            be sent between threads"
)]
pub trait SecretSource: Send + Sync + 'static {
    /// Obtains the secret as it is now. It is not trimmed.
    ///
    /// # Errors
    /// Whatever went wrong. Printable text of the error is kept, bounded, for logs: it must not hold a secret.
    fn secret(&self) -> impl Future<Output = Result<Secret, BoxError>> + Send;
}

impl<F, Fut> SecretSource for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Secret, BoxError>> + Send,
{
    fn secret(&self) -> impl Future<Output = Result<Secret, BoxError>> + Send {
        self()
    }
}

/// A client secret in a file that somebody else replaces: a mounted Docker or Kubernetes secret. A new one is used without a
/// restart. One line break at its end is dropped.
///
/// To read a file once, use [`Secret::file`].
#[derive(Clone, Debug)]
pub struct FileSecret(PathBuf);

impl FileSecret {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl SecretSource for FileSecret {
    /// Reads the file on the runtime's threads for blocking work.
    async fn secret(&self) -> Result<Secret, BoxError> {
        let path = self.0.clone();
        Ok(tokio::task::spawn_blocking(move || Secret::file(path)).await??)
    }
}

type SecretFuture<'a> = Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send + 'a>>;

/// [`SecretSource`] with its type erased.
pub(in crate::oauth) trait ErasedSecretSource: Send + Sync {
    fn secret_boxed(&self) -> SecretFuture<'_>;
}

impl<S: SecretSource> ErasedSecretSource for S {
    fn secret_boxed(&self) -> SecretFuture<'_> {
        Box::pin(self.secret())
    }
}
