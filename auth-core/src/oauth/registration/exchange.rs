use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::{ClientRegistration, RegisteredClient};
use crate::clock::race;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Endpoint, HttpClient, retry_after};
use crate::oauth::answer::Answer;
use crate::oauth::limit::Limit;
use crate::oauth::metadata::unreachable;
use crate::oauth::redact::Redactor;
use crate::oauth::response::MAX_ANSWER;
use crate::oauth::{ClientAuth, ServerEndpoint, ServerMetadata};
use crate::{Origin, Secret, TokenError, TokenErrorKind};

/// How much of a server's own words is shown, in characters.
const MAX_CODE: usize = 60;
const MAX_DESCRIPTION: usize = 200;

impl ClientRegistration {
    /// Registers a new client at the server that `metadata` describes.
    pub(in crate::oauth) async fn register_at(
        &self,
        metadata: &ServerMetadata,
    ) -> Result<RegisteredClient, TokenError> {
        let endpoint = metadata
            .usable(ServerEndpoint::Registration, false, &self.allowed().map_err(misconfigured)?)
            .map_err(misconfigured)?;
        let Some(endpoint) = endpoint else {
            let message = format!("the metadata of {:?} names no registration endpoint", metadata.issuer());
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        };
        let body = self.body().map_err(misconfigured)?;
        let redactor = Redactor::default().and(self.secrets());
        let response = self.ask(Method::POST, endpoint, body, self.initial_token.as_ref(), &redactor).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => self.read_answer(metadata.issuer(), endpoint, &response),
            _ => Err(self.refusal(endpoint.site(), &response, &redactor)),
        }
    }

    pub(super) async fn read_again(&self, client: &RegisteredClient) -> Result<RegisteredClient, TokenError> {
        let (endpoint, response, redactor) = self.manage(Method::GET, client).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(endpoint.site(), &response, &redactor));
        }
        let mut read = self.read_answer(&client.issuer, &endpoint, &response)?;
        if read.client_id != client.client_id {
            return Err(unusable(endpoint.site(), "is that of another client"));
        }
        // What the server leaves out has not changed.
        read.secret = read.secret.or_else(|| client.secret.clone());
        read.access_token = read.access_token.or_else(|| client.access_token.clone());
        read.management = read.management.or(Some(endpoint));
        Ok(read)
    }

    pub(super) async fn end(&self, client: &RegisteredClient) -> Result<(), TokenError> {
        let (endpoint, response, redactor) = self.manage(Method::DELETE, client).await?;
        match response.status() {
            StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
            _ => Err(self.refusal(endpoint.site(), &response, &redactor)),
        }
    }

    async fn manage(
        &self,
        method: Method,
        client: &RegisteredClient,
    ) -> Result<(Endpoint, Response<Bytes>, Redactor), TokenError> {
        let (Some(endpoint), Some(token)) = (&client.management, &client.access_token) else {
            let message = "the server gave neither a URL nor a token to manage the registration with";
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        };
        let redactor = Redactor::default().and([token.clone()]);
        let response = self.ask(method, endpoint, Vec::new(), Some(token), &redactor).await?;
        Ok((endpoint.clone(), response, redactor))
    }

    async fn ask(
        &self,
        method: Method,
        endpoint: &Endpoint,
        body: Vec<u8>,
        token: Option<&Secret>,
        redactor: &Redactor,
    ) -> Result<Response<Bytes>, TokenError> {
        let limit = Limit::new(&self.clock, self.timeout);
        let mut request = Request::new(Bytes::from(body));
        *request.uri_mut() = endpoint.uri().clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = token {
            let value = format!("Bearer {}", token.expose_secret());
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                let message = "the access token of the registration has a character that cannot be sent";
                misconfigured(ConfigError::new(ConfigErrorKind::InvalidCredential, message))
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        *request.method_mut() = method;
        let site = endpoint.site();
        match race(self.http().map_err(misconfigured)?.send(request), limit.passed()).await {
            Some(Ok(response)) if response.headers().contains_key(CONTENT_ENCODING) => {
                Err(unusable(site, "is compressed, which nobody asked for"))
            }
            Some(Ok(response)) if response.body().len() > MAX_ANSWER => Err(unusable(site, "has more than 64 KiB")),
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => {
                Err(unreachable(&format!("the client cannot be registered at {site}"), &*error, redactor))
            }
            None => {
                let message = format!("{site} did not answer within {:?}", self.timeout);
                Err(TokenError::new(TokenErrorKind::TimedOut, message))
            }
        }
    }

    #[cfg(feature = "http")]
    fn http(&self) -> Result<HttpClient, ConfigError> {
        match &self.http {
            Some(http) => Ok(http.clone()),
            None => crate::http::HttpTransport::new()
                .plaintext(self.plaintext.clone())
                .clock(self.clock.clone())
                .total_timeout(self.timeout)
                .max_body(MAX_ANSWER)
                .build(),
        }
    }

    #[cfg(not(feature = "http"))]
    fn http(&self) -> Result<HttpClient, ConfigError> {
        self.http.clone().ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::MissingOption,
                "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
            )
        })
    }

    fn allowed(&self) -> Result<Vec<Origin>, ConfigError> {
        self.origins.iter().map(|origin| origin.parse()).collect()
    }

    /// The client in an answer (RFC 7591 section 3.2.1). The server may have decided otherwise than it was asked.
    fn read_answer(
        &self,
        issuer: &str,
        endpoint: &Endpoint,
        response: &Response<Bytes>,
    ) -> Result<RegisteredClient, TokenError> {
        let site = endpoint.site();
        let answer = Answer::from_json(response.body())
            .map_err(|_| unusable(site, "is something else than a well-formed JSON object"))?;
        let client_id = answer.text("client_id").ok_or_else(|| unusable(site, "has no client_id"))?;
        let mut client = self.blank(issuer, client_id.as_str().to_owned());
        if let Some(method) = answer.text("token_endpoint_auth_method") {
            client.auth = self.decided(&method).ok_or_else(|| {
                unusable(site, "gives the client a way to authenticate that it did not ask for and does not have")
            })?;
        }
        client.secret = answer.secret("client_secret");
        let needs_secret = matches!(
            client.auth,
            ClientAuth::Basic | ClientAuth::BasicRaw | ClientAuth::Body | ClientAuth::Both | ClientAuth::SecretJwt
        );
        if needs_secret && client.secret.is_none() && response.status() == StatusCode::CREATED {
            return Err(unusable(site, "has no client_secret"));
        }
        // Zero is never.
        let expires = answer.number_text("client_secret_expires_at").and_then(|text| text.parse::<u64>().ok());
        client.secret_expires_at = expires
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        client.access_token = answer.secret("registration_access_token");
        if let Some(url) = answer.text("registration_client_uri") {
            client.management = Some(self.management(issuer, &url).map_err(misconfigured)?);
        }
        Ok(client)
    }

    /// What the server calls `method`, if this client can do it.
    fn decided(&self, method: &str) -> Option<ClientAuth> {
        if self.auth.registered_names().contains(&method) {
            return Some(self.auth);
        }
        match method {
            "client_secret_basic" => Some(ClientAuth::Basic),
            "client_secret_post" => Some(ClientAuth::Body),
            "none" => Some(ClientAuth::None),
            #[cfg(feature = "jwt")]
            "client_secret_jwt" => Some(ClientAuth::SecretJwt),
            _ => None,
        }
    }

    /// Where the registration's access token may be sent: an origin of the issuer, or one that was allowed.
    fn management(&self, issuer: &str, url: &str) -> Result<Endpoint, ConfigError> {
        let rules = self.plaintext.rules()?;
        let endpoint = Endpoint::parse("client registration (registration_client_uri)", url, &rules)?;
        let own = issuer.parse().ok().and_then(|uri| Origin::of(&uri));
        if own.iter().chain(&self.allowed()?).any(|origin| origin.matches(endpoint.uri())) {
            return Ok(endpoint);
        }
        let message = format!(
            "the registration_client_uri is on another origin than the issuer, {}: allow that origin if it is right",
            endpoint.site()
        );
        Err(ConfigError::new(ConfigErrorKind::InvalidOrigin, message))
    }

    /// What an answer means that is no success (RFC 7591 section 3.2.2).
    fn refusal(&self, site: &str, response: &Response<Bytes>, redactor: &Redactor) -> TokenError {
        let status = response.status();
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => TokenErrorKind::Throttled,
            StatusCode::REQUEST_TIMEOUT => TokenErrorKind::ServerError,
            _ if status.is_server_error() => TokenErrorKind::ServerError,
            _ if status.is_success() => TokenErrorKind::Unparsable,
            _ => TokenErrorKind::Misconfigured,
        };
        let failure = Answer::from_json(response.body()).ok().and_then(|answer| answer.failure());
        let mut message = format!("{site} refused the registration (status {}", status.as_u16());
        if let Some(failure) = &failure {
            message.push_str(&format!(", {}", redactor.clean(&failure.code, MAX_CODE)));
            if let Some(description) = &failure.description {
                let description = redactor.clean(description, MAX_DESCRIPTION).replace('"', "'");
                message.push_str(&format!(": \"{description}\""));
            }
        }
        message.push(')');
        if status == StatusCode::UNAUTHORIZED {
            message.push_str(": it wants a valid access token");
        }
        let mut error = TokenError::new(kind, message).with_status(status.as_u16());
        if let Some(failure) = failure {
            error = error.with_oauth_error(&redactor.clean(&failure.code, MAX_CODE));
        }
        match retry_after(response.headers(), self.clock.wall()) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

fn unusable(site: &str, what: &str) -> TokenError {
    TokenError::new(TokenErrorKind::Unparsable, format!("the registration that {site} answered with {what}"))
}

fn misconfigured(error: ConfigError) -> TokenError {
    TokenError::new(TokenErrorKind::Misconfigured, "the client cannot be registered").with_source(error)
}
