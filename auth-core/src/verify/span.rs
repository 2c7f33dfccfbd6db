use std::ops::Range;

/// A text that is a part of another, or stands alone because it had escapes to be undone.
#[derive(Debug)]
pub(super) enum Text {
    #[cfg_attr(not(feature = "jwt"), allow(dead_code, reason = "only tokens bring claims"))]
    Part(Range<usize>),
    Owned(Box<str>),
}

impl Text {
    /// The text, given the whole that it was made from.
    pub(super) fn of<'a>(&'a self, whole: &'a str) -> &'a str {
        match self {
            // A range that fits was checked when it was made.
            Self::Part(range) => whole.get(range.clone()).unwrap_or_default(),
            Self::Owned(text) => text,
        }
    }
}

#[cfg(feature = "jwt")]
mod part {
    use super::{Range, Text};

    impl Text {
        /// Remembers where in `whole` the text lies; keeps a copy of one that lies elsewhere.
        pub(in crate::verify) fn new(text: &str, whole: &[u8]) -> Self {
            position(text.as_bytes(), whole).map_or_else(|| Self::Owned(text.into()), Self::Part)
        }
    }

    /// Where `part` lies in `whole`, if it is a part of it.
    pub(in crate::verify) fn position(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        (end <= whole.len()).then_some(start..end)
    }
}

#[cfg(all(test, feature = "jwt"))]
pub(super) use self::part::position;

#[cfg(all(test, feature = "jwt"))]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_again_and_a_stranger_is_kept() {
        let whole = String::from("{\"sub\":\"alice\"}");
        let text = Text::new(&whole[8..13], whole.as_bytes());
        assert!(matches!(text, Text::Part(_)));
        assert_eq!(text.of(&whole), "alice");
        let elsewhere = String::from("bob");
        assert_eq!(Text::new(&elsewhere, whole.as_bytes()).of(&whole), "bob");
        assert_eq!(position(&whole.as_bytes()[15..], whole.as_bytes()), Some(15..15));
    }
}
