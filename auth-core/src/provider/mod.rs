//! Descriptions of the systems that we call: provider files, their fields, and the values of these.

#![allow(dead_code, reason = "what is described here is carried out by the code that sends requests")]

mod check;
mod extend;
mod field;
mod filled;
mod form;
mod gather;
mod kind;
mod model;
mod names;
mod params;
mod path;
mod predicate;
mod read;
mod schema;
mod spec;
mod specs;
mod template;
mod values;

pub use self::field::FieldSpec;
pub use self::filled::FilledProvider;
pub use self::kind::{AuthKind, FieldFormat, FieldScope, FieldSource, FieldType};
pub use self::model::AuthMethod;
pub use self::spec::ProviderSpec;
pub use self::specs::ProviderSpecs;
pub use self::values::ProviderValues;
