use std::fmt;
use std::time::SystemTime;

use super::grants::Grants;
use crate::config::{At, Reader};
use crate::error::ConfigMistake;
use crate::verify::ApiKeyRecord;

/// `[[api_key]]`: one key.
#[derive(Clone)]
pub(super) struct ApiKeySpec {
    pub(super) at: At,
    id: String,
    digest: String,
    grants: Grants,
    not_after: Option<SystemTime>,
}

impl ApiKeySpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let id = reader.required("id");
        let digest = reader.required("digest");
        let grants = Grants::read(reader);
        let not_after = reader.time("not_after");
        Some(Self { at: reader.at().clone(), id: id?, digest: digest?, grants, not_after })
    }

    pub(super) fn record(&self) -> Result<ApiKeyRecord, ConfigMistake> {
        let Grants { subject, scopes, roles } = &self.grants;
        let record = ApiKeyRecord::new(&self.id, &self.digest).map_err(|error| self.at.mistake(error))?;
        let record = record.scopes(scopes).roles(roles);
        let record = match subject {
            Some(subject) => record.subject(subject),
            None => record,
        };
        Ok(match self.not_after {
            Some(end) => record.not_after(end),
            None => record,
        })
    }
}

impl fmt::Debug for ApiKeySpec {
    /// The id without the digest: somebody may have written a key in its place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeySpec").field("at", &self.at).field("id", &self.id).finish_non_exhaustive()
    }
}
