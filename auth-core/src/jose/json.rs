//! Strict JSON objects, read in one pass and borrowed: unique names, bounded depth, bounded number of members.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::JoseError;
use super::names::Names;
use super::text::Text;

/// Nesting allowed, the outermost object included.
const MAX_DEPTH: u32 = 16;
/// Members allowed in all objects of one document together.
const MAX_MEMBERS: u32 = 1_000;

/// A reader of the members it knows. The others are checked for well-formedness and skipped.
pub(super) trait Members<'de> {
    /// The names it knows; at most 32.
    const NAMES: &'static [&'static str];

    /// The place of `name` in [`NAMES`](Self::NAMES).
    fn slot(&self, name: &str) -> Option<usize>;

    /// Reads the value of the member at `slot`: exactly one value from `map`.
    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, level: Level<'_>) -> Result<(), A::Error>;

    /// Hears of a member it does not know.
    fn unknown(&mut self) {}
}

/// Reads the one object that `bytes` are, into `target`.
pub(super) fn read_object<'de, M: Members<'de>>(bytes: &'de [u8], target: &mut M) -> Result<(), JoseError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JoseError::BadJson)?;
    let guard = Guard::default();
    let mut json = serde_json::Deserializer::from_str(text);
    Level { guard: &guard, depth: 0 }.object(target).deserialize(&mut json).map_err(|error| guard.explain(&error))?;
    json.end().map_err(|_| JoseError::BadJson)
}

/// What one document has used up, and why reading it ended.
#[derive(Default)]
struct Guard {
    members: Cell<u32>,
    fault: Cell<Option<JoseError>>,
    reading: Cell<Option<&'static str>>,
}

impl Guard {
    fn explain(&self, error: &serde_json::Error) -> JoseError {
        if let Some(fault) = self.fault.take() {
            return fault;
        }
        match (error.is_data(), self.reading.get()) {
            (true, Some(name)) => JoseError::BadMember(name),
            (true, None) => JoseError::NotAnObject,
            (false, _) => JoseError::BadJson,
        }
    }
}

/// A place in the nesting of one document.
#[derive(Clone, Copy)]
pub(super) struct Level<'g> {
    guard: &'g Guard,
    depth: u32,
}

impl<'g> Level<'g> {
    /// A seed that reads an object into `target`.
    pub(super) fn object<M>(self, target: &mut M) -> ObjectSeed<'g, '_, M> {
        ObjectSeed { level: self, target }
    }

    /// A seed that checks a value of any type and drops it.
    pub(super) fn skip(self) -> Skip<'g> {
        Skip { level: self }
    }

    /// An error that ends the reading of the document with `fault`.
    pub(super) fn fail<E: Error>(self, fault: JoseError) -> E {
        self.guard.fault.set(Some(fault));
        // Only to stop serde, whose errors carry but text: `explain` puts the fault in its place.
        E::custom("refused")
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(JoseError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn count_member<E: Error>(self) -> Result<(), E> {
        let members = self.guard.members.get() + 1;
        self.guard.members.set(members);
        if members > MAX_MEMBERS { Err(self.fail(JoseError::TooManyMembers)) } else { Ok(()) }
    }
}

pub(super) struct ObjectSeed<'g, 't, M> {
    level: Level<'g>,
    target: &'t mut M,
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for ObjectSeed<'_, '_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for ObjectSeed<'_, '_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let level = self.level.deeper()?;
        // Known names are told apart by a bit each, so that the usual claims are not compared with each other.
        let mut seen = 0_u32;
        // Most objects have no others.
        let mut names: Option<Names<'_>> = None;
        while let Some(Text(name)) = map.next_key()? {
            level.count_member()?;
            if let Some(slot) = self.target.slot(&name) {
                if seen & (1 << slot) != 0 {
                    return Err(level.fail(JoseError::DuplicateMember));
                }
                seen |= 1 << slot;
                level.guard.reading.set(Some(M::NAMES[slot]));
                self.target.read(slot, &mut map, level)?;
            } else {
                if !names.get_or_insert_with(Names::new).insert(name) {
                    return Err(level.fail(JoseError::DuplicateMember));
                }
                self.target.unknown();
                map.next_value_seed(level.skip())?;
            }
        }
        Ok(())
    }
}

