use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{Place, SealError, SealErrorKind};
use crate::keys::{DataKey, Kind, OVERHEAD, header, open, seal_into, strip_header};

/// What a data key goes by: random, and no secret.
pub(crate) type DataKeyId = [u8; 16];

/// A data key and its id. Seals cells to their places, and opens them there.
#[derive(Clone)]
pub(crate) struct Sealer {
    id: DataKeyId,
    key: DataKey,
}

impl Sealer {
    /// With a new data key.
    pub(crate) fn generate() -> Self {
        let mut id = DataKeyId::default();
        rand::fill(&mut id).expect("aws-lc ends the process rather than go on without random numbers");
        Self::new(id, DataKey::generate())
    }

    pub(crate) fn new(id: DataKeyId, key: DataKey) -> Self {
        Self { id, key }
    }

    pub(crate) fn id(&self) -> &DataKeyId {
        &self.id
    }

    pub(crate) fn data_key(&self) -> &DataKey {
        &self.key
    }

    /// The id of the data key that a sealed cell was sealed with. It is what the cell says: only opening proves it.
    ///
    /// # Errors
    /// When the bytes are no sealed cell, or one of a newer version.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests alone use it"))]
    pub(crate) fn id_of(blob: &[u8]) -> Result<&DataKeyId, SealError> {
        Ok(split(blob)?.0)
    }

    /// Seals `plaintext`, differently each time.
    pub(crate) fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Vec<u8> {
        let header = header(Kind::Cell);
        let mut blob = Vec::with_capacity(header.len() + self.id.len() + OVERHEAD + plaintext.len());
        blob.extend_from_slice(&header);
        blob.extend_from_slice(&self.id);
        seal_into(&mut blob, &self.key, Kind::Cell, &place.encode(Kind::Cell, &self.id), plaintext);
        blob
    }

    /// What [`seal`](Self::seal) sealed for the same place.
    ///
    /// # Errors
    /// When it was sealed for another place or with another key, or a bit of it is another.
    pub(crate) fn open(&self, place: &Place<'_>, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, sealed) = split(blob)?;
        if *id != self.id {
            return Err(SealErrorKind::Damaged.into());
        }
        open(&self.key, Kind::Cell, &place.encode(Kind::Cell, &self.id), sealed)
            .ok_or_else(|| SealErrorKind::Damaged.into())
    }
}

