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
mod memory;
mod once;
mod options;
mod refresh_token;
mod renewal;
mod terms;

pub use self::client_credentials::{ClientCredentials, ClientCredentialsSource};
pub use self::refresh_token::{RefreshToken, RefreshTokenSource};
pub use self::renewal::Rotation;

pub(in crate::oauth) use self::once::Once;
pub(in crate::oauth) use self::renewal::{Grantor, Renewal};
#[cfg(feature = "authorization-code")]
pub(in crate::oauth) use self::terms::check_resource;
pub(in crate::oauth) use self::terms::{Agreed, Terms};
