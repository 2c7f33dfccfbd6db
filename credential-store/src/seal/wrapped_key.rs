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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tower_auth_core::Secret;

    use super::super::place::tests::places;
    use super::*;
    use crate::keys::{DataKey, FnKeys, KeyRing};

    const PLACE: Place<'_> = Place {
        table: "credential",
        column: "data_key",
        tenant: None,
        user: Some("u-1"),
        connector: Some("hubspot"),
        credential: Some("c-77"),
        counter: 1,
    };

    struct Generations {
        old: Secret,
        new: Secret,
    }

    impl Generations {
        fn generate() -> Self {
            Self { old: KeyRing::generate_key(), new: KeyRing::generate_key() }
        }

        fn before(&self) -> Keys {
            KeyRing::new("old", &self.old).unwrap().into()
        }

        fn between(&self) -> Keys {
            KeyRing::new("new", &self.new).unwrap().and("old", &self.old).unwrap().into()
        }

        fn after(&self) -> Keys {
            KeyRing::new("new", &self.new).unwrap().into()
        }
    }

    async fn failure(keys: &Keys, blob: &[u8], place: &Place<'_>) -> KeyErrorKind {
        unwrap_data_key(keys, blob, place).await.unwrap_err().kind()
    }

    // THREAT-S3
    #[tokio::test]
    async fn a_key_is_replaced_by_wrapping_anew_once_and_only_once() {
        let generations = Generations::generate();
        let sealer = Sealer::generate();
        let cell = sealer.seal(&PLACE, b"secret");
        let old = wrap_data_key(&generations.before(), &sealer, &PLACE).await.unwrap();
        assert_eq!(key_id_of(&old).unwrap(), "old");
        assert!(rewrap(&generations.before(), &old, &PLACE).await.unwrap().is_none());

        let new = rewrap(&generations.between(), &old, &PLACE).await.unwrap().unwrap();
        assert_eq!(key_id_of(&new).unwrap(), "new");
        assert!(rewrap(&generations.between(), &new, &PLACE).await.unwrap().is_none());
        // A crash between the two: the old blob is still good, and is wrapped once more.
        assert!(rewrap(&generations.between(), &old, &PLACE).await.unwrap().is_some());

        for (keys, blob) in [(generations.between(), &old), (generations.between(), &new), (generations.after(), &new)]
        {
            let unwrapped = unwrap_data_key(&keys, blob, &PLACE).await.unwrap();
            assert_eq!(unwrapped.id(), sealer.id());
            assert_eq!(unwrapped.open(&PLACE, &cell).unwrap().as_slice(), b"secret");
        }
    }

    // THREAT-S3
    #[tokio::test]
    async fn a_key_that_is_missing_is_an_unknown_key_and_named() {
        let generations = Generations::generate();
        let old = wrap_data_key(&generations.before(), &Sealer::generate(), &PLACE).await.unwrap();
        let error = unwrap_data_key(&generations.after(), &old, &PLACE).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no key-encryption key with the id \"old\" [key.unknown]");
        assert_eq!(rewrap(&generations.after(), &old, &PLACE).await.unwrap_err().kind(), KeyErrorKind::UnknownKey);
        assert!(generations.between().has("old").await.unwrap());
        assert!(!generations.after().has("old").await.unwrap());
    }

    // THREAT-S1
    #[tokio::test]
    async fn a_data_key_unwraps_at_its_own_place_and_at_no_other() {
        let keys = Generations::generate().before();
        let places = places();
        for (i, wrapped_at) in places.iter().enumerate() {
            let blob = wrap_data_key(&keys, &Sealer::generate(), wrapped_at).await.unwrap();
            for (j, place) in places.iter().enumerate() {
                match unwrap_data_key(&keys, &blob, place).await {
                    Ok(_) => assert_eq!(i, j),
                    Err(error) => assert!(i != j && error.kind() == KeyErrorKind::Damaged, "{i} at {j}: {error}"),
                }
            }
        }
    }

    // THREAT-S2
    #[tokio::test]
    async fn a_changed_or_cut_data_key_does_not_unwrap() {
        let keys = Generations::generate().before();
        let blob = wrap_data_key(&keys, &Sealer::generate(), &PLACE).await.unwrap();
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let kind = failure(&keys, &changed, &PLACE).await;
            match bit / 8 {
                0 => assert!(matches!(kind, KeyErrorKind::TooNew | KeyErrorKind::Damaged), "bit {bit}: {kind:?}"),
                // The id of the key that wrapped it, and how long that id is.
                2..6 => {
                    assert!(matches!(kind, KeyErrorKind::UnknownKey | KeyErrorKind::Damaged), "bit {bit}: {kind:?}")
                }
                // The version of the ring's part.
                22 => assert!(matches!(kind, KeyErrorKind::TooNew | KeyErrorKind::Damaged), "bit {bit}: {kind:?}"),
                _ => assert_eq!(kind, KeyErrorKind::Damaged, "bit {bit}"),
            }
        }
        for length in 0..blob.len() {
            assert_eq!(failure(&keys, &blob[..length], &PLACE).await, KeyErrorKind::Damaged, "{length}");
        }
        assert_eq!(failure(&keys, &[&blob[..], b"\0"].concat(), &PLACE).await, KeyErrorKind::Damaged);
    }

    #[tokio::test]
    async fn a_data_key_of_a_later_version_is_told_apart() {
        let keys = Generations::generate().before();
        let mut blob = wrap_data_key(&keys, &Sealer::generate(), &PLACE).await.unwrap();
        blob[0] = 2;
        assert_eq!(failure(&keys, &blob, &PLACE).await, KeyErrorKind::TooNew);
        assert_eq!(key_id_of(&blob).unwrap_err().code(), "key.too_new");
        assert_eq!(rewrap(&keys, &blob, &PLACE).await.unwrap_err().kind(), KeyErrorKind::TooNew);
    }

    /// Keys whose `wrap` gives `wrapped`, whatever it gets, and whose `unwrap` gives `unwrapped`.
    fn scripted(id: &str, wrapped: Vec<u8>, unwrapped: DataKey) -> Keys {
        let keys = FnKeys::new(
            id,
            move |_: String, _: DataKey, _: Vec<u8>| std::future::ready(Ok(wrapped.clone())),
            move |_: String, _: Vec<u8>, _: Vec<u8>| std::future::ready(Ok(unwrapped.clone())),
        );
        keys.and("old").into()
    }

    // THREAT-S2
    #[tokio::test]
    async fn what_a_provider_gives_is_bounded_before_it_is_stored() {
        let kind = async |id: &str, length: usize| {
            let keys = scripted(id, vec![7; length], DataKey::generate());
            wrap_data_key(&keys, &Sealer::generate(), &PLACE).await.map_err(|error| error.kind())
        };
        for (id, length) in [("k", 1), ("k", MAX_PROVIDED), (&*"k".repeat(255), 10)] {
            let blob = kind(id, length).await.unwrap();
            assert_eq!(key_id_of(&blob).unwrap(), id);
        }
        for (id, length) in [("k", 0), ("k", MAX_PROVIDED + 1), ("", 10), (&*"k".repeat(256), 10)] {
            assert_eq!(kind(id, length).await.unwrap_err(), KeyErrorKind::Refused, "{} {length}", id.len());
        }
        let mut long = kind("k", MAX_PROVIDED).await.unwrap();
        long.push(7);
        assert_eq!(key_id_of(&long).unwrap_err().kind(), KeyErrorKind::Damaged);
    }

    // THREAT-S3
    #[tokio::test]
    async fn a_data_key_that_would_not_come_back_is_not_put_in_the_place_of_one_that_does() {
        let sealer = Sealer::generate();
        let old = wrap_data_key(&scripted("old", vec![7], DataKey::generate()), &sealer, &PLACE).await.unwrap();
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let keys = FnKeys::new(
            "new",
            |_: String, _: DataKey, _: Vec<u8>| std::future::ready(Ok(vec![8])),
            move |_: String, _: Vec<u8>, _: Vec<u8>| {
                let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                std::future::ready(DataKey::from_bytes(&[u8::try_from(turn).unwrap(); 32]))
            },
        );
        let error = rewrap(&keys.and("old").into(), &old, &PLACE).await.unwrap_err();
        assert_eq!(error.kind(), KeyErrorKind::Refused, "{error}");
    }

    // THREAT-S1
    #[tokio::test]
    async fn a_provider_sees_a_digest_of_the_place_and_not_the_user() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = seen.clone();
        let keys = FnKeys::new(
            "k",
            move |_: String, _: DataKey, context: Vec<u8>| {
                kept.lock().unwrap().push(context);
                std::future::ready(Ok(vec![7]))
            },
            |_: String, _: Vec<u8>, _: Vec<u8>| std::future::ready(Ok(DataKey::generate())),
        );
        let (keys, sealer) = (Keys::new(keys), Sealer::generate());
        for counter in [1, 1, 2] {
            wrap_data_key(&keys, &sealer, &Place { counter, ..PLACE }).await.unwrap();
        }
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|context| context.len() == 32));
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[0], seen[2]);
    }

    proptest! {
        // THREAT-S2
        #[test]
        fn any_bytes_are_parsed_or_refused_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), begin: bool) {
            if begin && bytes.len() > 2 {
                bytes[..2].copy_from_slice(&header(Kind::WrappedKey));
            }
            if let Ok(wrapped) = WrappedKey::parse(&bytes) {
                prop_assert_eq!(wrapped.write().unwrap(), bytes);
            }
        }
    }
}
