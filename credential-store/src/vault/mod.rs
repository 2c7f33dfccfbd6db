//! What stands between rows and their meaning: everything that is sealed goes through here.

mod sheet;
#[allow(clippy::module_inception, reason = "the noun of the room")]
mod vault;

pub(crate) use self::sheet::{Values, secret_json};
pub(crate) use self::vault::{Opened, Vault, open_log, open_tokens, seal_log, seal_tokens, seal_values, spent};
