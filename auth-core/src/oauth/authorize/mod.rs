//! The authorization code grant (RFC 6749 section 4.1): a user is sent to the authorization server, and comes back with a
//! code that is exchanged for a token.
//!
//! [`AuthorizationRequest`] makes the URL and an [`AuthorizationTransaction`], which is kept until the user comes back;
//! [`AuthorizationCallback`] is what came back. [`AuthorizationTransaction::finish`] compares the two and gets the token.

mod callback;
mod error;
mod finish;
mod issuer;
mod memory;
mod pkce;
mod push;
mod record;
mod redirect_uri;
mod request;
mod return_to;
mod server;
mod source;
mod store;
mod transaction;

pub use self::callback::AuthorizationCallback;
pub use self::error::{AuthorizationError, AuthorizationErrorKind};
#[cfg(feature = "provider")]
pub(crate) use self::finish::CodeExchange;
pub use self::issuer::IssuerParameter;
pub use self::memory::MemoryTransactions;
pub use self::request::{AuthorizationRequest, ResponseMode, StartedAuthorization};
pub use self::return_to::ReturnTo;
pub use self::source::{AuthorizationCode, AuthorizationCodeSource};
pub use self::store::TransactionStore;
pub use self::transaction::AuthorizationTransaction;
