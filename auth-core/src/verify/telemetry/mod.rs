//! Events, spans and metrics of verification. Nothing of a credential is in them.

mod audit;
#[cfg(feature = "introspection")]
mod introspection;
#[cfg(feature = "jwt")]
mod keys;
mod outcome;
#[cfg(feature = "password-hash")]
mod passwords;

pub(super) use self::audit::denied;
#[cfg(feature = "introspection")]
pub(super) use self::introspection::{introspected, not_introspected};
#[cfg(feature = "jwt")]
pub(super) use self::keys::{key_skipped, keys_failed, keys_fetched};
#[cfg(feature = "jwt")]
pub(super) use self::outcome::remembered;
pub(super) use self::outcome::{RequestSpan, verified};
#[cfg(feature = "password-hash")]
pub(super) use self::passwords::{PasswordOutcome, password};
