use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tower_auth_core::{
    AuthorizationCallback, AuthorizationError, AuthorizationErrorKind, AuthorizationTransaction, Connection, Secret,
};

use super::create::{NewConnection, Proven, checked_with_label, last_response, new_id, verified};
use super::info::CredentialInfo;
use super::live::account_name;
use super::store::{CredentialStore, Inner};
use crate::backend::LoginRow;
use crate::connector::Connector;
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::model::{CredentialId, Owner};
use crate::vault::{Values, secret_json};

/// A connection that sends its user to the provider, to be begun.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewLogin {
    connection: NewConnection,
    callback_uri: String,
    redirect_uri: String,
    browser: Secret,
    reconnects: Option<CredentialId>,
    note: Option<Secret>,
    ends_here: bool,
}

/// A login that was begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BegunLogin {
    /// Where to send the user.
    pub url: String,
}

/// A login that was finished.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FinishedLogin {
    /// The credential.
    pub credential: CredentialInfo,
    /// Where the application wants to hear of it, with the credential's id.
    pub redirect_uri: String,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
    /// Whether another account of the provider answered than the one that was connected before.
    pub is_other_account: bool,
    /// The account that was connected before, if the provider told one.
    pub account_before: Option<String>,
    /// The account that is connected now, if the provider told one.
    pub account: Option<String>,
    /// Scopes that were granted, where the provider said so or gave all.
    pub scopes: Vec<String>,
    /// What whoever began it wanted to know again.
    #[cfg_attr(not(feature = "connect"), allow(dead_code, reason = "the page asks for it"))]
    pub(crate) note: Option<Secret>,
}

/// A login that was not finished.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedLogin {
    /// Why.
    pub error: StoreError,
    /// Where the application wants to hear of it, if the login was known.
    pub redirect_uri: Option<String>,
    /// What the provider called it: `access_denied`.
    pub provider_error: Option<String>,
    /// Whether there was a token, and the provider refused the requests that should show that it works.
    pub is_check: bool,
    /// What whoever began it wanted to know again, if the login was known.
    pub(crate) note: Option<Secret>,
}

/// What waits for the user's return, sealed.
#[derive(Serialize, Deserialize)]
struct Waiting {
    tenant: Option<String>,
    user: String,
    connector: String,
    method: String,
    environment: Option<String>,
    label: Option<String>,
    logs_requests: bool,
    reconnects: bool,
    callback_uri: String,
    redirect_uri: String,
    /// The values, as [`Values`] writes them.
    values: String,
    transaction: String,
    #[serde(default)]
    note: Option<String>,
}

/// How long an answer is at the most, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// How long a user may be away.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How many logins of an owner wait at the most, so that nobody can fill the table.
const WAITING: u32 = 20;

impl NewLogin {
    /// A login for `connection`. The provider answers to `callback_uri`, which is the application's own and differs between connectors, so that no provider can be
    /// taken for another; the application hears of it at `redirect_uri`, which the store must [allow](crate::StoreBuilder::allow_redirect). `browser` is a
    /// value that this browser alone has, in a cookie: nobody can be made to finish another's login.
    pub fn new(
        connection: NewConnection,
        callback_uri: impl Into<String>,
        redirect_uri: impl Into<String>,
        browser: impl Into<Secret>,
    ) -> Self {
        Self {
            connection,
            callback_uri: callback_uri.into(),
            redirect_uri: redirect_uri.into(),
            browser: browser.into(),
            reconnects: None,
            note: None,
            ends_here: false,
        }
    }

    /// Gives it a text that comes back with its end. It is sealed like everything else of it.
    #[cfg(feature = "connect")]
    pub(crate) fn note(mut self, text: Secret) -> Self {
        self.note = Some(text);
        self
    }

    /// Lets it end at the callback itself, on a page of ours, so that there is no redirect URI to be allowed.
    #[cfg(feature = "connect")]
    pub(crate) fn ends_here(mut self) -> Self {
        self.ends_here = true;
        self
    }

    /// Connects an existing credential again: it keeps its id.
    pub fn reconnect(mut self, id: CredentialId) -> Self {
        self.reconnects = Some(id);
        self
    }
}

