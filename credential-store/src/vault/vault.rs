use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tower_auth_core::{Secret, TokenResponse};
use zeroize::Zeroizing;

use super::Values;
use crate::backend::{Backend, CredentialRow, StoreKeyRow};
use crate::error::{StoreError, StoreErrorKind};
use crate::keys::Keys;
use crate::model::{CredentialId, Owner, OwnerDigest};
use crate::seal::{Place, Sealer, StoreKey, key_id_of, rewrap, unwrap_data_key, wrap_data_key};

/// Seals and opens what is in rows.
pub(crate) struct Vault {
    keys: Keys,
    store_key: StoreKey,
}

/// A credential's own key with what it opens.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) owner: Owner,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) values: Values,
}

/// The owner's names, as they are sealed.
#[derive(Serialize, Deserialize)]
struct Names<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tenant: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    user: std::borrow::Cow<'a, str>,
}

impl Vault {
    /// The vault of `backend`, whose key is made if there is none.
    ///
    /// # Errors
    /// When a key that something is wrapped with is missing: nothing is begun then.
    pub(crate) async fn open(backend: &dyn Backend, keys: Keys) -> Result<Self, StoreError> {
        let place = Place::new("store_key", "wrapped");
        if backend.store_key().await?.is_none() {
            if !backend.keys_in_use().await?.is_empty() {
                let text =
                    "there are credentials, and the store's own key is gone: restore its table from the same backup";
                return Err(StoreError::new(StoreErrorKind::Broken, text));
            }
            let wrapped = wrap_data_key(&keys, &Sealer::generate(), &place).await?;
            let row = StoreKeyRow { key_id: key_id_of(&wrapped)?.to_owned(), wrapped };
            // Another process may have been faster: its key is the one.
            backend.put_store_key(row).await?;
        }
        let Some(row) = backend.store_key().await? else {
            return Err(StoreError::new(StoreErrorKind::Broken, "the store's own key was not kept"));
        };
        let mut needed: Vec<String> = backend.keys_in_use().await?.into_iter().map(|(key_id, _)| key_id).collect();
        needed.push(row.key_id.clone());
        needed.sort();
        needed.dedup();
        let mut missing = Vec::new();
        for key_id in needed {
            if !keys.has(&key_id).await? {
                missing.push(key_id);
            }
        }
        if !missing.is_empty() {
            let text = format!(
                "credentials are sealed with keys that are not configured: {}; add them, behind the current one, and rotate before taking \
                 them out",
                missing.join(", ")
            );
            return Err(StoreError::new(StoreErrorKind::Broken, text));
        }
        let sealer = unwrap_data_key(&keys, &row.wrapped, &place).await?;
        Ok(Self { keys, store_key: StoreKey::new(sealer) })
    }

    /// Wraps the store's own key with the current key; false if it is already.
    pub(crate) async fn rewrap_store_key(&self, backend: &dyn Backend) -> Result<bool, StoreError> {
        let Some(old) = backend.store_key().await? else { return Ok(false) };
        let Some(wrapped) = rewrap(&self.keys, &old.wrapped, &Place::new("store_key", "wrapped")).await? else {
            return Ok(false);
        };
        let new = StoreKeyRow { key_id: key_id_of(&wrapped)?.to_owned(), wrapped };
        Ok(backend.replace_store_key(old, new).await?)
    }

    /// Wraps a credential's data key with the current key; `None` if it is already.
    pub(crate) async fn rewrap(&self, row: &CredentialRow) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let owner = self.owner_of(row)?;
        let id = row.id.to_string();
        let place = cell("data_key", &owner, &row.connector, &id, 0);
        let Some(wrapped) = rewrap(&self.keys, &row.data_key, &place).await? else { return Ok(None) };
        Ok(Some((key_id_of(&wrapped)?.to_owned(), wrapped)))
    }

    /// The id of the key that new data keys are wrapped with.
    pub(crate) fn current_key(&self) -> String {
        self.keys.current()
    }

    /// A key for a purpose of its own.
    #[cfg_attr(
        not(feature = "connect"),
        allow(dead_code, reason = "the router of the feature `connect` signs with it")
    )]
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        self.store_key.derive(label)
    }

    pub(crate) fn digest(&self, owner: &Owner) -> OwnerDigest {
        OwnerDigest(self.store_key.owner_digest(owner.tenant_name(), owner.user_name()))
    }

    pub(crate) fn seal_owner(&self, id: CredentialId, connector: &str, owner: &Owner) -> Vec<u8> {
        let names = Names { tenant: owner.tenant_name().map(Into::into), user: owner.user_name().into() };
        let text = Zeroizing::new(serde_json::to_vec(&names).expect("names can be written"));
        self.store_key.sealer().seal(&about(&id.to_string(), connector, "owner_sealed"), &text)
    }

    /// Whose credential a row is, for work in the background. It is bound to the id, and must have the digest that the row is found by.
    pub(crate) fn owner_of(&self, row: &CredentialRow) -> Result<Owner, StoreError> {
        let id = row.id.to_string();
        let text = self.store_key.sealer().open(&about(&id, &row.connector, "owner_sealed"), &row.owner_sealed)?;
        let damaged = || StoreError::new(StoreErrorKind::Damaged, "the stored owner cannot be read");
        let names: Names<'_> = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let owner = Owner::user(names.user).map_err(|_| damaged())?;
        let owner = match names.tenant {
            Some(tenant) => owner.in_tenant(tenant).map_err(|_| damaged())?,
            None => owner,
        };
        match self.digest(&owner) == row.owner {
            true => Ok(owner),
            false => Err(damaged()),
        }
    }

    pub(crate) fn seal_label(&self, id: CredentialId, connector: &str, label: &str) -> Vec<u8> {
        self.store_key.sealer().seal(&about(&id.to_string(), connector, "label"), label.as_bytes())
    }

    pub(crate) fn label_of(&self, row: &CredentialRow) -> Result<String, StoreError> {
        let id = row.id.to_string();
        let text = self.store_key.sealer().open(&about(&id, &row.connector, "label"), &row.label)?;
        String::from_utf8(text.to_vec())
            .map_err(|_| StoreError::new(StoreErrorKind::Damaged, "the stored label cannot be read"))
    }

    /// Seals what belongs to no credential's own key: logins and jobs, which outlive it.
    pub(crate) fn seal_note(&self, table: &str, name: &str, text: &[u8]) -> Vec<u8> {
        self.store_key.sealer().seal(&note(table, name), text)
    }

    pub(crate) fn open_note(&self, table: &str, name: &str, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        Ok(self.store_key.sealer().open(&note(table, name), blob)?)
    }

    /// A key for a new credential, and the key wrapped with the id of the key that wraps it.
    pub(crate) async fn new_data_key(
        &self,
        owner: &Owner,
        connector: &str,
        id: CredentialId,
    ) -> Result<(Sealer, String, Vec<u8>), StoreError> {
        let sealer = Sealer::generate();
        let id = id.to_string();
        let wrapped = wrap_data_key(&self.keys, &sealer, &cell("data_key", owner, connector, &id, 0)).await?;
        Ok((sealer, key_id_of(&wrapped)?.to_owned(), wrapped))
    }

    /// Opens a credential for `owner`, who is whoever was asked for, not what the row says.
    pub(crate) async fn open_row(&self, owner: &Owner, row: &CredentialRow) -> Result<Opened, StoreError> {
        let id = row.id.to_string();
        let place = cell("data_key", owner, &row.connector, &id, 0);
        let sealer = Arc::new(unwrap_data_key(&self.keys, &row.data_key, &place).await?);
        let values = open_values(&sealer, owner, row)?;
        Ok(Opened { owner: owner.clone(), sealer, values })
    }
}

