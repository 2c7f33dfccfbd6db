//! x
#![forbid(unsafe_code)]
mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod model;
#[cfg(feature = "sql")]
mod sql;
pub use self::backend::*;
pub use self::model::*;
#[cfg(feature = "sql")]
pub use self::sql::*;
