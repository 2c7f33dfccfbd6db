use super::find::{follow, members, unescaped};
use super::value::Claim;
use crate::error::{ConfigError, ConfigErrorKind};

/// How many different claims the rules of one issuer may look at, beside the registered ones.
const MAX: usize = 24;

/// The claims that rules look at, so that one pass over a token finds all of them.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Places {
    names: Vec<Box<str>>,
}

/// One of the places.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Place {
    /// Of the name of the claim, or of the first part of the pointer.
    slot: usize,
    /// The rest of a pointer, without its slash.
    below: Option<Box<str>>,
    /// As it was written.
    text: Box<str>,
}

/// What was found at the places in one claims set.
pub(in crate::verify) struct Picked<'a>([Option<&'a str>; MAX]);

impl Places {
    /// Takes note of a place: a name, or a JSON pointer if it begins with a slash.
    ///
    /// # Errors
    /// When it is empty, or there are too many.
    pub(in crate::verify) fn add(&mut self, text: &str) -> Result<Place, ConfigError> {
        let invalid = |why: &str| ConfigError::new(ConfigErrorKind::InvalidOption, why);
        let (name, below) = match text.strip_prefix('/') {
            Some(pointer) => match pointer.split_once('/') {
                Some((first, below)) => (unescaped(first), Some(below.into())),
                None => (unescaped(pointer), None),
            },
            None => (text.into(), None),
        };
        if name.is_empty() {
            return Err(invalid("the name of a claim is empty"));
        }
        let known = self.names.iter().position(|own| **own == *name);
        let slot = known.unwrap_or(self.names.len());
        if slot == MAX {
            return Err(invalid("the rules look at more than 24 claims"));
        }
        if known.is_none() {
            self.names.push(name.into());
        }
        Ok(Place { slot, below, text: text.into() })
    }

    /// Looks for all of them in a claims set that was parsed before.
    pub(in crate::verify) fn pick<'a>(&self, json: &'a [u8]) -> Picked<'a> {
        let mut found = [None; MAX];
        if !self.names.is_empty() {
            if let Ok(json) = std::str::from_utf8(json) {
                members(json, &self.names, |slot, value| found[slot] = Some(value));
            }
        }
        Picked(found)
    }
}

impl Place {
    /// The place as it was written.
    pub(in crate::verify) fn as_str(&self) -> &str {
        &self.text
    }
}

impl<'a> Picked<'a> {
    /// The claim at `place`, if it is there.
    pub(in crate::verify) fn get(&self, place: &Place) -> Option<Claim<'a>> {
        let value = self.0[place.slot]?;
        let value = match &place.below {
            Some(below) => follow(value, below)?,
            None => value,
        };
        Some(Claim::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_one_pass() {
        let mut places = Places::default();
        let [tenant, roles, first, odd] =
            ["tid", "/access/roles", "/access/roles/0", "/a~1b"].map(|text| places.add(text).unwrap());
        assert_eq!(places.names.len(), 3, "one name for both pointers");
        let json = br#"{"x":[1,2],"access":{"roles":["r","s"]},"tid":"t","a/b":7}"#;
        let picked = places.pick(json);
        assert!(picked.get(&tenant).unwrap().is("t"));
        assert!(picked.get(&roles).unwrap().has("s"));
        assert!(picked.get(&first).unwrap().is("r"));
        assert_eq!(picked.get(&odd).unwrap().as_i64(), Some(7));
        let picked = places.pick(br#"{"access":[]}"#);
        assert!(picked.get(&tenant).is_none() && picked.get(&roles).is_none());
        assert_eq!(roles.as_str(), "/access/roles");
    }

    #[test]
    fn a_place_without_a_name_and_one_too_many_are_mistakes() {
        let mut places = Places::default();
        assert!(places.add("").is_err() && places.add("/").is_err() && places.add("//a").is_err());
        for n in 0..MAX {
            places.add(&format!("c{n}")).unwrap();
        }
        assert!(places.add("c0").is_ok() && places.add("more").is_err());
    }
}
