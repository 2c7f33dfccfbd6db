//! Access tokens, and what a token endpoint returned with them.

mod access_token;
mod response;

pub use self::access_token::{Expiry, Token, TokenKind};
pub use self::response::{Lifetime, TokenResponse};