impl CredentialStore {
    /// Begins a login at the provider: keeps what is needed to finish it, and says where to send the user. Who begins it has 15 minutes.
    ///
    /// Twenty logins of an owner wait at the most: one more ends the oldest, whose answer is [`LoginExpired`](StoreErrorKind::LoginExpired) then.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid) when values do not fit or the redirect URI is not allowed, [`NotFound`](StoreErrorKind::NotFound) for an unknown credential to
    /// reconnect, and when database or provider cannot be asked.
    pub async fn begin_login(&self, owner: &Owner, new: NewLogin) -> Result<BegunLogin, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        if !new.ends_here && !inner.settings.redirects.contains(&new.redirect_uri) {
            return Err(StoreError::invalid(vec![FieldError::new("redirectUri", "this redirect URI is not allowed")]));
        }
        let (id, asked) = match new.reconnects {
            Some(id) => (id, new.connection.again(&inner.row(owner, id, "reconnect").await?)?),
            None => {
                inner.check_room(inner.vault.digest(owner)).await?;
                (new_id()?, new.connection)
            }
        };
        let connector = inner.connectors.get(&asked.connector)?;
        let method = connector.method(asked.method.as_deref())?;
        let label = checked_with_label(connector, &asked)?;
        let values = connector.accept(method, asked.environment.as_deref(), asked.values.clone())?;
        if !method.needs_redirect() {
            let text = "this method sends nobody to the provider: create the credential instead";
            return Err(StoreError::new(StoreErrorKind::Invalid, text));
        }
        let connection = inner.fresh(connector, method.key(), asked.environment.as_deref(), &values)?;
        let browser = new.browser.clone();
        let login = connection
            .login(&new.callback_uri)
            .map_err(|error| StoreError::new(StoreErrorKind::Broken, "the login cannot be begun").with_source(error))?
            .configure(|request| request.bound_to(browser).lifetime(LIFETIME));
        let started = login.start().await.map_err(start_failed)?;
        let state = started.transaction.key();
        let waiting = Waiting {
            tenant: owner.tenant_name().map(str::to_owned),
            user: owner.user_name().to_owned(),
            connector: connector.id().to_owned(),
            method: method.key().to_owned(),
            environment: asked.environment,
            label,
            logs_requests: asked.logs_requests,
            reconnects: new.reconnects.is_some(),
            callback_uri: new.callback_uri,
            redirect_uri: new.redirect_uri,
            values: String::from_utf8_lossy(&values.to_json()).into_owned(),
            transaction: started.transaction.to_secret_json().expose_secret().to_owned(),
            note: new.note.map(|note| note.expose_secret().to_owned()),
        };
        let text = secret_json(&waiting, 2 * (waiting.values.len() + waiting.transaction.len()) + 8 * 1024);
        let login = LoginRow { sealed: inner.vault.seal_note("logins", &state, &text), state, credential: id };
        inner.backend.put_login(inner.vault.digest(owner), login, LIFETIME, WAITING).await?;
        Ok(BegunLogin { url: started.url })
    }

    /// Finishes a login by the provider's answer at the callback of `connector`: exchanges the code, shows that the credential works, and keeps it. `query` is the query of the
    /// request, or the body of a form post; `browser` is the value that the login was begun with.
    ///
    /// # Errors
    /// [`LoginExpired`](StoreErrorKind::LoginExpired) when nothing waits for this answer, [`Refused`](StoreErrorKind::Refused) when user or provider said no, and when provider or
    /// database cannot be asked.
    ///
    /// # Cancel safety
    /// The exchange runs to its end in a task of its own.
    pub async fn finish_login(
        &self,
        connector: &str,
        query: &str,
        browser: impl Into<Secret>,
    ) -> Result<FinishedLogin, FailedLogin> {
        let (own, connector, query, browser) = (self.clone(), connector.to_owned(), query.to_owned(), browser.into());
        let finishing = async move { own.finish(&connector, &query, browser).await };
        self.0.tasks.run(finishing).await.unwrap_or_else(|| Err(FailedLogin::of(StoreError::closed())))
    }

    async fn finish(&self, connector: &str, query: &str, browser: Secret) -> Result<FinishedLogin, FailedLogin> {
        let inner = &*self.0;
        inner.check_open().map_err(FailedLogin::of)?;
        let connector = inner.connectors.get(connector).map_err(FailedLogin::of)?;
        let Some(state) = state_of(connector, query) else { return Err(FailedLogin::of(unknown())) };
        let login = inner.backend.take_login(state.clone()).await.map_err(|error| FailedLogin::of(error.into()))?;
        let Some(login) = login else { return Err(FailedLogin::of(unknown())) };
        let waiting = inner.waiting(&state, &login.sealed).map_err(FailedLogin::of)?;
        let (redirect_uri, note) = (waiting.redirect_uri.clone(), waiting.note.as_deref().map(Secret::from));
        // A login of one provider is not finished by another's answer.
        if waiting.connector != connector.id() {
            return Err(FailedLogin::of(unknown()));
        }
        let outcome = self.exchange_login(connector, &waiting, login.credential, query, browser).await;
        outcome.map_err(|mut failed| {
            failed.redirect_uri = Some(redirect_uri);
            failed.note = note;
            failed
        })
    }

    async fn exchange_login(
        &self,
        connector: &Connector,
        waiting: &Waiting,
        id: CredentialId,
        query: &str,
        browser: Secret,
    ) -> Result<FinishedLogin, FailedLogin> {
        let inner = &*self.0;
        let owner = waiting.owner().map_err(FailedLogin::of)?;
        let values = Values::from_json(waiting.values.as_bytes()).map_err(FailedLogin::of)?;
        let connection = inner
            .fresh(connector, &waiting.method, waiting.environment.as_deref(), &values)
            .map_err(FailedLogin::of)?;
        let login = connection.login(&waiting.callback_uri).map_err(|error| {
            FailedLogin::of(StoreError::new(StoreErrorKind::Broken, "the login cannot be finished").with_source(error))
        })?;
        let transaction = AuthorizationTransaction::from_secret_json(&Secret::from(waiting.transaction.as_str()))
            .map_err(login_failed)?;
        let callback = login.callback(query).map_err(login_failed)?.bound_to(browser);
        let wanted = transaction.scope().clone();
        let response = login.finish(transaction, &callback).await.map_err(login_failed)?;
        let received = inner.clock.wall();
        let found = match verified(&connection).await {
            Ok(found) => found,
            Err(error) => return Err(FailedLogin { is_check: true, ..FailedLogin::of(error) }),
        };
        // A probe keeps what it finds with the tokens.
        let response = last_response(&connection).await.unwrap_or(response);
        let missing_scopes = response.token().scope().map_or_else(Vec::new, |granted| {
            wanted.iter().filter(|scope| !granted.iter().any(|own| own == *scope)).map(str::to_owned).collect()
        });
        // An answer without scopes grants what was asked for (RFC 6749 section 5.1).
        let scopes = response.token().scope().unwrap_or(&wanted).iter().map(str::to_owned).collect();
        let account = account_name(Some(&response), &found);
        let account_now = account.clone();
        let proven = Proven {
            method: waiting.method.clone(),
            values,
            renews: connection.renews_itself(),
            response: Some(response),
            received,
            account,
        };
        let (credential, account_before) = match waiting.reconnects {
            true => self.replace(&owner, id, waiting.environment.as_deref(), &proven).await,
            false => self.keep_login(&owner, id, connector, waiting, proven).await.map(|info| (info, None)),
        }
        .map_err(FailedLogin::of)?;
        let is_other_account = account_before.is_some() && account_now.is_some() && account_before != account_now;
        Ok(FinishedLogin {
            credential,
            redirect_uri: waiting.redirect_uri.clone(),
            missing_scopes,
            is_other_account,
            account_before,
            account: account_now,
            scopes,
            note: waiting.note.as_deref().map(Secret::from),
        })
    }

    async fn keep_login(
        &self,
        owner: &Owner,
        id: CredentialId,
        connector: &Connector,
        waiting: &Waiting,
        proven: Proven,
    ) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        let digest = inner.vault.digest(owner);
        inner.check_room(digest).await?;
        let label = waiting.label.clone().or_else(|| proven.account.clone());
        let label = label.unwrap_or_else(|| connector.spec().display_name().to_owned());
        let mut new = NewConnection::new(connector.id());
        new.environment.clone_from(&waiting.environment);
        new.logs_requests = waiting.logs_requests;
        self.finish_creation(owner, digest, connector, id, &new, &label, proven, "create").await
    }
}