/// The data key's id, and salt, ciphertext and tag.
fn split(blob: &[u8]) -> Result<(&DataKeyId, &[u8]), SealError> {
    let rest = strip_header(Kind::Cell, blob)?;
    match rest.split_first_chunk() {
        Some((id, sealed)) if sealed.len() >= OVERHEAD => Ok((id, sealed)),
        _ => Err(SealErrorKind::Malformed.into()),
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::place::tests::places;
    use super::*;

    fn kind(result: Result<Zeroizing<Vec<u8>>, SealError>) -> SealErrorKind {
        result.unwrap_err().kind()
    }

    // THREAT-S1
    #[test]
    fn a_cell_opens_at_its_own_place_and_at_no_other() {
        let sealer = Sealer::generate();
        let places = places();
        for (i, sealed_at) in places.iter().enumerate() {
            let blob = sealer.seal(sealed_at, b"secret");
            for (j, opened_at) in places.iter().enumerate() {
                match sealer.open(opened_at, &blob) {
                    Ok(text) => assert!(i == j && text.as_slice() == b"secret", "{i} opens at {j}"),
                    Err(error) => assert!(i != j && error.kind() == SealErrorKind::Damaged, "{i} at {j}: {error}"),
                }
            }
        }
    }

    // THREAT-S1
    #[test]
    fn a_cell_opens_with_its_own_data_key_only_whatever_it_says_about_itself() {
        let (one, other) = (Sealer::generate(), Sealer::generate());
        let place = Place::new("credential", "tokens");
        let mut blob = one.seal(&place, b"secret");
        assert_eq!(Sealer::id_of(&blob).unwrap(), one.id());
        assert_eq!(kind(other.open(&place, &blob)), SealErrorKind::Damaged);
        blob[2..18].copy_from_slice(other.id());
        assert_eq!(kind(one.open(&place, &blob)), SealErrorKind::Damaged);
        assert_eq!(kind(other.open(&place, &blob)), SealErrorKind::Damaged);
        let renamed = Sealer::new(*other.id(), one.data_key().clone());
        assert_eq!(kind(renamed.open(&place, &blob)), SealErrorKind::Damaged);
    }

    // THREAT-S2
    #[test]
    fn a_bit_that_flips_anywhere_is_found_out() {
        let sealer = Sealer::generate();
        let place = Place::new("credential", "tokens");
        let blob = sealer.seal(&place, b"secret");
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected = match (bit / 8, changed[0]) {
                (0, 2..) => SealErrorKind::TooNew,
                (0 | 1, _) => SealErrorKind::Malformed,
                _ => SealErrorKind::Damaged,
            };
            assert_eq!(kind(sealer.open(&place, &changed)), expected, "bit {bit}");
        }
    }

    // THREAT-S2
    #[test]
    fn a_cell_cut_or_lengthened_anywhere_is_found_out() {
        let sealer = Sealer::generate();
        let place = Place::new("credential", "tokens");
        let blob = sealer.seal(&place, b"secret");
        for length in 0..blob.len() {
            let expected = if length < 18 + OVERHEAD { SealErrorKind::Malformed } else { SealErrorKind::Damaged };
            assert_eq!(kind(sealer.open(&place, &blob[..length])), expected, "{length}");
            let gap = [&blob[..length], &blob[length + 1..]].concat();
            assert!(sealer.open(&place, &gap).is_err(), "{length}");
        }
        assert_eq!(kind(sealer.open(&place, &[&blob[..], b"\0"].concat())), SealErrorKind::Damaged);
    }

    // THREAT-S2
    #[test]
    fn a_cell_of_a_later_version_is_told_apart_from_a_damaged_one() {
        let sealer = Sealer::generate();
        let place = Place::new("credential", "tokens");
        let mut blob = sealer.seal(&place, b"secret");
        blob[0] = 2;
        assert_eq!(kind(sealer.open(&place, &blob)), SealErrorKind::TooNew);
        assert_eq!(Sealer::id_of(&blob).unwrap_err().code(), "seal.too_new");
    }

    // THREAT-S3
    #[test]
    fn one_text_is_sealed_differently_each_time() {
        let sealer = Sealer::generate();
        let place = Place::new("credential", "tokens");
        let (one, other) = (sealer.seal(&place, b"secret"), sealer.seal(&place, b"secret"));
        assert_ne!(one[18..42], other[18..42]);
        assert_ne!(one[42..48], other[42..48]);
        assert_ne!(Sealer::generate().id(), Sealer::generate().id());
    }

    // THREAT-L1, THREAT-L5
    #[test]
    fn debug_shows_nothing_and_what_is_opened_wipes_itself() {
        fn wipes_itself<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let sealer = Sealer::new([b's'; 16], DataKey::from_bytes(b"sentinel-sentinel-sentinel-senti").unwrap());
        assert_eq!(format!("{sealer:?}"), "Sealer { .. }");
        let place = Place::new("credential", "tokens");
        wipes_itself(&sealer.open(&place, &sealer.seal(&place, b"secret")).unwrap());
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(text in proptest::collection::vec(any::<u8>(), 0..2000), user in ".{0,20}", counter: u64) {
            let sealer = Sealer::generate();
            let place = Place { user: Some(&user), counter, ..Place::new("credential", "tokens") };
            let blob = sealer.seal(&place, &text);
            prop_assert_eq!(blob.len(), 18 + OVERHEAD + text.len());
            prop_assert_eq!(&*sealer.open(&place, &blob).unwrap(), &text);
        }

        // THREAT-S2
        #[test]
        fn any_bytes_are_refused_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), begin: bool) {
            if begin && bytes.len() > 2 {
                bytes[..2].copy_from_slice(&header(Kind::Cell));
            }
            prop_assert!(Sealer::generate().open(&Place::new("credential", "tokens"), &bytes).is_err());
        }
    }
}
