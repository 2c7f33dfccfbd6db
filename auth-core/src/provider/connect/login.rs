use std::fmt;

use http::Uri;

use super::captures::checked;
use super::client::{invalid, scopes};
use super::connection::{Connection, Held};
use super::known::Known;
use super::scope::Scope;
use crate::error::ConfigError;
use crate::oauth::{decode_form, encode_form};
use crate::provider::kind::{AuthKind, ResponseMode as Mode, UrlKey};
use crate::provider::model::ParamPlace;
use crate::{
    AuthorizationCallback, AuthorizationError, AuthorizationErrorKind, AuthorizationRequest, AuthorizationTransaction,
    ResponseMode, Secret, TokenResponse,
};

/// A person's login at a described provider: the authorization code flow as its description has it.
///
/// ```no_run
/// # async fn example(connection: tower_auth_core::Connection, query: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let login = connection.login("https://app.example.com/callback")?;
/// // Behind `/login`: keep the transaction, and redirect to the URL.
/// let started = login.start().await?;
/// // Behind the redirect URI.
/// login.finish(started.transaction, &login.callback(query)?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectionLogin {
    connection: Connection,
    request: AuthorizationRequest,
}

/// Where a person is sent, and what waits for the answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartedLogin {
    /// Where to send the person.
    pub url: String,
    /// What the answer is compared with. Keep it until then, in a [`TransactionStore`](crate::TransactionStore) for instance.
    pub transaction: AuthorizationTransaction,
}

/// The parameters of the authorization URL that a file may rename or drop.
const STANDARD: &[&str] =
    &["client_id", "scope", "redirect_uri", "state", "response_type", "code_challenge", "code_challenge_method"];

impl Connection {
    /// A login whose answer comes to `redirect_uri`.
    ///
    /// # Errors
    /// When the method is not `oauth2_code`, or a parameter of the description cannot be filled.
    pub fn login(&self, redirect_uri: impl Into<String>) -> Result<ConnectionLogin, ConfigError> {
        let (filled, clock) = (&self.0.filled, &self.0.clock);
        let method = filled.method();
        let client = match &self.0.held {
            Held::Cached { client: Some(client), .. } if method.kind() == AuthKind::OAuth2Code => client,
            _ => return Err(invalid("only a method of the kind oauth2_code sends a person to the provider")),
        };
        let redirect_uri = redirect_uri.into();
        let mut wanted = scopes(filled, clock).map_err(|error| invalid(error.to_string()))?;
        wanted.extend(self.0.scopes.iter().cloned());
        let scope = Scope::new(filled, clock)
            .with("redirect_uri", redirect_uri.as_str())
            .with("scopes", wanted.join(&method.token.scope_separator.to_string()));
        let mut request = AuthorizationRequest::new(client, redirect_uri).scopes(wanted);
        for (name, value) in &method.consent.params {
            let value = scope.param(name, &value.value).map_err(|error| invalid(error.to_string()))?;
            if name != "response_type" && !(method.token.skip_empty && value.is_empty()) {
                request = request.param(name.clone(), value.expose_secret());
            }
        }
        if !method.consent.pkce {
            request = request.without_pkce();
        }
        request = match method.consent.response_mode {
            Some(Mode::FormPost) => request.response_mode(ResponseMode::FormPost),
            Some(Mode::Query) => request.response_mode(ResponseMode::Query),
            Some(Mode::Fragment) => {
                return Err(invalid(
                    "an answer in the fragment of a URL never reaches a server: use query or form_post",
                ));
            }
            None => request,
        };
        Ok(ConnectionLogin { connection: self.clone(), request })
    }
}

