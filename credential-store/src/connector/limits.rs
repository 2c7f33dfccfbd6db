use std::collections::BTreeMap;

use tower_auth_core::Secret;

use crate::error::FieldError;

/// How much a user may give at once, before any of it is looked at, sealed or bound to a statement.
pub(crate) struct Limits;

impl Limits {
    /// How many values.
    pub(crate) const VALUES: usize = 64;
    /// How long the name of a field is, in bytes.
    pub(crate) const NAME: usize = 128;
    /// How long one value is, in bytes: a chain of certificates fits.
    pub(crate) const VALUE: usize = 32 * 1024;
    /// How long all of them are, in bytes.
    pub(crate) const TOTAL: usize = 128 * 1024;

    /// What is too much of it.
    pub(crate) fn check(given: &BTreeMap<String, Secret>) -> Vec<FieldError> {
        if given.len() > Self::VALUES {
            return vec![FieldError::new("", format!("there are more than {} values", Self::VALUES))];
        }
        if given.keys().any(|name| name.len() > Self::NAME) {
            return vec![FieldError::new("", format!("the name of a field is longer than {} bytes", Self::NAME))];
        }
        let long = given.iter().filter(|(_, value)| length(value) > Self::VALUE);
        let mut mistakes: Vec<_> = long
            .map(|(name, _)| FieldError::new(name, format!("the value is longer than {} bytes", Self::VALUE)))
            .collect();
        if mistakes.is_empty() && given.values().map(length).sum::<usize>() > Self::TOTAL {
            mistakes.push(FieldError::new("", format!("the values are longer than {} bytes in all", Self::TOTAL)));
        }
        mistakes
    }
}

fn length(value: &Secret) -> usize {
    value.expose_secret().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(count: usize, name: usize, value: usize) -> BTreeMap<String, Secret> {
        let value = "v".repeat(value);
        (0..count).map(|number| (format!("{number:0>name$}"), Secret::from(value.as_str()))).collect()
    }

    // THREAT-S5
    #[test]
    fn what_is_given_is_bounded_in_number_and_length() {
        for (is_fine, count, name, value) in [
            (true, Limits::VALUES, 3, 10),
            (false, Limits::VALUES + 1, 3, 10),
            (true, 1, Limits::NAME, 10),
            (false, 1, Limits::NAME + 1, 10),
            (true, 4, 3, Limits::VALUE),
            (false, 1, 3, Limits::VALUE + 1),
            (false, 5, 3, Limits::VALUE),
        ] {
            assert_eq!(Limits::check(&given(count, name, value)).is_empty(), is_fine, "{count} {name} {value}");
        }
    }
}
