//! Well-known issuers as data: how their URLs look, where their keys are, and by what their access tokens are told from
//! their other tokens.

mod facts;
mod parameters;
#[allow(clippy::module_inception, reason = "the noun of this folder")]
mod preset;
mod table;
mod template;

pub use self::preset::Preset;

pub(super) use self::facts::{ABSENT, Facts, Is, Tells};
pub(super) use self::parameters::{Known, Parameters, Texts};
pub(super) use self::template::{Template, is_plain_url};