impl ConnectionLogin {
    /// Changes an option of the request: the session that it is bound to, where the user goes afterwards, a login hint.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(AuthorizationRequest) -> AuthorizationRequest) -> Self {
        self.request = change(self.request);
        self
    }

    /// Makes the URL to send the person to, and the transaction that waits for the answer.
    ///
    /// # Errors
    /// Those of [`AuthorizationRequest::start`].
    pub async fn start(&self) -> Result<StartedLogin, AuthorizationError> {
        let started = self.request.start().await?;
        Ok(StartedLogin { url: self.rewritten(&started.url)?, transaction: started.transaction })
    }

    /// Reads the answer: the query of the request to the redirect URI, or the body of a `form_post`.
    ///
    /// # Errors
    /// Those of [`AuthorizationCallback::from_query`].
    pub fn callback(&self, query: &str) -> Result<AuthorizationCallback, AuthorizationError> {
        let named = &self.connection.0.filled.method().consent.code_param;
        let query = query.strip_prefix('?').unwrap_or(query);
        let names = &self.connection.0.filled.method().token.names;
        let state = names.name(ParamPlace::Authorize, "state").unwrap_or("state");
        let nameless = self.connection.0.filled.url_of(UrlKey::Issuer).is_none();
        let renamed = query.split('&').filter_map(|pair| match pair.split_once('=') {
            Some((name, value)) if name == named => Some(format!("code={value}")),
            Some((name, value)) if name == state => Some(format!("state={value}")),
            // What is so called by the standard is something else here. Which issuer the server is no description says, so that there
            // is nothing to compare its name with (RFC 9207 section 2.4).
            Some(("code" | "state", _)) => None,
            Some(("iss", _)) if nameless => None,
            _ => Some(pair.to_owned()),
        });
        AuthorizationCallback::from_query(&renamed.collect::<Vec<_>>().join("&"))
    }

    /// Compares the answer with the transaction, exchanges its code, and hands the tokens to the connection, with what the description
    /// keeps of the callback.
    ///
    /// # Errors
    /// Those of [`AuthorizationTransaction::finish`]. If only the persist step failed, its error is the source of an
    /// [`ExchangeFailed`](AuthorizationErrorKind::ExchangeFailed).
    ///
    /// # Cancel safety
    /// As [`AuthorizationTransaction::finish`]: dropping the future may lose the tokens.
    pub async fn finish(
        &self,
        transaction: AuthorizationTransaction,
        callback: &AuthorizationCallback,
    ) -> Result<TokenResponse, AuthorizationError> {
        let Held::Cached { client: Some(client), source, .. } = &self.connection.0.held else {
            return Err(AuthorizationError::new(AuthorizationErrorKind::Misconfigured, "there is no client"));
        };
        let mut kept = Vec::new();
        for (field, param) in &self.connection.0.filled.method().consent.capture {
            if let Some(value) = callback.param(param) {
                let value = checked(&self.connection.0.filled, field, value.clone()).map_err(exchange_failed)?;
                kept.push((field.clone(), value));
            }
        }
        let known = Known { token: None, captured: kept.iter().cloned().collect() };
        let exchange = async {
            let response = transaction.finish_by(client, callback, source.grantor()).await?;
            source.with_introspected_lifetime(response).await.map_err(exchange_failed)
        };
        let response = known.during(exchange).await?;
        let response = kept.into_iter().fold(response, |response, (name, value)| response.with_extra(name, value));
        self.connection.accept(response.clone()).await.map_err(exchange_failed)?;
        Ok(response)
    }

    /// The URL with the parameters as the description names and writes them.
    fn rewritten(&self, url: &Uri) -> Result<String, ConfigError> {
        let filled = &self.connection.0.filled;
        let method = filled.method();
        let names = &method.token.names;
        let renamed = STANDARD.iter().any(|name| names.name(ParamPlace::Authorize, name) != Some(*name));
        let response_type = method.consent.params.iter().find(|(name, _)| name == "response_type");
        let route = &method.consent.fragment_route;
        if !renamed && response_type.is_none() && !method.token.scope_raw && route.is_none() {
            return Ok(url.to_string());
        }
        let text = url.to_string();
        let (front, query) = text.split_once('?').unwrap_or((&text, ""));
        let pairs = decode_form(query.as_bytes(), 1000).ok_or_else(|| invalid("the authorization URL is broken"))?;
        let mut written = Vec::new();
        for (name, value) in &pairs {
            let value = match response_type {
                Some((_, own)) if name == "response_type" => Scope::new(filled, &self.connection.0.clock)
                    .param(name, &own.value)
                    .map_err(|error| invalid(error.to_string()))?,
                _ => Secret::from(value.as_str()),
            };
            let sent = if STANDARD.contains(&name.as_str()) {
                names.name(ParamPlace::Authorize, name)
            } else {
                Some(name.as_str())
            };
            let Some(sent) = sent else { continue };
            let value = value.expose_secret();
            let encoded = if name == "scope" && method.token.scope_raw {
                value.replace(' ', "%20").replace('&', "%26").replace('#', "%23")
            } else {
                encode_form(value).replace('+', "%20")
            };
            written.push(format!("{}={encoded}", encode_form(sent).as_str()));
        }
        let query = written.join("&");
        Ok(match route {
            Some(route) => format!("{front}#{}?{query}", route.trim_end_matches('?')),
            None => format!("{front}?{query}"),
        })
    }
}

fn exchange_failed(error: crate::TokenError) -> AuthorizationError {
    AuthorizationError::new(AuthorizationErrorKind::ExchangeFailed, "the tokens of the login are not usable")
        .with_source(error)
}

impl fmt::Debug for ConnectionLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLogin").field("connection", &self.connection).finish_non_exhaustive()
    }
}
