//! x
#![forbid(unsafe_code)]

mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "connect")]
#[allow(dead_code, unused_imports, reason = "the router uses it")]
mod connect;
mod connector;
mod error;
mod event;
mod keys;
mod model;
mod seal;
#[cfg(feature = "sql")]
mod sql;
mod store;
mod vault;

pub use self::backend::*;
pub use self::connector::{Connector, MethodFields};
pub use self::error::{FieldError, StoreError, StoreErrorKind};
pub use self::event::{CredentialEvent, CredentialEvents, EventKind, Webhook};
pub use self::keys::{DataKey, FnKeys, KeyError, KeyErrorKind, KeyProvider, KeyRing, Keys};
pub use self::model::*;
#[cfg(feature = "sql")]
pub use self::sql::*;
pub use self::store::*;
