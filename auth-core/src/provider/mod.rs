//! Descriptions of the systems that we call: provider files, their fields, and the values of these.

mod check;
mod connect;
mod extend;
mod field;
mod filled;
mod form;
mod gather;
mod kind;
mod model;
mod names;
mod path;
mod predicate;
mod read;
mod schema;
mod spec;
mod specs;
mod template;
mod values;

#[cfg(feature = "loopback")]
pub use self::connect::ConnectionNativeLogin;
pub use self::connect::{Connection, ConnectionBuilder, LoggedExchange, RequestLog};
#[cfg(feature = "authorization-code")]
pub use self::connect::{ConnectionLogin, StartedLogin};
pub use self::field::FieldSpec;
pub use self::filled::FilledProvider;
pub use self::kind::{AuthKind, FieldFormat, FieldScope, FieldSource, FieldType};
pub use self::model::AuthMethod;
pub use self::spec::ProviderSpec;
pub use self::specs::ProviderSpecs;
pub use self::values::ProviderValues;
