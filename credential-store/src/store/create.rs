use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use tower_auth_core::{
    AuthMethod, Connection, FieldScope, Lifetime, RefreshCause, Secret, SourceRequest, TokenKind, TokenResponse,
};

use super::info::CredentialInfo;
use super::live::account_name;
use super::news::News;
use super::store::{CredentialStore, Inner};
use crate::backend::{AuditEntry, CredentialRow, NewCredential, Record, SecretsChange, Tokens};
use crate::connector::Connector;
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::event::{CredentialEvent, EventKind};
use crate::model::{CredentialId, CredentialStatus, Owner, OwnerDigest, Timestamp};
use crate::vault::{Opened, Values, open_tokens, seal_tokens, seal_values};

/// What an owner gives to connect: a connector, and the values of its fields.
///
/// ```
/// use tower_auth_store::NewConnection;
///
/// let new = NewConnection::new("hubspot").value("access_token", "pat-na1-x").label("Sales");
/// ```
#[derive(Clone)]
#[must_use]
pub struct NewConnection {
    pub(super) connector: String,
    pub(super) method: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) values: BTreeMap<String, Secret>,
    pub(super) label: Option<String>,
    pub(super) logs_requests: bool,
    pub(super) is_verified: bool,
}

/// The longest label, in characters.
const MAX_LABEL: usize = 200;

impl NewConnection {
    /// For the connector `connector`.
    pub fn new(connector: impl Into<String>) -> Self {
        Self {
            connector: connector.into(),
            method: None,
            environment: None,
            values: BTreeMap::new(),
            label: None,
            logs_requests: false,
            is_verified: true,
        }
    }

    /// By this method of the connector, in place of its first.
    pub fn method(mut self, key: impl Into<String>) -> Self {
        self.method = Some(key.into());
        self
    }

    /// With this set of the connector's URLs: a sandbox.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// The value of a field.
    pub fn value(mut self, field: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.values.insert(field.into(), value.into());
        self
    }

    /// What the owner calls it. If not set, the name of the account that the provider tells, or of the connector.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Logs its token requests from the beginning.
    pub fn log_requests(mut self) -> Self {
        self.logs_requests = true;
        self
    }

    /// Keeps it without asking the provider whether it works.
    pub fn without_verification(mut self) -> Self {
        self.is_verified = false;
        self
    }
}

/// A connection that was shown to work, before it is kept.
pub(super) struct Proven {
    pub(super) method: String,
    pub(super) values: Values,
    pub(super) response: Option<TokenResponse>,
    pub(super) renews: bool,
    pub(super) received: SystemTime,
    pub(super) account: Option<String>,
}

impl CredentialStore {
    /// Keeps a credential that needs no redirect: an API key, a Basic pair, client credentials, a typed-in code, a login of the provider's own. All values are checked at
    /// once, then the provider is asked whether they work, and only then anything is kept.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid) with every field that does not fit, [`Refused`](StoreErrorKind::Refused) if the provider does not accept them,
    /// [`TooMany`](StoreErrorKind::TooMany), and when provider or database cannot be asked.
    ///
    /// # Cancel safety
    /// What was begun goes on to its end in a task of its own: a code is spent, and what it brings is kept.
    pub async fn create(&self, owner: &Owner, new: NewConnection) -> Result<CredentialInfo, StoreError> {
        let (own, owner) = (self.clone(), owner.clone());
        self.to_the_end(async move { own.create_whole(&owner, new).await }).await
    }

