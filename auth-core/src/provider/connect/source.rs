use std::collections::BTreeMap;
use std::sync::Arc;

use super::budget::Budget;
use super::grantor::ProviderGrantor;
use super::known::Known;
use crate::oauth::{Agreed, Grant, Grantor, Params, Renewal, Target};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::ExpiryKind;
use crate::{Clock, Lifetime, ScopeSet, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse, TokenSource};

/// Obtains and renews tokens as a description has it.
pub(super) struct ProviderSource {
    pub(super) filled: Arc<FilledProvider>,
    pub(super) way: Way,
    pub(super) budget: Option<Arc<Budget>>,
    pub(super) clock: Clock,
}

/// How a token is renewed.
pub(super) enum Way {
    /// Without a client: the assertion is the token.
    Alone(ProviderGrantor),
    ByRefreshToken(Arc<Renewal<ProviderGrantor>>),
    ByAccessToken(ProviderGrantor, Agreed),
    Regrant(ProviderGrantor),
    Never(ProviderGrantor),
}

/// The source as the cache has it; logins share it.
pub(super) struct Shared(pub(super) Arc<ProviderSource>);

impl TokenSource for Shared {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        Known::of(request.previous()).during(self.0.fetch(request.clone())).await
    }
}

impl ProviderSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        if let Some(budget) = &self.budget {
            budget.take(&self.clock, self.filled.spec().display_name())?;
        }
        let previous = request.previous();
        let response = match (&self.way, previous) {
            (Way::ByRefreshToken(renewal), _) => renewal.fetch(&request).await?,
            (Way::ByAccessToken(_, agreed), Some(previous)) => self.by_access_token(agreed, previous).await?,
            (Way::Never(_), Some(_)) => {
                let name = self.filled.spec().display_name();
                let message = format!("{name} does not renew this credential: a person must grant access again");
                return Err(TokenError::new(TokenErrorKind::Refused, message));
            }
            (Way::Alone(grantor) | Way::Regrant(grantor) | Way::ByAccessToken(grantor, _) | Way::Never(grantor), _) => {
                grantor.obtain(&request).await?
            }
        };
        // What the first answer told is true of the next tokens too, unless they say otherwise.
        let known = previous.map(captured).unwrap_or_default();
        let response = known.into_iter().fold(response, |response, (name, value)| response.or_extra(name, value));
        Ok(self.kept_alive(self.with_introspected_lifetime(response).await?))
    }
}

impl ProviderSource {
    /// Goes on with the tokens of a new login.
    pub(super) async fn adopt(&self, response: &TokenResponse) {
        if let Way::ByRefreshToken(renewal) = &self.way {
            renewal.adopt(response).await;
        }
    }

    pub(super) fn grantor(&self) -> &ProviderGrantor {
        match &self.way {
            Way::ByRefreshToken(renewal) => &renewal.grantor,
            Way::Alone(grantor) | Way::Regrant(grantor) | Way::Never(grantor) | Way::ByAccessToken(grantor, _) => {
                grantor
            }
        }
    }

    /// Says when to renew a credential that dies if nobody uses it. A token whose own end comes sooner is renewed for that.
    fn kept_alive(&self, response: TokenResponse) -> TokenResponse {
        let keep_alive = self.filled.method().renewal.keep_alive.filter(|_| !matches!(self.way, Way::Never(_)));
        let Some(keep_alive) = keep_alive else { return response };
        let due = match response.lifetime() {
            Lifetime::For(lifetime) => Some(lifetime - lifetime / 4),
            Lifetime::Unknown => None,
        };
        let sooner = [due, response.refresh_after()].into_iter().flatten().min();
        match sooner.is_none_or(|sooner| keep_alive < sooner) {
            true => response.refresh_in(keep_alive),
            false => response,
        }
    }

    /// The old token buys the next one.
    async fn by_access_token(&self, agreed: &Agreed, previous: &TokenResponse) -> Result<TokenResponse, TokenError> {
        let mut params = Params::default();
        params.push("token", previous.token().secret().clone());
        let grant = Grant {
            name: "access_token",
            target: Target::Refresh,
            grant_type: Some("refresh_token"),
            scope: &ScopeSet::default(),
            params,
            keep_refresh_token: true,
            single_use: false,
        };
        agreed.client.exchange(grant).await
    }

    /// Asks how long the token lives where only introspection tells (RFC 7662). A failure leaves the lifetime unknown.
    pub(super) async fn with_introspected_lifetime(
        &self,
        response: TokenResponse,
    ) -> Result<TokenResponse, TokenError> {
        let method = self.filled.method();
        if method.expires.kind != ExpiryKind::Introspect || response.lifetime() != Lifetime::Unknown {
            return Ok(response);
        }
        let asked = match &self.grantor().client {
            Some(client) => client.introspected_lifetime(response.token().secret()).await,
            None => Ok(None),
        };
        let found = match asked {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    "the lifetime of a token could not be asked; it is taken as unknown"
                );
                None
            }
        };
        let expires = &method.expires;
        Ok(match found.or(expires.default).map(|length| expires.max.map_or(length, |max| length.min(max))) {
            Some(length) => response.expires_in(length),
            None => response,
        })
    }
}

/// What was kept with a response.
pub(super) fn captured(response: &TokenResponse) -> BTreeMap<String, Secret> {
    response.extras().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}
