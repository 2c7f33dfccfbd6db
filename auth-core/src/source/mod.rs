//! Where tokens come from.

#[cfg(feature = "command")]
mod command;
mod env;
mod file;
mod request;
mod token_source;

#[cfg(feature = "command")]
pub use self::command::CommandToken;
#[cfg(all(feature = "command", feature = "provider"))]
pub(crate) use self::command::run_command;
pub use self::env::EnvToken;
pub use self::file::FileToken;
pub use self::request::{RefreshCause, SourceRequest};
pub use self::token_source::{StaticToken, TokenSource};

pub(crate) use self::token_source::ErasedSource;