    async fn create_whole(&self, owner: &Owner, new: NewConnection) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let digest = inner.vault.digest(owner);
        inner.check_room(digest).await?;
        let connector = inner.connectors.get(&new.connector)?;
        let label = checked_with_label(connector, &new)?;
        let proven = inner.prove(connector, &new).await?;
        let label =
            label.or_else(|| proven.account.clone()).unwrap_or_else(|| connector.spec().display_name().to_owned());
        let id = new_id()?;
        self.finish_creation(owner, digest, connector, id, &new, &label, proven, "create").await
    }

    /// Keeps a credential whose tokens were obtained elsewhere, `received` being when they came: a move from another store. Nobody is asked.
    ///
    /// # Errors
    /// As [`create`](Self::create), but for the provider.
    pub async fn import(
        &self,
        owner: &Owner,
        new: NewConnection,
        tokens: TokenResponse,
        received: SystemTime,
    ) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let digest = inner.vault.digest(owner);
        inner.check_room(digest).await?;
        let connector = inner.connectors.get(&new.connector)?;
        let method = connector.method(new.method.as_deref())?;
        if tokens.token().kind() == TokenKind::Dpop {
            // It would be of no use without its key, which no description knows of.
            let text = "a token that is bound to a key cannot be imported";
            return Err(StoreError::new(StoreErrorKind::Invalid, text));
        }
        let values = connector.accept(method, new.environment.as_deref(), new.values.clone())?;
        let label = checked_label(new.label.as_deref())?;
        let label = label.or_else(|| account_name(Some(&tokens), &BTreeMap::new()));
        let label = label.unwrap_or_else(|| connector.spec().display_name().to_owned());
        let renews = !method.needs_redirect() || tokens.refresh_token().is_some() || method.renews_by_access_token();
        let mut proven =
            Proven { method: method.key().to_owned(), values, response: Some(tokens), renews, received, account: None };
        proven.drop_what_is_good_once(method);
        let id = new_id()?;
        self.finish_creation(owner, digest, connector, id, &new, &label, proven, "import").await
    }

    /// Keeps what was proven, and tells it.
    #[allow(clippy::too_many_arguments, reason = "the parts of one row")]
    pub(super) async fn finish_creation(
        &self,
        owner: &Owner,
        digest: OwnerDigest,
        connector: &Connector,
        id: CredentialId,
        new: &NewConnection,
        label: &str,
        proven: Proven,
        action: &'static str,
    ) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        let entry = AuditEntry {
            actor: "owner".to_owned(),
            owner: Some(digest),
            credential: Some(id),
            connector: Some(connector.id().to_owned()),
            action,
            result: "ok",
            detail: None,
        };
        let event = CredentialEvent {
            kind: EventKind::Created,
            credential: id,
            owner: owner.clone(),
            connector: connector.id().to_owned(),
            status: CredentialStatus::Valid,
            reason: None,
            at: Timestamp::of(inner.clock.wall()),
        };
        let News { record, event } = inner.news_of(event, Some(entry));
        inner.keep(owner, digest, connector, id, new, label, proven, record).await?;
        inner.tell(event);
        let row = inner.row(owner, id, action).await?;
        CredentialInfo::of(&inner.vault, &row)
    }

    /// Gives a credential new values in place of those it has: it keeps its id, and everything that names it goes on working.
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`NotFound`](StoreErrorKind::NotFound).
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    pub async fn reconnect(
        &self,
        owner: &Owner,
        id: CredentialId,
        new: NewConnection,
    ) -> Result<CredentialInfo, StoreError> {
        let (own, owner) = (self.clone(), owner.clone());
        self.to_the_end(async move { own.reconnect_whole(&owner, id, new).await }).await
    }

    async fn reconnect_whole(
        &self,
        owner: &Owner,
        id: CredentialId,
        new: NewConnection,
    ) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let row = inner.row(owner, id, "reconnect").await?;
        let connector = inner.connectors.get(&row.connector)?;
        let new = new.again(&row)?;
        let proven = inner.prove(connector, &new).await?;
        self.replace(owner, id, new.environment.as_deref(), &proven).await.map(|(info, _)| info)
    }

    /// Keeps what was proven in place of what a credential has. Also whether another account answered than before.
    pub(super) async fn replace(
        &self,
        owner: &Owner,
        id: CredentialId,
        environment: Option<&str>,
        proven: &Proven,
    ) -> Result<(CredentialInfo, Option<String>), StoreError> {
        let inner = &*self.0;
        let mut tries = 0;
        loop {
            let row = inner.row(owner, id, "reconnect").await?;
            let opened = inner.vault.open_row(owner, &row).await?;
            let old = open_tokens(&opened.sealer, owner, &row, inner.clock.wall())?;
            let before = account_name(old.as_ref(), &BTreeMap::new());
            let version = row.secrets_version + 1;
            let entry = AuditEntry::of("owner", &row, "reconnect", "ok", None);
            let now = CredentialRow { status: CredentialStatus::Valid, ..row.clone() };
            let News { record, event } = inner.news_with(&now, EventKind::Reconnected, None, Some(entry));
            let change = SecretsChange {
                secrets: seal_values(&opened.sealer, owner, &row.connector, id, version, &proven.values),
                secrets_version: row.secrets_version,
                generation: row.generation,
                method: proven.method.clone(),
                environment: environment.map(str::to_owned),
                tokens: inner.tokens_to_keep(&opened, &row.connector, id, row.generation + 1, proven),
                status: CredentialStatus::Valid,
                reason: None,
                record,
            };
            // A code may be spent: what it brought is not dropped because a renewal of the old tokens came in between.
            if inner.backend.set_secrets(row.owner, id, change).await? {
                inner.forget(owner, id);
                inner.tell(event);
                let row = inner.row(owner, id, "reconnect").await?;
                return Ok((CredentialInfo::of(&inner.vault, &row)?, before));
            }
            tries += 1;
            if tries == 5 {
                return Err(StoreError::new(StoreErrorKind::Conflict, "the credential was changed at the same time"));
            }
        }
    }
}

