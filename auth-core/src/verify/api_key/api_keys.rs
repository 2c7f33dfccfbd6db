use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConditionallySelectable;

use super::key_text::KeyText;
use super::lookup::ErasedLookup;
use super::{ApiKeyRecord, Place};
use crate::Clock;
use crate::clock::within;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::digest::Digest;
use crate::verify::principal::Principal;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::Step;

/// Longest id of the form `id.secret` that is looked up, in bytes.
const MAX_ID: usize = 128;

/// The keys that a verifier accepts, and where they are found.
pub(in crate::verify) struct ApiKeys {
    records: Vec<ApiKeyRecord>,
    by_id: HashMap<Box<str>, usize>,
    lookup: Option<Arc<dyn ErasedLookup>>,
    pub(super) lookup_timeout: Duration,
    /// What every key must begin with, if that was said.
    pub(super) prefix: Option<Box<str>>,
    pub(super) clock: Clock,
    place: Place,
}

impl ApiKeys {
    pub(super) fn new(
        records: Vec<ApiKeyRecord>,
        lookup: Option<Arc<dyn ErasedLookup>>,
        place: Place,
    ) -> Result<Self, ConfigError> {
        let invalid = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidCredential, what));
        if records.is_empty() && lookup.is_none() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "there is no API key to accept"));
        }
        let mut by_id = HashMap::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let id = record.id();
            if by_id.insert(Box::from(id), index).is_some() {
                return invalid(format!("the API key {id:?} is there twice"));
            }
            let same = |other: &&ApiKeyRecord| bool::from(other.digest().matches(record.digest()));
            if let Some(other) = records[..index].iter().find(same) {
                return invalid(format!("the API keys {:?} and {id:?} are the same key", other.id()));
            }
        }
        let lookup_timeout = Duration::ZERO;
        Ok(Self { records, by_id, lookup, lookup_timeout, prefix: None, clock: Clock::system(), place })
    }

    pub(in crate::verify) fn place(&self) -> &Place {
        &self.place
    }

    pub(in crate::verify) fn verify(self: &Arc<Self>, key: &str) -> Step {
        let form = KeyText::parse(key);
        if let Some(prefix) = &self.prefix {
            if form.is_none_or(|form| form.prefix != &**prefix) {
                return Step::from(unknown());
            }
        }
        let presented = Digest::of(&[key.as_bytes()]);
        let named = form.map(|form| form.id).or_else(|| Some(key.split_once('.')?.0));
        if let Some(record) = named.and_then(|id| self.named(id, &presented)).or_else(|| self.any(&presented)) {
            return Step::from(self.admit(record));
        }
        match named.filter(|id| self.lookup.is_some() && is_id(id)) {
            Some(id) => {
                let (keys, id) = (Arc::clone(self), Box::from(id));
                let detail = "the API key must be looked up, and this caller cannot wait";
                let pending = Fault::new(RejectionKind::LookupUnavailable, detail).retry_after(Duration::from_secs(1));
                Step::wait(pending, async move { keys.look_up(id, presented).await.map(Into::into) })
            }
            None => Step::from(unknown()),
        }
    }

    /// The key of this id, if it is that one.
    fn named(&self, id: &str, presented: &Digest) -> Option<&ApiKeyRecord> {
        let record = &self.records[*self.by_id.get(id)?];
        bool::from(record.digest().matches(presented)).then_some(record)
    }

    /// Looks at every digest, whichever matches.
    fn any(&self, presented: &Digest) -> Option<&ApiKeyRecord> {
        let mut found = 0_u64;
        // Counted from one, so that zero is "none".
        for (number, record) in (1_u64..).zip(&self.records) {
            found = u64::conditional_select(&found, &number, record.digest().matches(presented));
        }
        let index = usize::try_from(found.checked_sub(1)?).ok()?;
        self.records.get(index)
    }

    async fn look_up(&self, id: Box<str>, presented: Digest) -> Result<Principal, Fault> {
        let unavailable = |detail: String| Fault::new(RejectionKind::LookupUnavailable, detail);
        let lookup = self.lookup.as_ref().ok_or_else(unknown)?;
        match within(&self.clock, self.lookup_timeout, lookup.look_up_boxed(&id)).await {
            Some(Ok(Some(record))) if bool::from(record.digest().matches(&presented)) => self.admit(&record),
            Some(Ok(_)) => Err(unknown()),
            Some(Err(error)) => Err(unavailable(format!("the look-up of an API key failed: {error}"))),
            None => {
                let seconds = self.lookup_timeout.as_secs_f64();
                Err(unavailable(format!("the look-up of an API key took longer than {seconds:.1} s")))
            }
        }
    }

    /// What becomes of who has presented the right key.
    fn admit(&self, record: &ApiKeyRecord) -> Result<Principal, Fault> {
        if record.has_expired(self.clock.wall()) {
            let detail = format!("the time of the API key {:?} is over", record.id());
            return Err(Fault::new(RejectionKind::Expired, detail));
        }
        Ok(record.principal())
    }
}

/// Whether it is worth a look-up: strangers must not fill other people's logs and queries.
fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'@'))
}

fn unknown() -> Fault {
    Fault::new(RejectionKind::UnknownApiKey, "no API key has this digest")
}