pub(super) struct Skip<'g> {
    level: Level<'g>,
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let level = self.level.deeper()?;
        while seq.next_element_seed(level.skip())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let level = self.level.deeper()?;
        let mut names = Names::new();
        while let Some(Text(name)) = map.next_key()? {
            level.count_member()?;
            if !names.insert(name) {
                return Err(level.fail(JoseError::DuplicateMember));
            }
            map.next_value_seed(level.skip())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Probe {
        known: Option<u64>,
        others: usize,
    }

    impl<'de> Members<'de> for Probe {
        const NAMES: &'static [&'static str] = &["n"];

        fn slot(&self, name: &str) -> Option<usize> {
            (name == "n").then_some(0)
        }

        fn read<A: MapAccess<'de>>(&mut self, _: usize, map: &mut A, _: Level<'_>) -> Result<(), A::Error> {
            self.known = Some(map.next_value()?);
            Ok(())
        }

        fn unknown(&mut self) {
            self.others += 1;
        }
    }

    fn read(json: impl AsRef<[u8]>) -> Result<Probe, JoseError> {
        let mut probe = Probe::default();
        read_object(json.as_ref(), &mut probe).map(|()| probe)
    }

    #[test]
    fn known_members_are_read_and_others_skipped() {
        let probe = read(r#" {"a":[1,-2,3.5,true,null,"x\n",{"b":{}}],"n":7,"\u0062":"\u00e9"} "#).unwrap();
        assert_eq!((probe.known, probe.others), (Some(7), 2));
    }

    // R7515-4a, R7519-4a, THREAT-A5
    #[test]
    fn a_name_given_twice_is_refused_at_every_level() {
        for json in [
            r#"{"n":1,"n":1}"#,
            r#"{"n":1,"\u006e":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"o":{"a":1,"a":1}}"#,
            r#"{"o":[[{"a":1,"b":2,"a":1}]]}"#,
        ] {
            assert_eq!(read(json).err(), Some(JoseError::DuplicateMember), "{json}");
        }
        assert!(read(r#"{"a":{"a":{"a":1}},"A":1}"#).is_ok());
    }

    // R7515-4a
    #[test]
    fn only_one_whole_object_in_utf8_is_accepted() {
        for json in ["[]", "1", "null", "\"x\"", "true", "[{}]"] {
            assert_eq!(read(json).err(), Some(JoseError::NotAnObject), "{json}");
        }
        for json in
            ["", "{", "{}}", "{} {}", "{},", "{}\0", "{\"a\":1,}", "{'a':1}", "{a:1}", "\u{feff}{}", "// {}\n{}"]
        {
            assert_eq!(read(json).err(), Some(JoseError::BadJson), "{json:?}");
        }
        for json in [&b"{\"a\":\"\xff\"}"[..], b"{\"\xc3\x28\":1}", b"{\"a\":\"\xed\xa0\x80\"}", b"\xff\xfe{\0}\0"] {
            assert_eq!(read(json).err(), Some(JoseError::BadJson), "{json:?}");
        }
        assert_eq!(read(r#"{"a":"\ud800"}"#).err(), Some(JoseError::BadJson), "a lone surrogate is no character");
        assert_eq!(read("{\"a\":\"\u{1}\"}").err(), Some(JoseError::BadJson), "control characters are escaped");
    }

    // THREAT-V6, THREAT-A5
    #[test]
    fn odd_numbers_are_errors_or_numbers_but_never_panics() {
        for number in ["1e400", "-1e400", "1E+9999999999999999999", "01", "+1", ".5", "1.", "NaN", "Infinity", "0x1"] {
            assert_eq!(read(format!(r#"{{"a":{number}}}"#)).err(), Some(JoseError::BadJson), "{number}");
        }
        for number in ["1e-400", "-0", "-0.0", "1e308", "18446744073709551616", "0.1e1"] {
            assert!(read(format!(r#"{{"a":{number}}}"#)).is_ok(), "{number}");
        }
    }

    #[test]
    fn a_known_member_of_the_wrong_type_is_named() {
        for value in ["\"1\"", "null", "[1]", "{}", "-1", "1.5", "true"] {
            assert_eq!(read(format!(r#"{{"n":{value}}}"#)).err(), Some(JoseError::BadMember("n")), "{value}");
        }
    }

    // THREAT-A5
    #[test]
    fn sixteen_levels_are_read_and_seventeen_refused() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(read(nested(16)).is_ok());
        assert!(read(objects(16)).is_ok());
        assert_eq!(read(nested(17)).err(), Some(JoseError::TooDeep));
        assert_eq!(read(objects(17)).err(), Some(JoseError::TooDeep));
        assert_eq!(read(format!("{{\"a\":{}", "[".repeat(100_000))).err(), Some(JoseError::TooDeep));
    }

    // THREAT-A5
    #[test]
    fn a_thousand_members_are_read_and_one_more_refused() {
        let flat = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(read(flat(1000)).unwrap().others, 1000);
        assert_eq!(read(flat(1001)).err(), Some(JoseError::TooManyMembers));
        let spread = format!("{{\"a\":[{}]}}", vec!["{\"x\":1}"; 1000].join(","));
        assert_eq!(read(spread).err(), Some(JoseError::TooManyMembers), "all objects count together");
    }

    proptest! {
        // THREAT-A5
        #[test]
        fn no_input_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(bytes);
        }

        // THREAT-A5
        #[test]
        fn no_text_of_json_tokens_makes_the_reader_panic(
            tokens in proptest::collection::vec(
                prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"n\"", "\"a\"", "\"\\u", "1e400", "-", "0", "null"]),
                0..60,
            )
        ) {
            let _ = read(tokens.concat());
        }
    }
}
