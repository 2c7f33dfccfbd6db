//! Rotations that are cut off at every step, and a fleet that falls over all the time, over a provider that counts.
//!
//! `scripts/soak` runs the long one. With `DATABASE_URL` everything runs on PostgreSQL too; without it that is skipped, and with
//! `TOWER_AUTH_REQUIRE` a failure.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "http", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests fail by it, and say what they skip"
)]
#![allow(clippy::disallowed_methods, reason = "the time and the environment are those of real processes")]

mod account;
mod chaos;
mod crowds;
mod faulty;
mod fleet;
mod journal;
mod kills;
mod orderings;
mod outages;
mod world;
