//! What is stored, sealed to its place. `docs/sealed-format.md` describes the bytes.
//!
//! A [`Sealer`] seals cells with a data key, each bound to its [`Place`]; [`wrap_data_key`] makes the data key itself fit to be
//! stored. The [`StoreKey`] is for what has to be found without knowing whose it is.

mod error;
#[cfg(test)]
mod format_v1;
mod place;
mod sealer;
mod store_key;
mod wrapped_key;

pub(crate) use self::error::{SealError, SealErrorKind};
pub(crate) use self::place::Place;
pub(crate) use self::sealer::{DataKeyId, Sealer};
pub(crate) use self::store_key::StoreKey;
pub(crate) use self::wrapped_key::{key_id_of, rewrap, unwrap_data_key, wrap_data_key};
