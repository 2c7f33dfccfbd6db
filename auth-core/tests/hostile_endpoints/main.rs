//! The OAuth client against peers that mean it harm: endpoints that answer anything, browsers that bring anything, and a
//! thousand impatient users in the middle of faults.
//!
//! The cases are made by rules from fixed seeds. A failure names its case; the same build makes the same cases again.
#![cfg(all(feature = "http", feature = "authorization-code", feature = "jwt"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod bodies;
mod callbacks;
mod capture;
mod expected;
mod keys;
mod memory;
mod peer;
mod sockets;
mod storm;
mod token_endpoint;
mod ways;
