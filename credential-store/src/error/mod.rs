//! What the store could not do.

mod field_error;
mod store_error;

pub use self::field_error::FieldError;
pub use self::store_error::{StoreError, StoreErrorKind};
