use super::news::News;
use super::store::CredentialStore;
use crate::error::StoreError;
use crate::event::EventKind;

/// How far the rotation of keys has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRotation {
    /// How many credentials there were to do when it began.
    pub total: u64,
    /// How many were wrapped with the current key.
    pub rotated: u64,
    /// How many were changed by somebody else at that moment, or could not be opened; another run takes them up again.
    pub left: u64,
}

impl CredentialStore {
    /// Wraps every data key, and the store's own, with the current key-encryption key, while everything goes on. Cut off, it is begun again where it was. Once it returns with nothing `left`,
    /// older keys are needed no more, but for backups.
    ///
    /// `progress` is told after every hundred credentials.
    ///
    /// # Errors
    /// When the database or whoever holds the keys cannot be asked.
    pub async fn rotate_keys(&self, mut progress: impl FnMut(KeyRotation) + Send) -> Result<KeyRotation, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let current = inner.vault.current_key();
        let mut state = KeyRotation::default();
        let in_use = inner.backend.keys_in_use().await?;
        state.total =
            in_use.iter().filter(|(key, _)| *key != current).map(|(_, count)| u64::try_from(*count).unwrap_or(0)).sum();
        inner.vault.rewrap_store_key(&*inner.backend).await?;
        let mut after = None;
        loop {
            let rows = inner.backend.wrapped_otherwise(current.clone(), after, 100).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            for row in &rows {
                match inner.vault.rewrap(row).await {
                    Ok(Some((key_id, wrapped))) => {
                        let News { record, event } = inner.news_with(row, EventKind::KeyRotated, None, None);
                        let old = row.data_key.clone();
                        if inner.backend.replace_data_key(row.id, old, key_id, wrapped, record).await? {
                            state.rotated += 1;
                            inner.tell(event);
                        } else {
                            state.left += 1;
                        }
                    }
                    Ok(None) => {}
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => {
                        state.left += 1;
                        tracing::error!(credential = %row.id, error = %error, "a data key cannot be wrapped anew");
                    }
                }
            }
            progress(state);
        }
        tracing::info!(
            rotated = state.rotated,
            left = state.left,
            key = current,
            "data keys were wrapped with the current key"
        );
        Ok(state)
    }
}
