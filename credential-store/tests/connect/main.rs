//! The connect pages and their API, as browsers and programs see them, over emulated providers.
#![cfg(all(feature = "connect", feature = "sqlite", feature = "http"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod api;
mod browser;
mod document;
mod forms;
mod logins;
mod manage;
mod secrets;
mod sessions;
mod world;
