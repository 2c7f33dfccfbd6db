//! One way to write each thing that is authenticated. `docs/sealed-format.md` has this byte by byte.

/// The format that is written. A later one gets a number of its own; this one stays readable.
const VERSION: u8 = 1;

/// Begins everything that is authenticated or derived, so that a key used elsewhere too never means the same there.
const NAME: &[u8; 16] = b"tower-auth-store";

const LABEL_LEN: usize = NAME.len() + 2;

/// What a sealed or derived thing is for. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A cell of a table, sealed with a data key.
    Cell = 1,
    /// A data key, wrapped by a provider.
    WrappedKey = 2,
    /// The provider's part of a wrapped data key, where the provider is a `KeyRing`.
    RingKey = 3,
    /// A key for a purpose that has a name.
    Derived = 4,
    /// The key of the digests below.
    Index = 5,
    /// The digest of a tenant and a user.
    Owner = 6,
    /// The digest of a tenant.
    #[cfg_attr(not(test), allow(dead_code, reason = "a number that is taken"))]
    Tenant = 7,
}

impl Kind {
    /// Name, version and kind: it tells apart everything that one key is used for.
    pub(crate) fn label(self) -> [u8; LABEL_LEN] {
        let mut label = [0; LABEL_LEN];
        label[..NAME.len()].copy_from_slice(NAME);
        label[NAME.len()..].copy_from_slice(&header(self));
        label
    }
}

/// The first two bytes of a blob.
pub(crate) fn header(kind: Kind) -> [u8; 2] {
    [VERSION, kind as u8]
}

/// What is wrong with the first two bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// No such blob was ever written, or it is one of another kind.
    Malformed,
    /// The version is one that does not exist yet.
    TooNew,
}

/// What follows the header.
pub(crate) fn strip_header(kind: Kind, blob: &[u8]) -> Result<&[u8], HeaderFault> {
    match blob {
        // A later version may have other kinds, so the kind is not looked at.
        [version, ..] if *version > VERSION => Err(HeaderFault::TooNew),
        [VERSION, found, rest @ ..] if *found == kind as u8 => Ok(rest),
        _ => Err(HeaderFault::Malformed),
    }
}

/// Writes fields so that two different lists of fields never give the same bytes.
pub(crate) struct Canonical(Vec<u8>);

impl Canonical {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&kind.label());
        Self(bytes)
    }

    /// A field that is there, however empty.
    pub(crate) fn field(mut self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.0.push(1);
        self.0.extend_from_slice(&(value.len() as u64).to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// A field that may be absent, which is not the same as empty.
    pub(crate) fn optional(mut self, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.field(value),
            None => {
                self.0.push(0);
                self
            }
        }
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(fields: &[Option<Vec<u8>>]) -> Vec<u8> {
        fields.iter().fold(Canonical::new(Kind::Cell), |list, field| list.optional(field.as_ref())).into_bytes()
    }

    #[test]
    fn a_header_is_of_its_kind_and_of_a_known_version() {
        assert_eq!(strip_header(Kind::Cell, &[1, 1, 9]), Ok(&[9][..]));
        for blob in [&[][..], &[1], &[0], &[0, 1], &[1, 2, 9]] {
            assert_eq!(strip_header(Kind::Cell, blob), Err(HeaderFault::Malformed), "{blob:?}");
        }
        for blob in [&[2][..], &[2, 1], &[2, 200], &[255, 1, 9]] {
            assert_eq!(strip_header(Kind::Cell, blob), Err(HeaderFault::TooNew), "{blob:?}");
        }
    }
    // THREAT-S1
    #[test]
    fn bytes_do_not_move_from_one_field_to_the_next_and_absent_is_not_empty() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        let lists = [
            vec![some("ab"), some("c")],
            vec![some("a"), some("bc")],
            vec![some("abc"), some("")],
            vec![some("abc"), None],
            vec![None, some("abc")],
            vec![some("abc")],
            vec![some("abc\u{1}\0\0\0\0\0\0\0\0")],
        ];
        for (i, one) in lists.iter().enumerate() {
            for other in &lists[i + 1..] {
                assert_ne!(written(one), written(other));
            }
        }
    }

    proptest! {
        // THREAT-S1
        #[test]
        fn different_fields_are_different_bytes(
            one in proptest::collection::vec(proptest::option::of(proptest::collection::vec(0_u8..3, 0..4)), 0..4),
            other in proptest::collection::vec(proptest::option::of(proptest::collection::vec(0_u8..3, 0..4)), 0..4),
        ) {
            prop_assert_eq!(one == other, written(&one) == written(&other));
        }
    }
}