impl NewConnection {
    /// The same for the credential of `row`, which keeps its connector, and method and environment where nothing else is said.
    pub(super) fn again(mut self, row: &CredentialRow) -> Result<Self, StoreError> {
        if self.connector != row.connector {
            return Err(StoreError::invalid(vec![FieldError::new("connector", "a credential keeps its connector")]));
        }
        self.method.get_or_insert_with(|| row.method.clone());
        self.environment = self.environment.or_else(|| row.environment.clone());
        Ok(self)
    }
}

impl Proven {
    fn drop_what_is_good_once(&mut self, method: &AuthMethod) {
        self.values.0.retain(|name, _| method.field(name).is_none_or(|field| field.scope() != FieldScope::Once));
    }
}

impl Inner {
    pub(crate) fn check_open(&self) -> Result<(), StoreError> {
        match self.tasks.is_closed() {
            true => Err(StoreError::closed()),
            false => Ok(()),
        }
    }

    pub(super) async fn check_room(&self, owner: OwnerDigest) -> Result<(), StoreError> {
        let most = self.settings.per_owner;
        match most == u32::MAX || self.backend.count(owner).await? < i64::from(most) {
            true => Ok(()),
            false => {
                Err(StoreError::new(StoreErrorKind::TooMany, "there are as many credentials as one owner may have"))
            }
        }
    }

    /// Checks values and asks the provider whether they work.
    async fn prove(&self, connector: &Connector, new: &NewConnection) -> Result<Proven, StoreError> {
        let method = connector.method(new.method.as_deref())?;
        if method.needs_redirect() {
            let text = "this method sends its user to the provider: begin a login instead";
            return Err(StoreError::new(StoreErrorKind::Invalid, text));
        }
        let environment = new.environment.as_deref();
        let values = connector.accept(method, environment, new.values.clone())?;
        let filled = connector.fill(method.key(), environment, &values)?;
        let connection = self.connect(connector, &filled, &values, |builder| builder)?;
        // A code that is good once is of no use later.
        let has_code = method.fields().iter().any(|field| field.scope() == FieldScope::Once);
        let mut proven = self.ask(&connection, new.is_verified, new.is_verified || has_code).await?;
        proven.method = method.key().to_owned();
        proven.values = values;
        proven.drop_what_is_good_once(method);
        Ok(proven)
    }

    /// Obtains the first tokens and runs the description's verification.
    async fn ask(&self, connection: &Connection, is_verified: bool, is_obtained: bool) -> Result<Proven, StoreError> {
        if let Some(tokens) = connection.tokens().filter(|_| is_obtained) {
            tokens.ready().await.map_err(StoreError::provider)?;
        }
        let found = match is_verified {
            true => verified(connection).await?,
            false => BTreeMap::new(),
        };
        let response = last_response(connection).await;
        Ok(Proven {
            method: String::new(),
            values: Values::default(),
            renews: connection.renews_itself(),
            account: account_name(response.as_ref(), &found),
            received: self.clock.wall(),
            response,
        })
    }

    /// Keeps what was proven.
    #[allow(clippy::too_many_arguments, reason = "the parts of one row")]
    pub(super) async fn keep(
        &self,
        owner: &Owner,
        digest: OwnerDigest,
        connector: &Connector,
        id: CredentialId,
        new: &NewConnection,
        label: &str,
        proven: Proven,
        record: Record,
    ) -> Result<(), StoreError> {
        let (sealer, key_id, data_key) = self.vault.new_data_key(owner, connector.id(), id).await?;
        let secrets = seal_values(&sealer, owner, connector.id(), id, 1, &proven.values);
        let opened = Opened { owner: owner.clone(), sealer: std::sync::Arc::new(sealer), values: Values::default() };
        let tokens = self.tokens_to_keep(&opened, connector.id(), id, 1, &proven);
        let row = NewCredential {
            id,
            owner: digest,
            owner_sealed: self.vault.seal_owner(id, connector.id(), owner),
            connector: connector.id().to_owned(),
            method: proven.method.clone(),
            environment: new.environment.clone(),
            label: self.vault.seal_label(id, connector.id(), label),
            status: CredentialStatus::Valid,
            key_id,
            data_key,
            secrets,
            logs_requests: new.logs_requests,
            tokens,
            record,
        };
        Ok(self.backend.insert(row).await?)
    }

