//! The client of an OAuth 2.0 authorization server: client authentication, token requests and what comes back.

mod answer;
mod builder;
mod client;
mod client_auth;
mod endpoints;
mod form;
mod grant;
mod lifetime;
mod redact;
mod refusal;
mod request;
mod response;
mod revoke;

pub use self::builder::OAuthClientBuilder;
pub use self::client::OAuthClient;
pub use self::client_auth::ClientAuth;
pub use self::grant::*;
pub use self::request::BodyFormat;
pub use self::revoke::TokenTypeHint;

#[cfg(feature = "command")]
pub(crate) use self::response::read_document;
