//! Users whose passwords are hashed: where they are found, what their attempts cost and tell, and what is remembered.
#![cfg(all(feature = "password-hash", feature = "jwt"))]
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test fails by it")]

mod flood;
mod htpasswd;
mod lookup;
mod memo;
mod rehash;
mod support;
mod users;
