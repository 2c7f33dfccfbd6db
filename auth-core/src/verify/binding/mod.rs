//! Tokens that are bound to a key serve nobody else than who holds the key (RFC 8705 section 3, RFC 9449 section 7).

#[allow(clippy::module_inception, reason = "the noun of the folder")]
mod binding;
mod demand;
mod judgement;
mod presented;
#[cfg(feature = "dpop")]
mod proof;

pub(super) use self::binding::Binding;
pub(super) use self::judgement::{Judged, Judgement};
pub(super) use self::presented::Presented;
