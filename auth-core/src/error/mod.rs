//! Errors: what failed, whose fault it is, whether to try again, and what to do.
//!
//! Every error has a stable [code](TokenError::code), listed with its meaning in `docs/errors.md`. No error
//! holds a secret, a response body, or an excerpt of one.

mod config;
#[cfg(any(feature = "spec", feature = "provider"))]
mod config_errors;
#[cfg(feature = "jwt")]
mod nearest;
mod signing;
mod text;
mod token;

pub use self::config::{ConfigError, ConfigErrorKind};
#[cfg(any(feature = "spec", feature = "provider"))]
pub use self::config_errors::{ConfigErrors, ConfigMistake};
pub use self::signing::{SigningError, SigningErrorKind};
pub use self::token::{FailureClass, TokenError, TokenErrorKind};

#[cfg(feature = "jwt")]
pub(crate) use self::nearest::unknown;
pub(crate) use self::text::printable;

/// Any error, boxed: the shape in which tower middleware passes errors on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
