//! Descriptions put to work: token requests as they want them, and what goes on each request to the API.

mod answer;
mod assertion;
mod body;
mod budget;
mod builder;
mod captures;
mod client;
mod connection;
mod credential;
mod device;
mod dialect;
mod grantor;
mod http_signature;
mod known;
mod late_url;
mod lifetime;
mod log;
#[cfg(feature = "authorization-code")]
mod login;
#[cfg(feature = "loopback")]
mod native;
mod retry;
mod runner;
mod scope;
mod secondary;
mod signers;
mod source;

pub use self::builder::ConnectionBuilder;
pub use self::connection::Connection;
pub use self::log::{LoggedExchange, RequestLog};
#[cfg(feature = "authorization-code")]
pub use self::login::{ConnectionLogin, StartedLogin};
#[cfg(feature = "loopback")]
pub use self::native::ConnectionNativeLogin;
