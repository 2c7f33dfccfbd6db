//! The backends on real databases: the conformance suite, and what only one of them can get wrong.
//!
//! PostgreSQL is found by `DATABASE_URL`, as `interop/services.sh start` prints it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[cfg(feature = "sqlite")]
mod fleet_model;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
