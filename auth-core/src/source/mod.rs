//! Where tokens come from.

mod env;
mod file;
mod request;
mod token_source;

pub use self::env::EnvToken;
pub use self::file::FileToken;
pub use self::request::{RefreshCause, SourceRequest};
pub use self::token_source::{StaticToken, TokenSource};

pub(crate) use self::token_source::ErasedSource;
