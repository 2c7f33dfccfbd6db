use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{Context, SHA256};

use crate::SubjectToken;

/// Which tokens are the same: a digest of everything that tells two of them apart, and the caller's token, which the exchange
/// needs.
#[derive(Clone)]
pub(super) struct ExchangeKey {
    digest: [u8; 32],
    pub(super) subject: SubjectToken,
}

/// A digest of fields, each with its place, its length and whether it is there at all: no two lists of fields have one.
pub(super) struct KeyDigest(Context);

impl KeyDigest {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// One field; absent is not empty.
    pub(super) fn field(mut self, field: Option<&str>) -> Self {
        match field {
            None => self.0.update(&[0]),
            Some(text) => {
                self.0.update(&[1]);
                self.0.update(&(text.len() as u64).to_be_bytes());
                self.0.update(text.as_bytes());
            }
        }
        self
    }

    /// A secret field, of which only a digest goes in.
    pub(super) fn secret(self, secret: Option<&str>) -> Self {
        let digest = |text: &str| {
            let mut context = Context::new(&SHA256);
            context.update(text.as_bytes());
            context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        self.field(secret.map(digest).as_deref())
    }

    /// Several fields of one kind, in their order.
    pub(super) fn fields<'a>(mut self, fields: impl ExactSizeIterator<Item = &'a str>) -> Self {
        self.0.update(&[2]);
        self.0.update(&(fields.len() as u64).to_be_bytes());
        fields.fold(self, |digest, field| digest.field(Some(field)))
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        digest
    }
}

impl ExchangeKey {
    pub(super) fn new(digest: [u8; 32], subject: SubjectToken) -> Self {
        Self { digest, subject }
    }
}

impl PartialEq for ExchangeKey {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for ExchangeKey {}

impl Hash for ExchangeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for ExchangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeKey").finish_non_exhaustive()
    }
}