impl Inner {
    /// A connection that nobody has used yet.
    fn fresh(
        &self,
        connector: &Connector,
        method: &str,
        environment: Option<&str>,
        values: &Values,
    ) -> Result<Connection, StoreError> {
        let filled = connector.fill(method, environment, values)?;
        self.connect(connector, &filled, values, |builder| builder)
    }

    fn waiting(&self, state: &str, sealed: &[u8]) -> Result<Waiting, StoreError> {
        let text = self.vault.open_note("logins", state, sealed)?;
        let damaged = |_| StoreError::new(StoreErrorKind::Damaged, "a login that waits cannot be read");
        serde_json::from_slice(&text).map_err(damaged)
    }
}

impl Waiting {
    fn owner(&self) -> Result<Owner, StoreError> {
        let damaged = |_| StoreError::new(StoreErrorKind::Damaged, "a login that waits cannot be read");
        let owner = Owner::user(self.user.as_str()).map_err(damaged)?;
        match &self.tenant {
            Some(tenant) => owner.in_tenant(tenant.as_str()).map_err(damaged),
            None => Ok(owner),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.values.zeroize();
        self.transaction.zeroize();
        self.note.zeroize();
    }
}

/// The key under which a login waits for this answer.
fn state_of(connector: &Connector, query: &str) -> Option<String> {
    let query = query.strip_prefix('?').unwrap_or(query);
    if query.len() > MAX_ANSWER {
        return None;
    }
    let redirects = connector.spec().methods().iter().filter(|method| method.needs_redirect());
    let names: Vec<_> = redirects.map(|method| method.state_param()).collect();
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| names.contains(name));
    let (_, value) = values.next()?;
    // Several make no answer.
    if values.next().is_some() {
        return None;
    }
    AuthorizationCallback::from_query(&format!("code=x&state={value}")).ok()?.key()
}

