//! `WWW-Authenticate` challenges (RFC 9110 section 11), parsed and built.

mod build;
mod model;
mod parse;

pub use self::model::Challenge;
