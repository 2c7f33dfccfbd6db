//! Reads the tables of a provider file into the model, mistake by mistake.

mod answer;
mod assertion;
mod field;
mod method;
mod parts;
mod placement;
mod request;
mod token_request;
mod whole;

pub(super) use self::whole::{Draft, whole};
