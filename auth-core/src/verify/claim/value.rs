use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;

use super::find;
use crate::jose::NumericDate;

/// One claim, borrowed from the claims set that it stands in.
///
/// Each question about it is strict: a text is no number, `1` is not `true`, and a list with one odd item is no list of texts.
/// The answer to a question of the wrong type is `None` or `false`, never a guess, so that a rule that needs the claim fails.
///
/// ```
/// # use tower_auth_core::{Principal, Claim};
/// fn is_of_eu(principal: &Principal) -> bool {
///     principal.claim("/tenant/regions").is_some_and(|regions| regions.has("eu"))
/// }
/// ```
///
/// `Debug` shows the type only: claims are personal data.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    json: &'a str,
}

impl<'a> Claim<'a> {
    pub(in crate::verify) fn new(json: &'a str) -> Self {
        Self { json }
    }

    /// The claim at `place` of a claims set.
    pub(super) fn find(json: &'a str, place: &str) -> Option<Self> {
        find::find(json, place).map(Self::new)
    }

    /// The JSON text of the claim.
    #[must_use]
    pub fn as_json(self) -> &'a str {
        self.json
    }

    /// The claim, if it is a text; borrowed unless it has escapes.
    #[must_use]
    pub fn as_text(self) -> Option<Cow<'a, str>> {
        let inner = self.json.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') { serde_json::from_str(self.json).ok().map(Cow::Owned) } else { Some(inner.into()) }
    }

    /// The claim, if it is `true` or `false`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.json {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The claim, if it is a whole number of this range, written as one.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        self.json.parse().ok()
    }

    /// The claim, if it is a number.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        self.json
            .starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            .then(|| self.json.parse().ok())?
    }

    /// Whether the claim is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.json == "null"
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn items(self) -> Option<Vec<Self>> {
        let mut items = Vec::new();
        find::items(self.json, |item| items.push(Self::new(item)))?;
        Some(items)
    }

    /// The texts, if it is a list of texts and of nothing else, or one text alone.
    #[must_use]
    pub fn texts(self) -> Option<Vec<Cow<'a, str>>> {
        if let Some(text) = self.as_text() {
            return Some(vec![text]);
        }
        let mut texts = Some(Vec::new());
        find::items(self.json, |item| {
            texts = texts.take().zip(Self::new(item).as_text()).map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
        })?;
        texts
    }

    /// Whether it is this text: exact and case-sensitive.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        self.as_text().is_some_and(|own| own == text)
    }

    /// Whether it is this text, or a list of texts with this one among them: exact and case-sensitive.
    #[must_use]
    pub fn has(self, text: &str) -> bool {
        if self.json.starts_with('"') {
            return self.is(text);
        }
        let (mut found, mut odd) = (false, false);
        let listed = find::items(self.json, |item| match Self::new(item).as_text() {
            Some(own) => found |= own == text,
            None => odd = true,
        });
        listed.is_some() && found && !odd
    }

    /// A part of it, by name or JSON pointer (RFC 6901): see [`Principal::claim`](crate::Principal::claim).
    #[must_use]
    pub fn get(self, place: &str) -> Option<Self> {
        Self::find(self.json, place)
    }

    /// The claim as a type of your own, if it has that shape.
    #[must_use]
    pub fn decode<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(self.json).ok()
    }

    /// The claim, if it is a time as RFC 7519 section 2 writes it.
    #[must_use]
    pub(super) fn as_date(self) -> Option<NumericDate> {
        self.decode()
    }

    /// Whether it is an object.
    pub(in crate::verify) fn is_object(self) -> bool {
        self.json.starts_with('{')
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.json.as_bytes().first() {
            Some(b'"') => "Claim(text)",
            Some(b't' | b'f') => "Claim(bool)",
            Some(b'[') => "Claim(list)",
            Some(b'{') => "Claim(object)",
            Some(b'n') => "Claim(null)",
            _ => "Claim(number)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(json: &str) -> Claim<'_> {
        Claim::new(json)
    }

    // THREAT-V6
    #[test]
    fn a_claim_is_what_it_is_and_nothing_else() {
        assert_eq!(claim(r#""a""#).as_text(), Some(Cow::Borrowed("a")));
        assert!(matches!(claim(r#""a""#).as_text(), Some(Cow::Borrowed(_))));
        assert_eq!(claim(r#""a\"\u0062""#).as_text().as_deref(), Some("a\"b"));
        assert_eq!(claim("7").as_i64(), Some(7));
        assert_eq!(claim("-7").as_i64(), Some(-7));
        assert_eq!(claim("7.5").as_f64(), Some(7.5));
        assert_eq!((claim("true").as_bool(), claim("false").as_bool()), (Some(true), Some(false)));
        assert!(claim("null").is_null());
        for json in ["1", "\"true\"", "null", "[true]", "{}"] {
            assert_eq!(claim(json).as_bool(), None, "{json}");
        }
        for json in ["\"7\"", "7.0", "7e0", "true", "null", "[7]", "9223372036854775808"] {
            assert_eq!(claim(json).as_i64(), None, "{json}");
        }
        for json in ["\"7\"", "null", "true"] {
            assert_eq!(claim(json).as_f64(), None, "{json}");
        }
        for json in ["7", "null", "[\"a\"]", "true", "{}"] {
            assert_eq!(claim(json).as_text(), None, "{json}");
        }
    }

    // THREAT-V6
    #[test]
    fn a_list_with_one_odd_item_has_no_texts() {
        assert!(claim(r#"["a","b"]"#).has("b") && claim(r#""b""#).has("b"));
        assert!(!claim(r#"["a","b"]"#).has("B") && !claim(r#""a b""#).has("b") && !claim("[]").has(""));
        assert!(!claim(r#"["a",1]"#).has("a") && !claim(r#"{"a":1}"#).has("a") && !claim("null").has("null"));
        assert_eq!(claim(r#"["a","b"]"#).texts().unwrap(), ["a", "b"]);
        assert_eq!(claim(r#""a""#).texts().unwrap(), ["a"]);
        assert_eq!(claim("[]").texts().unwrap(), [""; 0]);
        assert_eq!(claim(r#"["a",null]"#).texts(), None);
        assert_eq!(claim("7").texts(), None);
        assert_eq!(claim(r#"["a",1]"#).items().unwrap().len(), 2);
        assert!(claim("7").items().is_none());
    }

    #[test]
    fn a_part_is_found_in_an_object() {
        let nested = claim(r#"{"a":{"b":["x"]}}"#);
        assert!(nested.get("/a/b").unwrap().has("x"));
        assert!(nested.get("a").unwrap().get("b").unwrap().has("x"));
        assert!(nested.get("b").is_none() && claim("7").get("a").is_none());
        assert_eq!(nested.get("/a/b").unwrap().decode::<Vec<String>>().unwrap(), ["x"]);
        assert_eq!(nested.decode::<u8>(), None);
    }

    // THREAT-L1
    #[test]
    fn debug_shows_the_type_only() {
        for json in [r#""sentinel""#, r#"["sentinel"]"#, r#"{"sentinel":1}"#, "7", "true", "null"] {
            assert!(!format!("{:?}", claim(json)).contains("sentinel"));
        }
        assert_eq!(format!("{:?}", claim("7")), "Claim(number)");
    }
}
