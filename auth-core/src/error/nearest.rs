/// Says that nobody knows the thing called `name`, and what was probably meant, or else what there is.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {what}; did you mean {near:?}?"),
        None if known.is_empty() => format!("unknown {what}; there is none"),
        None => format!("unknown {what}; known are {}", known.join(", ")),
    }
}

/// The name among `known` that was probably meant by `name`: the one that the fewest edits lead to, if they are few, or
/// one that was cut short.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let edits = |one: &str| {
        let cut_short = name.len() > 2 && (one.starts_with(name) || one.len() > 2 && name.starts_with(one));
        if cut_short { 1 } else { distance(name, one) }
    };
    let distances = known.iter().map(|one| (edits(one), *one));
    distances.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits).map(|(_, one)| one)
}

/// How many characters have to be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    // Names in a configuration file are short; a longer one is no misspelling.
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_near_and_another_word_is_not() {
        const KNOWN: &[&str] = &["url", "audience", "algorithms"];
        assert_eq!(nearest("audiance", KNOWN), Some("audience"));
        assert_eq!(nearest("algorithm", KNOWN), Some("algorithms"));
        assert_eq!(nearest("uri", KNOWN), Some("url"));
        assert_eq!(nearest("algo", KNOWN), Some("algorithms"));
        assert_eq!(nearest("frobnicate", KNOWN), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
