//! Access tokens that are JWTs.

mod builder;
mod caller;
mod check;
mod issuers;
mod profile;
mod times;

pub use self::builder::JwtVerifier;
pub use self::profile::Profile;

pub(super) use self::check::JwtCheck;
pub(super) use self::issuers::Issuers;
