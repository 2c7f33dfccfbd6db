use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tower_auth_core::Secret;
use zeroize::Zeroizing;

use crate::error::{StoreError, StoreErrorKind};

/// The values that an owner gave, by field.
#[derive(Clone, Default)]
pub(crate) struct Values(pub(crate) BTreeMap<String, Secret>);

/// The form of the sealed text.
#[derive(Serialize, Deserialize)]
struct Sheet<'a> {
    version: u32,
    #[serde(borrow)]
    values: BTreeMap<&'a str, std::borrow::Cow<'a, str>>,
}

const VERSION: u32 = 1;

impl Values {
    pub(crate) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let values = self.0.iter().map(|(name, value)| (name.as_str(), value.expose_secret().into())).collect();
        // Large enough, so that nothing is left behind by a buffer that grew.
        let length: usize = self.0.iter().map(|(name, value)| name.len() + 6 * value.expose_secret().len() + 16).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length + 64));
        serde_json::to_writer(&mut *text, &Sheet { version: VERSION, values }).expect("a buffer takes every text");
        text
    }

    pub(crate) fn from_json(text: &[u8]) -> Result<Self, StoreError> {
        // The parser's own error may quote the text, so it is dropped.
        let unreadable = |_| StoreError::new(StoreErrorKind::Damaged, "the stored values cannot be read");
        let sheet: Sheet<'_> = serde_json::from_slice(text).map_err(unreadable)?;
        if sheet.version != VERSION {
            return Err(StoreError::new(StoreErrorKind::Damaged, "the stored values were written by a newer version"));
        }
        Ok(Self(
            sheet.values.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value.into_owned()))).collect(),
        ))
    }
}

/// Writes what holds secrets, which is `length` bytes long at the most: a buffer that grew would leave copies behind.
pub(crate) fn secret_json(value: &impl Serialize, length: usize) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    serde_json::to_writer(&mut *text, value).expect("a buffer takes every text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-L1
    #[test]
    fn values_come_back_and_a_broken_text_is_not_repeated() {
        let values = Values(BTreeMap::from([
            ("client_secret".to_owned(), Secret::from("s3nt\"inel\n\u{e9}")),
            ("empty".to_owned(), Secret::from("")),
        ]));
        let text = values.to_json();
        assert_eq!(Values::from_json(&text).unwrap().0, values.0);
        let mut broken = text.to_vec();
        broken.pop();
        for bad in [&broken[..], b"", b"{}", br#"{"version":2,"values":{}}"#] {
            let error = Values::from_json(bad).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("s3nt"));
        }
    }
}