    pub(super) fn tokens_to_keep(
        &self,
        opened: &Opened,
        connector: &str,
        id: CredentialId,
        generation: i64,
        proven: &Proven,
    ) -> Option<Tokens> {
        let response = proven.response.as_ref()?;
        let sealed = seal_tokens(&opened.sealer, &opened.owner, connector, id, generation, response, proven.received);
        let mut tokens = self.timed(sealed, response, proven.renews);
        // The database counts from now on, and they may have come some time ago.
        let age = self.clock.wall().duration_since(proven.received).unwrap_or_default();
        for left in
            [&mut tokens.expires_in, &mut tokens.refresh_in, &mut tokens.refresh_expires_in].into_iter().flatten()
        {
            *left = left.saturating_sub(age);
        }
        Some(tokens)
    }

    /// Sealed tokens with their times.
    pub(crate) fn timed(&self, sealed: Vec<u8>, response: &TokenResponse, renews: bool) -> Tokens {
        let expires_in = match response.lifetime() {
            Lifetime::For(length) => Some(length),
            _ => None,
        };
        let ahead = expires_in.map(|length| length - length / 4).filter(|_| self.settings.ahead);
        let has_refresh_token = response.refresh_token().is_some();
        let idle = self.settings.keep_alive.filter(|_| has_refresh_token);
        let wanted = [ahead, response.refresh_after(), idle.filter(|_| response.refresh_after().is_none())];
        Tokens {
            sealed,
            renews,
            expires_in,
            refresh_in: wanted.into_iter().flatten().min().filter(|_| renews),
            refresh_expires_in: refresh_token_lifetime(response),
        }
    }
}

/// How long the refresh token lives, where the answer says so.
fn refresh_token_lifetime(response: &TokenResponse) -> Option<Duration> {
    let told = ["refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"];
    let text = told.iter().find_map(|name| response.extra(name))?;
    text.expose_secret().parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

pub(super) fn new_id() -> Result<CredentialId, StoreError> {
    CredentialId::generate()
        .map_err(|error| StoreError::new(StoreErrorKind::Broken, "no id can be made").with_source(error))
}

/// Runs the description's verification and probes.
pub(super) async fn verified(connection: &Connection) -> Result<BTreeMap<String, Secret>, StoreError> {
    // In this order: what a probe finds may be a part of the API's address, where the verification goes.
    let found = connection.probe().await.map_err(StoreError::provider)?;
    connection.verify().await.map_err(StoreError::provider)?;
    Ok(found)
}

/// The tokens of a connection that is used no more. Nothing is sent after this: a token that ends within seconds may be under renewal.
pub(super) async fn last_response(connection: &Connection) -> Option<TokenResponse> {
    connection.tokens()?.close().await;
    connection.response().map(|response| TokenResponse::clone(&response))
}

/// A label without control characters; `None` if it is empty.
pub(super) fn checked_label(label: Option<&str>) -> Result<Option<String>, StoreError> {
    let Some(label) = label.map(str::trim).filter(|label| !label.is_empty()) else { return Ok(None) };
    if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        let text = format!("a name has at most {MAX_LABEL} characters, and no line break");
        return Err(StoreError::invalid(vec![FieldError::new("label", text)]));
    }
    Ok(Some(label.to_owned()))
}

/// The label; if it does not fit, with whatever else does not.
pub(super) fn checked_with_label(connector: &Connector, new: &NewConnection) -> Result<Option<String>, StoreError> {
    checked_label(new.label.as_deref()).map_err(|error| {
        let method = connector.method(new.method.as_deref());
        let accepted =
            method.and_then(|method| connector.accept(method, new.environment.as_deref(), new.values.clone()));
        let others = accepted.err().map(|other| other.fields().to_vec()).unwrap_or_default();
        StoreError::invalid(others.into_iter().chain(error.fields().iter().cloned()).collect())
    })
}

/// A request for the first tokens, or the next.
pub(super) fn source_request(
    cause: RefreshCause,
    previous: Option<TokenResponse>,
    deadline: tower_auth_core::MonotonicTime,
) -> SourceRequest {
    SourceRequest::new(cause, previous.map(std::sync::Arc::new), deadline)
}

impl fmt::Debug for NewConnection {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConnection")
            .field("connector", &self.connector)
            .field("method", &self.method)
            .field("fields", &self.values.keys())
            .finish_non_exhaustive()
    }
}
