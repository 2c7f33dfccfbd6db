/// The one of `known` that was probably meant by `text`: the one that the fewest edits lead to, if they are few, or one that was
/// cut short.
pub(crate) fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(2);
    let edits = |candidate: &str| {
        let cut = text.len() > 2 && (candidate.starts_with(text) || text.starts_with(candidate));
        if cut { 1 } else { distance(text, candidate) }
    };
    let near = known.iter().map(|candidate| (edits(candidate), *candidate)).filter(|(edits, _)| *edits <= limit);
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, removed or replaced to make one text the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, own) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, theirs) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(own != *theirs);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_near_and_another_word_is_not() {
        let known = ["token_url", "client_auth", "scopes", "grant_type"];
        for (text, expected) in
            [("tokenurl", "token_url"), ("cleint_auth", "client_auth"), ("scope", "scopes"), ("grant", "grant_type")]
        {
            assert_eq!(nearest(text, &known), Some(expected));
        }
        assert_eq!(nearest("frobnicate", &known), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting")), (3, 3));
    }
}