fn unknown() -> StoreError {
    StoreError::new(
        StoreErrorKind::LoginExpired,
        "no login waits for this answer: it took too long, or was finished already",
    )
}

fn start_failed(error: AuthorizationError) -> StoreError {
    let kind = match error.is_transient() {
        true => StoreErrorKind::ProviderUnavailable,
        false => StoreErrorKind::Broken,
    };
    StoreError::new(kind, "the login cannot be begun").with_source(error)
}

fn login_failed(error: AuthorizationError) -> FailedLogin {
    let provider_error = error.oauth_error().map(str::to_owned);
    let (kind, message) = match error.kind() {
        AuthorizationErrorKind::Denied => (StoreErrorKind::Refused, "access was not granted"),
        AuthorizationErrorKind::ProviderError | AuthorizationErrorKind::InteractionRequired => {
            (StoreErrorKind::Refused, "the provider ended the login")
        }
        AuthorizationErrorKind::StateMismatch
        | AuthorizationErrorKind::UnknownState
        | AuthorizationErrorKind::Expired
        | AuthorizationErrorKind::BindingMismatch => {
            (StoreErrorKind::LoginExpired, "the login took too long, or was begun in another browser")
        }
        AuthorizationErrorKind::ExchangeFailed => match error.token_error() {
            Some(error) => {
                return FailedLogin { provider_error, ..FailedLogin::of(StoreError::provider(error.clone())) };
            }
            None => (StoreErrorKind::Refused, "the provider did not exchange the code for a token"),
        },
        _ => (StoreErrorKind::Refused, "the provider's answer cannot be used"),
    };
    let error = StoreError::new(kind, message).because(Some(error.code().to_owned())).with_source(error);
    FailedLogin { provider_error, ..FailedLogin::of(error) }
}

impl FailedLogin {
    fn of(error: StoreError) -> Self {
        Self { error, redirect_uri: None, provider_error: None, is_check: false, note: None }
    }
}

impl fmt::Display for FailedLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the login was not finished")
    }
}

impl std::error::Error for FailedLogin {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
