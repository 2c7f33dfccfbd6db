use std::borrow::Cow;
use std::collections::HashSet;

/// How many names are compared one by one before a hash set takes over. Nearly every object stays below, and
/// costs no allocation; a hostile one costs no quadratic time.
const INLINE: usize = 16;

/// The member names of one object seen so far.
pub(super) struct Names<'de> {
    few: [Cow<'de, str>; INLINE],
    len: usize,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    pub(super) fn new() -> Self {
        Self { few: [const { Cow::Borrowed("") }; INLINE], len: 0, many: HashSet::new() }
    }

    /// Adds `name`; false if it was there already.
    pub(super) fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few[..self.len].contains(&name) {
            return false;
        }
        if self.len == INLINE {
            return self.many.insert(name);
        }
        self.few[self.len] = name;
        self.len += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R7515-4a
    #[test]
    fn a_name_goes_in_once_on_both_sides_of_the_inline_limit() {
        let mut names = Names::new();
        for round in 0..2 {
            for n in 0..3 * INLINE {
                assert_eq!(names.insert(Cow::Owned(n.to_string())), round == 0, "{n}");
            }
        }
        assert!(names.insert(Cow::Borrowed("")), "the empty name is a name like any other");
        assert!(!names.insert(Cow::Borrowed("")));
    }
}
