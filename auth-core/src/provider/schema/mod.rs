//! Which keys a provider file has: for the reader, which refuses others, and for the JSON Schema.

mod generate;
mod tables;

pub(crate) use self::generate::provider_schema;
pub(crate) use self::tables::*;
