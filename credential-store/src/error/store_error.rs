use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{ConfigErrors, FailureClass, TokenError, TokenErrorKind};

use super::FieldError;
use crate::backend::{BackendError, BackendErrorKind, CredentialRow};
use crate::keys::KeyError;
use crate::model::CredentialStatus;
use crate::seal::SealError;

/// What the store could not do, whose fault it is, and what to do about it. Clones share it.
#[derive(Clone)]
pub struct StoreError(Arc<Inner>);

struct Inner {
    kind: StoreErrorKind,
    message: String,
    reason: Option<String>,
    fields: Vec<FieldError>,
    retry_in: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of failure a [`StoreError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no such credential, or it is somebody else's: the two are not told apart.
    NotFound,
    /// There is no such connector or method.
    UnknownConnector,
    /// Values are missing or do not fit; see [`StoreError::fields`].
    Invalid,
    /// The provider does not accept the values, or refused the login.
    Refused,
    /// A person must connect again; see [`StoreError::reason`].
    NeedsReauth,
    /// The credential was ended at the provider.
    Revoked,
    /// The token has ended and is not renewable: a person must connect again.
    ExpiredManual,
    /// A rotation was cut off and its refresh token may be spent: a person must connect again, unless the answer still comes.
    Unconfirmed,
    /// Somebody began to connect, and has not finished.
    Pending,
    /// The login that was to be finished is not known: it was finished before, took too long, or began elsewhere.
    LoginExpired,
    /// The provider does not accept this application: an operator must mend the connector.
    Misconfigured,
    /// The provider cannot be reached or fails at the moment.
    ProviderUnavailable,
    /// The database, or whoever holds the keys, cannot be reached at the moment.
    Unavailable,
    /// What is stored was changed by somebody else, cut, or belongs elsewhere. It is left as it is.
    Damaged,
    /// Somebody else changed the credential at the same time.
    Conflict,
    /// There are as many credentials as this owner may have.
    TooMany,
    /// The store was closed.
    Closed,
    /// The database, the keys or the configuration are not usable: an operator must look.
    Broken,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            reason: None,
            fields: Vec::new(),
            retry_in: None,
            source: None,
        }))
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StoreErrorKind::NotFound, "there is no such credential")
    }

    pub(crate) fn closed() -> Self {
        Self::new(StoreErrorKind::Closed, "the store was closed")
    }

    pub(crate) fn invalid(fields: Vec<FieldError>) -> Self {
        let names: Vec<_> = fields.iter().map(ToString::to_string).collect();
        Self::new(StoreErrorKind::Invalid, names.join("; ")).with(|inner| inner.fields = fields)
    }

    pub(crate) fn unfit(errors: &ConfigErrors) -> Self {
        Self::invalid(FieldError::of(errors))
    }

    /// Why a credential that is doing so cannot be used; `None` if it can.
    pub(crate) fn of_status(row: &CredentialRow) -> Option<Self> {
        let (kind, message) = match row.status {
            CredentialStatus::Valid | CredentialStatus::Degraded => return None,
            CredentialStatus::Pending => (StoreErrorKind::Pending, "nobody has finished connecting this credential"),
            CredentialStatus::NeedsReauth => {
                (StoreErrorKind::NeedsReauth, "the provider no longer accepts this credential")
            }
            CredentialStatus::Revoked => (StoreErrorKind::Revoked, "this credential was revoked"),
            CredentialStatus::ExpiredManual => {
                (StoreErrorKind::ExpiredManual, "this credential has ended and cannot be renewed by itself")
            }
            CredentialStatus::Unconfirmed => (
                StoreErrorKind::Unconfirmed,
                "the answer to the last renewal was lost: the refresh token may be spent and is not sent again",
            ),
        };
        Some(Self::new(kind, message).because(row.reason.clone()))
    }

    /// The failure of an exchange or a request to the provider.
    pub(crate) fn provider(error: TokenError) -> Self {
        let kind = match error.class() {
            FailureClass::Transient => StoreErrorKind::ProviderUnavailable,
            FailureClass::Refused if error.kind() == TokenErrorKind::Unconfirmed => StoreErrorKind::Unconfirmed,
            FailureClass::Refused => StoreErrorKind::Refused,
            _ => StoreErrorKind::Misconfigured,
        };
        let message = match kind {
            StoreErrorKind::ProviderUnavailable => "the provider cannot be asked at the moment",
            StoreErrorKind::Refused => "the provider does not accept the credential",
            StoreErrorKind::Unconfirmed => "nobody knows what became of the last renewal",
            _ => "the provider does not accept the request: check the connector and the values",
        };
        let reason = error.oauth_error().map(str::to_owned).or_else(|| Some(error.code().to_owned()));
        let retry_in = error.retry_after();
        Self::new(kind, message).because(reason).retry_in_(retry_in).with_source(error)
    }

    pub(crate) fn because(self, reason: Option<String>) -> Self {
        self.with(|inner| inner.reason = reason)
    }

    pub(crate) fn retry_in_(self, wait: Option<Duration>) -> Self {
        self.with(|inner| inner.retry_in = wait)
    }

    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Why, as a code: the provider's own error code where it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// What is wrong with which field. Empty unless the kind is [`Invalid`](StoreErrorKind::Invalid) or [`Refused`](StoreErrorKind::Refused).
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Whether the owner has to connect the credential again: it keeps its id. Show them the connect page.
    #[must_use]
    pub fn needs_reconnect(&self) -> bool {
        self.0.kind.needs_reconnect()
    }

    /// Whether asking again later, with nothing changed, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            StoreErrorKind::Unavailable | StoreErrorKind::ProviderUnavailable | StoreErrorKind::Conflict
        )
    }

    /// How long to wait before, if somebody said.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.retry_in
    }

    /// The same for the layers of `tower-auth`, with this error as its source.
    pub(crate) fn into_token_error(self) -> TokenError {
        let kind = match self.kind() {
            StoreErrorKind::Unconfirmed => TokenErrorKind::Unconfirmed,
            StoreErrorKind::Unavailable | StoreErrorKind::Conflict => TokenErrorKind::Unreachable,
            StoreErrorKind::ProviderUnavailable => TokenErrorKind::ServerError,
            StoreErrorKind::Closed => TokenErrorKind::Closed,
            StoreErrorKind::Misconfigured | StoreErrorKind::Broken | StoreErrorKind::UnknownConnector => {
                TokenErrorKind::Misconfigured
            }
            _ => TokenErrorKind::Refused,
        };
        let error = TokenError::new(kind, "the stored credential cannot be used");
        let error = match self.retry_in() {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        };
        error.with_source(self)
    }

    /// The store's error in a token error of a layer or a cache, wherever it is in the chain.
    #[must_use]
    pub fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(own) = error.downcast_ref() {
                return Some(own);
            }
            next = error.source();
        }
        None
    }
}

impl StoreErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::NotFound,
        Self::UnknownConnector,
        Self::Invalid,
        Self::Refused,
        Self::NeedsReauth,
        Self::Revoked,
        Self::ExpiredManual,
        Self::Unconfirmed,
        Self::Pending,
        Self::LoginExpired,
        Self::Misconfigured,
        Self::ProviderUnavailable,
        Self::Unavailable,
        Self::Damaged,
        Self::Conflict,
        Self::TooMany,
        Self::Closed,
        Self::Broken,
    ];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "store.not_found",
            Self::UnknownConnector => "store.unknown_connector",
            Self::Invalid => "store.invalid",
            Self::Refused => "store.refused",
            Self::NeedsReauth => "store.needs_reauth",
            Self::Revoked => "store.revoked",
            Self::ExpiredManual => "store.expired_manual",
            Self::Unconfirmed => "store.unconfirmed",
            Self::Pending => "store.pending",
            Self::LoginExpired => "store.login_expired",
            Self::Misconfigured => "store.misconfigured",
            Self::ProviderUnavailable => "store.provider_unavailable",
            Self::Unavailable => "store.unavailable",
            Self::Damaged => "store.damaged",
            Self::Conflict => "store.conflict",
            Self::TooMany => "store.too_many",
            Self::Closed => "store.closed",
            Self::Broken => "store.broken",
        }
    }

    fn needs_reconnect(self) -> bool {
        matches!(
            self,
            Self::NeedsReauth | Self::Revoked | Self::ExpiredManual | Self::Unconfirmed | Self::Pending | Self::Refused
        )
    }
}

impl From<BackendError> for StoreError {
    fn from(error: BackendError) -> Self {
        let (kind, message) = match error.kind() {
            BackendErrorKind::Unavailable => {
                (StoreErrorKind::Unavailable, "the database cannot be asked at the moment")
            }
            BackendErrorKind::Broken => (StoreErrorKind::Broken, "the database is not usable"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        use crate::keys::KeyErrorKind;
        let (kind, message) = match error.kind() {
            KeyErrorKind::Unavailable => {
                (StoreErrorKind::Unavailable, "whoever holds the keys cannot be asked at the moment")
            }
            KeyErrorKind::Damaged => (StoreErrorKind::Damaged, "what is stored cannot be opened"),
            _ => (StoreErrorKind::Broken, "the keys that the store needs are not usable"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl From<SealError> for StoreError {
    fn from(error: SealError) -> Self {
        Self::new(StoreErrorKind::Damaged, "what is stored cannot be opened").with_source(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(reason) = &self.0.reason {
            write!(f, " ({reason})")?;
        }
        if self.needs_reconnect() {
            f.write_str(": connect it again")?;
        }
        write!(f, " [{}]", self.code())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("reason", &self.0.reason)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
