//! Looks up one value in JSON whose form was checked before. What is looked for is found without a copy; the rest is passed
//! over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The JSON text at `place`: a name, or a JSON pointer (RFC 6901) if it begins with a slash. `None` if it is not there, or the
/// way to it leads through something else than objects and lists.
pub(super) fn find<'a>(json: &'a str, place: &str) -> Option<&'a str> {
    match place.strip_prefix('/') {
        Some(pointer) => follow(json, pointer),
        None => member(json, place),
    }
}

/// The same for a pointer without its first slash.
pub(super) fn follow<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
    pointer.split('/').try_fold(json, |value, token| {
        if value.trim_start().starts_with('[') { item(value, token) } else { member(value, &unescaped(token)) }
    })
}

/// `~1` is a slash and `~0` a tilde (RFC 6901 section 4).
pub(super) fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    members(json, std::slice::from_ref(&name), |_, value| found = Some(value))?;
    found
}

fn item<'a>(json: &'a str, index: &str) -> Option<&'a str> {
    let canonical = index == "0" || (!index.starts_with('0') && index.bytes().all(|byte| byte.is_ascii_digit()));
    let index: usize = index.parse().ok().filter(|_| canonical)?;
    let mut count = 0;
    let mut found = None;
    items(json, |value| {
        if count == index {
            found = Some(value);
        }
        count += 1;
    })?;
    found
}

/// Tells `take` of each member that has one of `names`, by its index. `None` if `json` is no object.
pub(super) fn members<'a, N: AsRef<str>>(json: &'a str, names: &[N], take: impl FnMut(usize, &'a str)) -> Option<()> {
    if !json.trim_start().starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Members { names, take }).ok()
}

/// Tells `take` of each item. `None` if `json` is no list.
pub(super) fn items<'a>(json: &'a str, take: impl FnMut(&'a str)) -> Option<()> {
    if !json.trim_start().starts_with('[') {
        return None;
    }
    serde_json::Deserializer::from_str(json).deserialize_seq(Items { take }).ok()
}

struct Members<'n, N, F> {
    names: &'n [N],
    take: F,
}

impl<'de, N: AsRef<str>, F: FnMut(usize, &'de str)> Visitor<'de> for Members<'_, N, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(index) = map.next_key_seed(Which(self.names))? {
            match index {
                Some(index) => (self.take)(index, map.next_value::<&RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Which of some names a name is; it is compared where it stands.
struct Which<'n, N>(&'n [N]);

impl<'de, N: AsRef<str>> DeserializeSeed<'de> for Which<'_, N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<N: AsRef<str>> Visitor<'_> for Which<'_, N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|one| one.as_ref() == name))
    }
}

struct Items<F> {
    take: F,
}

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<&RawValue>()? {
            (self.take)(item.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JSON: &str = r#" {"a":{"b":[10,{"c":"x"}],"":1,"m~n":2,"o/p":3},"https://x.example/roles":["r"],"esc\u0061ped":true,"n":null} "#;

    #[test]
    fn a_value_is_found_by_name_or_pointer() {
        for (place, value) in [
            ("n", Some("null")),
            ("https://x.example/roles", Some(r#"["r"]"#)),
            ("escaped", Some("true")),
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some(r#""x""#)),
            ("/a/", Some("1")),
            ("/a/m~0n", Some("2")),
            ("/a/o~1p", Some("3")),
            ("/https:~1~1x.example~1roles/0", Some(r#""r""#)),
            ("/a/b/2", None),
            ("/a/b/00", None),
            ("/a/b/+0", None),
            ("/a/b/-", None),
            ("/a/b/99999999999999999999", None),
            ("/n/x", None),
            ("/a/b/0/x", None),
            ("a/b", None),
            ("absent", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(find(JSON, place), value, "{place}");
        }
        assert_eq!(find("[1]", "a"), None);
        assert_eq!(find("[1]", "/0"), Some("1"));
        assert_eq!(find("7", "/0"), None);
    }

    proptest! {
        // THREAT-V6
        #[test]
        fn no_place_and_no_json_make_the_look_up_panic(json in "[\\[\\]{}:,\"a1\\\\~/ ]{0,40}", place in "[a/~01]{0,10}") {
            let _ = find(&json, &place);
        }
    }
}
