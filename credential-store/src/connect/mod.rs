//! The page on which a person connects an account.

pub(crate) mod assets;
pub(crate) mod views;
