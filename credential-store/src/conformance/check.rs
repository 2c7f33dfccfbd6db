use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::backend::{Backend, BackendError};

/// A database that a check may fill: fresh, empty, and its own.
#[derive(Clone)]
pub struct Database {
    pub(super) one: Arc<dyn Backend>,
    pub(super) two: Arc<dyn Backend>,
}

impl Database {
    /// A database that is reached by one handle alone.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { two: Arc::clone(&backend), one: backend }
    }

    /// A second handle of the same database, as another process has one: checks then compete through both.
    #[must_use]
    pub fn reopened_as(self, second: Arc<dyn Backend>) -> Self {
        Self { two: second, ..self }
    }

    /// The handle of the competitor numbered `index`.
    pub(super) fn handle(&self, index: usize) -> Arc<dyn Backend> {
        Arc::clone(if index.is_multiple_of(2) { &self.one } else { &self.two })
    }

    /// Ends the connections of both handles.
    pub async fn close(&self) {
        self.one.close().await;
        self.two.close().await;
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.one.name()).finish_non_exhaustive()
    }
}

/// What a backend did that it must not.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self(format!("an operation failed that should not: {error}"))
    }
}

impl From<tower_auth_core::ConfigError> for Failure {
    fn from(error: tower_auth_core::ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(format!("a competitor ended early: {error}"))
    }
}

/// What a check returns.
pub(super) type Outcome = Result<(), Failure>;

/// One rule for backends.
#[derive(Clone, Copy)]
pub struct Check {
    pub(super) name: &'static str,
    pub(super) body: fn(Database) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

impl Check {
    /// What it is called: a topic and a sentence, such as `leases::an_expired_lease_is_taken_by_the_next`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it on a fresh, empty database.
    ///
    /// # Errors
    /// What the backend did that it must not.
    pub async fn run(&self, database: Database) -> Result<(), Failure> {
        (self.body)(database).await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `what` is what must hold.
pub(super) fn holds(what: &str, it_does: bool) -> Outcome {
    if it_does { Ok(()) } else { Err(Failure::new(format!("this does not hold: {what}"))) }
}

/// `what` is what must be equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, wanted: T) -> Outcome {
    if got == wanted { Ok(()) } else { Err(Failure::new(format!("{what}: got {got:?}, not {wanted:?}"))) }
}

/// `what` is what must be there.
pub(super) fn present<T>(what: &str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::new(format!("this is missing: {what}")))
}
