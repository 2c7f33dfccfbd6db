//! The authorization code grant for native apps (RFC 8252): the user's own browser, and a port of this machine that is open while
//! the login lasts.

mod browser;
mod connection;
mod listener;
mod login;
mod page;

pub use self::browser::open_system_browser;
#[cfg(feature = "provider")]
pub(crate) use self::listener::Listener;
pub use self::login::NativeLogin;
#[cfg(feature = "provider")]
pub(crate) use self::login::{Show, check};
