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