/// The values of a row.
fn open_values(sealer: &Sealer, owner: &Owner, row: &CredentialRow) -> Result<Values, StoreError> {
    let id = row.id.to_string();
    let text = sealer.open(&cell("secrets", owner, &row.connector, &id, row.secrets_version), &row.secrets)?;
    Values::from_json(&text)
}

pub(crate) fn seal_values(
    sealer: &Sealer,
    owner: &Owner,
    connector: &str,
    id: CredentialId,
    version: i64,
    values: &Values,
) -> Vec<u8> {
    sealer.seal(&cell("secrets", owner, connector, &id.to_string(), version), &values.to_json())
}

/// Seals tokens, which came at `received`, as those of `generation`.
pub(crate) fn seal_tokens(
    sealer: &Sealer,
    owner: &Owner,
    connector: &str,
    id: CredentialId,
    generation: i64,
    response: &TokenResponse,
    received: SystemTime,
) -> Vec<u8> {
    let sequence = u64::try_from(generation).unwrap_or(0);
    let text = response.clone().with_sequence(sequence).to_secret_json(received);
    sealer.seal(&cell("tokens", owner, connector, &id.to_string(), generation), text.expose_secret().as_bytes())
}

/// The tokens of a row with what is left of their lifetime at `now`; `None` if there are none.
pub(crate) fn open_tokens(
    sealer: &Sealer,
    owner: &Owner,
    row: &CredentialRow,
    now: SystemTime,
) -> Result<Option<TokenResponse>, StoreError> {
    let Some(blob) = &row.tokens else { return Ok(None) };
    let id = row.id.to_string();
    let text = sealer.open(&cell("tokens", owner, &row.connector, &id, row.generation), blob)?;
    let damaged = || StoreError::new(StoreErrorKind::Damaged, "the stored tokens cannot be read");
    let text = std::str::from_utf8(&text).map(Secret::from).map_err(|_| damaged())?;
    let response = TokenResponse::from_secret_json(&text, now).map_err(|_| damaged())?;
    Ok(Some(response.with_sequence(u64::try_from(row.generation).unwrap_or(0))))
}

/// Seals one entry of the request log. Its number is not known yet, and the entries of one credential may be shown in any order.
pub(crate) fn seal_log(sealer: &Sealer, owner: &Owner, connector: &str, id: CredentialId, text: &[u8]) -> Vec<u8> {
    sealer.seal(&log_place(owner, connector, &id.to_string()), text)
}

pub(crate) fn open_log(
    sealer: &Sealer,
    owner: &Owner,
    row: &CredentialRow,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    Ok(sealer.open(&log_place(owner, &row.connector, &row.id.to_string()), blob)?)
}

fn log_place<'a>(owner: &'a Owner, connector: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "request_log", column: "sealed", ..cell("", owner, connector, id, 0) }
}

/// What a refresh token leaves in an intent.
pub(crate) fn spent(token: &Secret) -> Vec<u8> {
    digest(&SHA256, token.expose_secret().as_bytes()).as_ref().to_vec()
}

fn cell<'a>(column: &'a str, owner: &'a Owner, connector: &'a str, id: &'a str, counter: i64) -> Place<'a> {
    Place {
        table: "credentials",
        column,
        tenant: owner.tenant_name(),
        user: Some(owner.user_name()),
        connector: Some(connector),
        credential: Some(id),
        counter: u64::try_from(counter).unwrap_or(0),
    }
}

fn about<'a>(id: &'a str, connector: &'a str, column: &'a str) -> Place<'a> {
    Place { connector: Some(connector), credential: Some(id), ..Place::new("credentials", column) }
}

fn note<'a>(table: &'a str, name: &'a str) -> Place<'a> {
    Place { credential: Some(name), ..Place::new(table, "sealed") }
}
