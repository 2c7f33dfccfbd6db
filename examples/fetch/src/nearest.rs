/// The one of `known` that is most like `text`.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().min_by_key(|candidate| {
        // A word that was cut short is nearer than any other.
        let cut = candidate.starts_with(text) || text.starts_with(candidate);
        if cut { 1 } else { distance(text, candidate) }
    })
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
    fn the_nearest_word_is_found() {
        let known = ["token_url", "client_auth", "scopes", "grant_type"];
        for (text, expected) in
            [("tokenurl", "token_url"), ("cleint_auth", "client_auth"), ("scope", "scopes"), ("grant", "grant_type")]
        {
            assert_eq!(nearest(text, known), Some(expected));
        }
        assert_eq!(nearest("x", []), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting")), (3, 3));
    }
}
