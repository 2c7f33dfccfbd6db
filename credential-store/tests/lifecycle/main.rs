//! What owners, operators and other processes see of credentials, from the login to the end, over emulated providers.
//!
//! Each test runs on SQLite; those that are about several processes or about what is stored run on PostgreSQL too, which is found by `DATABASE_URL`, as
//! `interop/services.sh start` prints it.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "http"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "databases have clocks of their own, and real processes an environment"
)]

#[cfg(feature = "dpop")]
mod bound;
mod edges;
#[path = "../soak/faulty.rs"]
mod faulty;
mod fleet;
mod keys;
mod logins;
mod manage;
mod ownership;
mod records;
mod released;
mod revoking;
mod rows;
mod sentinels;
mod support;
mod sweep;
mod usage;
mod values;
mod webhooks;
