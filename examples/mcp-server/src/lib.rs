//! A server of the Model Context Protocol whose callers show access tokens, and a client that finds its way in.
#![forbid(unsafe_code)]

mod client;
mod rpc;
mod server;
mod tools;

pub use self::client::McpClient;
pub use self::server::{app, metadata, verifier};
