//! Access tokens, and what a token endpoint returned with them.

mod access_token;
mod response;
#[cfg(feature = "verify")]
mod subject_token;

pub use self::access_token::{Expiry, Token, TokenKind};
pub use self::response::{Lifetime, TokenResponse};
#[cfg(feature = "verify")]
pub use self::subject_token::SubjectToken;
