//! Access tokens, and what a token endpoint returned with them.

mod access_token;
#[cfg(feature = "oauth")]
mod record;
mod response;
#[cfg(feature = "verify")]
mod subject_token;

pub use self::access_token::{Expiry, Token, TokenKind};
#[cfg(feature = "authorization-code")]
pub(crate) use self::record::Hidden;
pub use self::response::{Lifetime, TokenResponse};
#[cfg(feature = "verify")]
pub use self::subject_token::SubjectToken;
