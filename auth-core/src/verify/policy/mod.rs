//! What a verified caller must have.

#[cfg(feature = "jwt")]
mod claim_rule;
#[allow(clippy::module_inception, reason = "the noun of the folder")]
mod policy;
mod rule;
mod scopes;
mod shortfall;

pub use self::policy::Policy;

pub(super) use self::shortfall::Shortfall;
