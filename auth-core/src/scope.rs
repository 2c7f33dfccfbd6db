//! Sets of OAuth scopes.

use std::fmt;
use std::sync::Arc;

use crate::error::{ConfigError, ConfigErrorKind};

/// A set of OAuth scope tokens (RFC 6749 section 3.3): case-sensitive, order without meaning.
///
/// ```
/// use tower_auth_core::ScopeSet;
///
/// let granted: ScopeSet = "orders:read orders:write".parse()?;
/// assert!(granted.contains("orders:read"));
/// assert_eq!(granted, "orders:write orders:read".parse()?);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Arc<[Box<str>]>);

impl ScopeSet {
    /// The set of the given scope tokens; duplicates collapse.
    ///
    /// # Errors
    /// When one of them is empty or has a character outside `%x21 / %x23-5B / %x5D-7E`.
    pub fn new<I>(scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut tokens = Vec::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if scope.is_empty() || !scope.bytes().all(is_scope_byte) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidScope,
                    format!(
                        "{scope:?} is not a scope: one or more printable ASCII characters without space, '\"' and '\\'"
                    ),
                ));
            }
            tokens.push(Box::from(scope));
        }
        Ok(Self::from_tokens(tokens))
    }

    /// What an authorization server wrote, in which anything that is no scope token is left out. Spaces, and
    /// `separator` if it is another character, part the tokens.
    #[must_use]
    pub fn parse_lenient(text: &str, separator: char) -> Self {
        let tokens = text
            .split([' ', separator])
            .filter(|token| !token.is_empty() && token.bytes().all(is_scope_byte))
            .map(Box::from)
            .collect();
        Self::from_tokens(tokens)
    }

    /// Whether the set has no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|own| (**own).cmp(scope)).is_ok()
    }

    /// Whether every scope of `other` is in this set.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The scopes in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// The scopes in ascending order, joined by `separator`.
    #[must_use]
    pub fn join(&self, separator: char) -> String {
        let mut text = String::with_capacity(self.0.iter().map(|scope| scope.len() + 1).sum());
        for scope in self.iter() {
            if !text.is_empty() {
                text.push(separator);
            }
            text.push_str(scope);
        }
        text
    }

    fn from_tokens(mut tokens: Vec<Box<str>>) -> Self {
        tokens.sort_unstable();
        tokens.dedup();
        Self(tokens.into())
    }
}

impl std::str::FromStr for ScopeSet {
    type Err = ConfigError;

    /// Parses scope tokens parted by spaces.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::new(text.split(' ').filter(|token| !token.is_empty()))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({:?})", self.to_string())
    }
}

/// `%x21 / %x23-5B / %x5D-7E` (RFC 6749 section 3.3, RFC 6750 section 3).
pub(crate) fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6749-3.3a
    #[test]
    fn order_and_repetition_have_no_meaning_but_case_has() {
        let set: ScopeSet = "b a b".parse().unwrap();
        assert_eq!(set, ScopeSet::new(["a", "b"]).unwrap());
        assert_ne!(set, ScopeSet::new(["A", "b"]).unwrap());
        assert_eq!(set.to_string(), "a b");
        assert_eq!(set.join(','), "a,b");
    }

    // R6749-3.3a
    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for bad in ["a\"b", "a\\b", "ä", "a\nb", "\u{7f}"] {
            assert!(bad.parse::<ScopeSet>().is_err(), "{bad:?}");
        }
        assert!(ScopeSet::new([""]).is_err());
        assert!(ScopeSet::new(["a b"]).is_err());
        for good in ["!", "#", "[", "]", "~", "urn:x/y?z=1"] {
            assert!(good.parse::<ScopeSet>().is_ok(), "{good:?}");
        }
    }

    // R6749-3.3b
    #[test]
    fn what_a_server_granted_is_read_leniently() {
        let set = ScopeSet::parse_lenient("a,b c,\u{1}x,,", ',');
        assert_eq!(set, ScopeSet::new(["a", "b", "c"]).unwrap());
    }

    #[test]
    fn membership() {
        let all: ScopeSet = "a b c".parse().unwrap();
        assert!(all.contains("b") && !all.contains("B") && !all.contains(""));
        assert!(all.contains_all(&"a c".parse().unwrap()));
        assert!(all.contains_all(&ScopeSet::default()));
        assert!(!all.contains_all(&"a d".parse().unwrap()));
    }
}
