//! Grants: the ways to a token. Each is a description (a builder), a source, and a cache over it.
//!
//! # First by X, later by refresh token
//! A grant that a person made can usually not be made again by a program: a code is good once, a device was confirmed
//! once. What keeps it alive is the refresh token that came with it. [`Renewal`] is that piece, for every such grant:
//!
//! - the first tokens come from a [`Grantor`], the one part that differs;
//! - the next ones from the newest refresh token. It is never sent twice, unless the provider is known to allow that;
//! - without a refresh token, or when it is refused, from the `Grantor` again if it [can](Grantor::is_repeatable), and
//!   else from nobody: a [`Refused`](crate::TokenErrorKind::Refused) error says that access must be granted again.
//!
//! A source made of it holds a `Renewal` over its own `Grantor` and passes [`fetch`](Renewal::fetch) on. What the `Grantor` spends
//! in one go, such as a code, it keeps in a [`Once`].

mod arrival;
mod client_credentials;
mod device;
#[cfg(feature = "verify")]
mod exchange_key;
#[cfg(feature = "jwt")]
mod jwt_assertion;
mod jwt_bearer;
mod memory;
#[cfg(feature = "verify")]
mod on_behalf_of;
mod once;
mod options;
#[cfg(feature = "password-grant")]
mod password;
mod received;
mod refresh_token;
mod renewal;
mod static_code;
mod supply;
mod terms;
mod token_exchange;
mod token_type;

pub use self::client_credentials::{ClientCredentials, ClientCredentialsSource};
pub use self::device::{DeviceAuthorization, DeviceCode, DeviceCodeSource, DeviceLogin};
#[cfg(feature = "jwt")]
pub use self::jwt_assertion::JwtAssertion;
pub use self::jwt_bearer::{JwtBearer, JwtBearerSource};
#[cfg(feature = "verify")]
pub use self::on_behalf_of::OnBehalfOf;
#[cfg(feature = "password-grant")]
pub use self::password::{Password, PasswordSource};
pub use self::refresh_token::{RefreshToken, RefreshTokenSource};
pub use self::renewal::Rotation;
pub use self::static_code::{StaticCode, StaticCodeSource};
pub use self::token_exchange::{TokenExchange, TokenExchangeSource};
pub use self::token_type::TokenType;

#[cfg(feature = "authorization-code")]
pub(in crate::oauth) use self::received::{FirstResponse, Received};
#[allow(unused_imports, reason = "features decide which grants are there")]
pub(in crate::oauth) use self::terms::{Terms, check_resource};
#[allow(unused_imports, reason = "features decide which grants are there")]
pub(crate) use self::{
    arrival::may_have_been_granted,
    once::Once,
    renewal::{Grantor, Renewal},
    terms::Agreed,
};
