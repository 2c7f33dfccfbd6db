use super::DataKeyId;
use crate::keys::{Canonical, Kind};

/// Where a sealed thing belongs. It opens there and nowhere else.
///
/// Whoever opens fills this in from what was asked for, never from the row that was found: a row could name its own place.
/// It names a user, so there is no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    pub(crate) connector: Option<&'a str>,
    pub(crate) credential: Option<&'a str>,
    /// What rises with each write, a generation or a revision: an older value of the same cell does not open in place of the
    /// newer one. Who restores the counter along with it is not found out.
    pub(crate) counter: u64,
}

impl<'a> Place<'a> {
    /// A cell that belongs to nobody in particular. The other fields are set one by one.
    pub(crate) fn new(table: &'a str, column: &'a str) -> Self {
        Self { table, column, tenant: None, user: None, connector: None, credential: None, counter: 0 }
    }

    /// The place as associated data, for something of this kind that goes by the data key with this id.
    pub(crate) fn encode(&self, kind: Kind, data_key: &DataKeyId) -> Vec<u8> {
        Canonical::new(kind)
            .field(self.table)
            .field(self.column)
            .optional(self.tenant)
            .optional(self.user)
            .optional(self.connector)
            .optional(self.credential)
            .field(data_key)
            .number(self.counter)
            .into_bytes()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A place, and for each field of it another that differs in this field alone, or in where two fields part.
    pub(in crate::seal) fn places() -> Vec<Place<'static>> {
        let place = Place {
            table: "credential",
            column: "tokens",
            tenant: Some("acme"),
            user: Some("u-1"),
            connector: Some("hubspot"),
            credential: Some("c-77"),
            counter: 3,
        };
        vec![
            place,
            Place { table: "outbox", ..place },
            Place { table: "credentialt", column: "okens", ..place },
            Place { column: "values", ..place },
            Place { column: "", ..place },
            Place { tenant: Some("acmf"), ..place },
            Place { tenant: Some(""), ..place },
            Place { tenant: None, ..place },
            Place { tenant: None, user: Some("acme"), ..place },
            Place { tenant: Some("acm"), user: Some("eu-1"), ..place },
            Place { tenant: Some("acmeu-1"), user: Some(""), ..place },
            Place { tenant: Some("acmeu-1"), user: None, ..place },
            Place { user: Some("u-2"), ..place },
            Place { user: Some("U-1"), ..place },
            Place { user: Some("u-1\0"), ..place },
            Place { user: Some(""), ..place },
            Place { user: None, ..place },
            Place { user: Some("u-1\u{1}\0\0\0\0\0\0\0\u{7}hubspot"), connector: None, ..place },
            Place { connector: Some("hubspo"), credential: Some("tc-77"), ..place },
            Place { connector: Some("xero"), ..place },
            Place { connector: Some(""), ..place },
            Place { connector: None, ..place },
            Place { credential: Some("c-78"), ..place },
            Place { credential: Some(""), ..place },
            Place { credential: None, ..place },
            Place { counter: 2, ..place },
            Place { counter: 4, ..place },
            Place { counter: 3 << 8, ..place },
        ]
    }

    // THREAT-S1
    #[test]
    fn each_place_kind_and_data_key_is_written_in_its_own_way() {
        let mut all = std::collections::HashSet::new();
        for place in places() {
            for kind in [Kind::Cell, Kind::WrappedKey] {
                for id in [[0; 16], [1; 16]] {
                    assert!(all.insert(place.encode(kind, &id)));
                }
            }
        }
    }

    #[test]
    fn a_place_is_written_as_the_format_says() {
        let place = Place { user: Some("u"), credential: Some(""), counter: 258, ..Place::new("t", "col") };
        let expected = [
            &b"tower-auth-store\x01\x01"[..],
            b"\x01\0\0\0\0\0\0\0\x01t",
            b"\x01\0\0\0\0\0\0\0\x03col",
            b"\0",
            b"\x01\0\0\0\0\0\0\0\x01u",
            b"\0",
            b"\x01\0\0\0\0\0\0\0\0",
            b"\x01\0\0\0\0\0\0\0\x10\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09",
            b"\0\0\0\0\0\0\x01\x02",
        ];
        assert_eq!(place.encode(Kind::Cell, &[9; 16]), expected.concat());
    }
}
