//! What credentials are for: a described provider with what its operator chose.

mod binding;
#[allow(clippy::module_inception, reason = "the noun of the room")]
mod connector;
mod fields;
mod limits;

pub use self::connector::Connector;
pub use self::fields::MethodFields;

pub(crate) use self::connector::Connectors;
pub(crate) use self::limits::Limits;
