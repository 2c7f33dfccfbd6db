//! The connect pages and their API, as browsers and programs see them, over emulated providers.
//!
//! Each test runs on SQLite and on PostgreSQL, which is found by `DATABASE_URL`, as `interop/services.sh start` prints it.
#![cfg(all(feature = "connect", feature = "sqlite", feature = "postgres", feature = "http"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod api;
mod browser;
mod database;
mod document;
mod forms;
mod logins;
mod manage;
mod secrets;
mod sessions;
mod world;
