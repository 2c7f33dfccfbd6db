//! What every [`Backend`](crate::Backend) must do, as checks that anybody can run against his own.
//!
//! [`run`] makes a fresh, empty database for each check, runs all of them, and tells by name which ones failed. [`checks`] gives them one by
//! one, for a test harness that wants a test of each. Nothing here depends on a test framework: a check returns what is wrong.
//!
//! Checks wait in real time, since times are the database's own: run them on a runtime whose clock is not paused, and where several workers
//! are to compete, on one with several threads.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use tower_auth_store::SqliteOptions;
//! use tower_auth_store::conformance::{self, Database};
//!
//! let make = || async {
//!     let backend = SqliteOptions::memory().open().await?;
//!     Ok(Database::new(Arc::new(backend)))
//! };
//! conformance::run(make).await?;
//! # Ok(())
//! # }
//! ```

mod changes;
mod check;
mod credentials;
mod deletion;
mod exchanges;
mod hostile;
mod jobs;
mod keys;
mod leases;
mod listing;
mod logins;
mod records;
mod sample;
mod suite;
mod sweeps;
mod trail;
mod turns;

pub use self::check::{Check, Database, Failure};
pub use self::suite::{Failures, checks, run};
