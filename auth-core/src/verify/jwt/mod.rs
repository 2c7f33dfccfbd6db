//! Access tokens that are JWTs.

mod builder;
mod caller;
mod check;
mod issuers;
mod profile;
mod rights;
mod roles;
mod rules;
mod tenants;
pub(super) mod times;
mod trusted;

pub use self::builder::JwtVerifier;
pub use self::profile::Profile;
pub use self::trusted::{ClaimedIssuer, TrustedIssuers};

pub(super) use self::check::JwtCheck;
pub(super) use self::issuers::Issuers;
#[cfg(feature = "introspection")]
pub(super) use self::rights::Rights;
#[cfg(feature = "introspection")]
pub(super) use self::roles::{RoleClaim, RoleRules};
