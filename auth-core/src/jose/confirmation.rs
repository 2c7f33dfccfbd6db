use std::borrow::Cow;

use serde::de::MapAccess;

use super::json::{Level, Members};
use super::text::Text;

/// The `cnf` claim (RFC 7800): the key a token is bound to. A token that has one is no bearer token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation<'a> {
    /// The SHA-256 thumbprint of a DPoP key (RFC 9449 section 6.1).
    pub jkt: Option<Cow<'a, str>>,
    /// The SHA-256 thumbprint of a client certificate (RFC 8705 section 3.1).
    pub x5t_s256: Option<Cow<'a, str>>,
    /// Whether there is any other member: a binding that is not understood, so that the token must be refused.
    pub has_unknown: bool,
}

impl<'de> Members<'de> for Confirmation<'de> {
    const NAMES: &'static [&'static str] = &["jkt", "x5t#S256"];

    fn slot(&self, name: &str) -> Option<usize> {
        Self::NAMES.iter().position(|known| *known == name)
    }

    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, _: Level<'_>) -> Result<(), A::Error> {
        let Text(value) = map.next_value()?;
        match slot {
            0 => self.jkt = Some(value),
            _ => self.x5t_s256 = Some(value),
        }
        Ok(())
    }

    fn unknown(&mut self) {
        self.has_unknown = true;
    }
}
