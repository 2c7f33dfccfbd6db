use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use super::{DataKeyId, Place, Sealer};
use crate::keys::{KeyError, KeyErrorKind, Keys, Kind, header, strip_header};

/// How long the provider's part may be. Key management services stay far below.
const MAX_PROVIDED: usize = 16 * 1024;

/// A data key as it is stored: encrypted by the key that `key_id` names.
pub(crate) struct WrappedKey<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) data_key_id: DataKeyId,
    /// What the provider made of it.
    pub(crate) bytes: &'a [u8],
}

impl<'a> WrappedKey<'a> {
    /// # Errors
    /// When the bytes were cut, are no wrapped data key, or one of a newer version.
    pub(crate) fn parse(blob: &'a [u8]) -> Result<Self, KeyError> {
        let (length, rest) = strip_header(Kind::WrappedKey, blob)?.split_first().ok_or_else(KeyError::damaged)?;
        let (key_id, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(KeyError::damaged)?;
        let key_id = std::str::from_utf8(key_id).map_err(|_| KeyError::damaged())?;
        let (data_key_id, bytes) = rest.split_first_chunk().ok_or_else(KeyError::damaged)?;
        if key_id.is_empty() || !(1..=MAX_PROVIDED).contains(&bytes.len()) {
            return Err(KeyError::damaged());
        }
        Ok(Self { key_id, data_key_id: *data_key_id, bytes })
    }

    /// # Errors
    /// When the id or the bytes are longer than can be stored, or empty: the provider is not usable.
    fn write(&self) -> Result<Vec<u8>, KeyError> {
        let unusable = |what| Err(KeyError::new(KeyErrorKind::Refused, what));
        let length = match u8::try_from(self.key_id.len()) {
            Ok(length) if length > 0 => length,
            _ => return unusable("the id of the current key-encryption key is empty, or longer than 255 bytes"),
        };
        if !(1..=MAX_PROVIDED).contains(&self.bytes.len()) {
            return unusable("the wrapped data key that the provider gave is empty, or longer than 16 KiB");
        }
        let parts = [&header(Kind::WrappedKey), &[length][..], self.key_id.as_bytes(), &self.data_key_id, self.bytes];
        Ok(parts.concat())
    }
}

/// Wraps the data key with the current key-encryption key, to be stored at `place`.
///
/// # Errors
/// When the provider fails, or what it gives cannot be stored.
pub(crate) async fn wrap_data_key(keys: &Keys, sealer: &Sealer, place: &Place<'_>) -> Result<Vec<u8>, KeyError> {
    wrap_with(keys, &keys.current(), sealer, place).await
}

/// Unwraps a data key that was wrapped for the same place.
///
/// # Errors
/// When the provider fails or knows no such key, or the blob is damaged, from another place, or of a newer version.
pub(crate) async fn unwrap_data_key(keys: &Keys, blob: &[u8], place: &Place<'_>) -> Result<Sealer, KeyError> {
    let wrapped = WrappedKey::parse(blob)?;
    let context = context(place, &wrapped.data_key_id);
    let key = keys.unwrap(wrapped.key_id, wrapped.bytes, &context).await?;
    Ok(Sealer::new(wrapped.data_key_id, key))
}

/// Wraps the same data key with the current key-encryption key; `None` if it is already. What the data key sealed stays as
/// it is. The new blob was unwrapped again before this returns it, since the old one is going to be overwritten.
///
/// # Errors
/// As [`unwrap_data_key`] and [`wrap_data_key`], and when the new blob unwraps to something else.
pub(crate) async fn rewrap(keys: &Keys, blob: &[u8], place: &Place<'_>) -> Result<Option<Vec<u8>>, KeyError> {
    let current = keys.current();
    if key_id_of(blob)? == current {
        return Ok(None);
    }
    let sealer = unwrap_data_key(keys, blob, place).await?;
    let fresh = wrap_with(keys, &current, &sealer, place).await?;
    let again = unwrap_data_key(keys, &fresh, place).await?;
    verify_slices_are_equal(again.data_key().expose(), sealer.data_key().expose())
        .map_err(|_| KeyError::new(KeyErrorKind::Refused, "the provider unwraps another data key than it wrapped"))?;
    Ok(Some(fresh))
}

/// The id of the key-encryption key that a data key is wrapped with.
///
/// # Errors
/// When the blob was cut, is no wrapped data key, or one of a newer version.
pub(crate) fn key_id_of(blob: &[u8]) -> Result<&str, KeyError> {
    Ok(WrappedKey::parse(blob)?.key_id)
}

async fn wrap_with(keys: &Keys, key_id: &str, sealer: &Sealer, place: &Place<'_>) -> Result<Vec<u8>, KeyError> {
    let bytes = keys.wrap(key_id, sealer.data_key(), &context(place, sealer.id())).await?;
    WrappedKey { key_id, data_key_id: *sealer.id(), bytes: &bytes }.write()
}

/// What the provider authenticates. A digest, because services limit its length, and write it into logs that need not know
/// who the users are.
fn context(place: &Place<'_>, data_key_id: &DataKeyId) -> [u8; 32] {
    let mut context = [0; 32];
    context.copy_from_slice(digest(&SHA256, &place.encode(Kind::WrappedKey, data_key_id)).as_ref());
    context
}
