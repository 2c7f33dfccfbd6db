use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::Answer;
use super::captures::keep;
use super::client::{scopes, signed};
use super::known::Known;
use super::runner::{Runner, Task};
use super::scope::{Scope, unfillable};
use crate::oauth::{Grant, Grantor, OAuthClient, Once, Params, Target};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::AuthKind;
use crate::{Clock, ScopeSet, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse};

/// Obtains the first tokens, as the kind of the method has it, with the further steps that the provider wants.
pub(super) struct ProviderGrantor {
    pub(super) filled: Arc<FilledProvider>,
    /// Absent where nothing is asked: the assertion is the token.
    pub(super) client: Option<OAuthClient>,
    pub(super) runner: Runner,
    pub(super) clock: Clock,
    /// Chosen by the caller, beside those of the description.
    pub(super) chosen_scopes: Vec<String>,
    /// Of a static code.
    pub(super) code: Option<Once<Secret>>,
}

impl Grantor for ProviderGrantor {
    async fn obtain(&self, _: &SourceRequest) -> Result<TokenResponse, TokenError> {
        match &self.code {
            Some(code) => code.send(|code| self.ask(Some(code))).await,
            None => self.ask(None).await,
        }
    }

    fn is_repeatable(&self) -> bool {
        match self.filled.method().kind() {
            AuthKind::OAuth2Code => false,
            AuthKind::OAuth2StaticCode => self.code.as_ref().is_some_and(Once::is_left),
            _ => true,
        }
    }
}

impl ProviderGrantor {
    async fn ask(&self, code: Option<Secret>) -> Result<TokenResponse, TokenError> {
        let method = self.filled.method();
        let name = self.filled.spec().display_name();
        if method.kind() == AuthKind::OAuth2StaticCode && code.is_none() {
            let message = format!("the code of {name} is spent: a person must get a new one");
            return Err(TokenError::new(TokenErrorKind::Refused, message));
        }
        if method.kind() == AuthKind::OAuth2Code {
            let message = format!("nobody has signed in to {name} yet: a person must grant access first");
            return Err(TokenError::new(TokenErrorKind::Refused, message));
        }
        let assertion = match &method.assertion {
            Some(_) => Some(signed(&self.filled, &self.clock, &self.chosen_scopes)?),
            None => None,
        };
        let Some(client) = &self.client else {
            return assertion.ok_or_else(|| unfillable("the method", "it has no token URL"));
        };
        let mut params = self.params(code)?;
        if let (Some(assertion), AuthKind::OAuth2JwtBearer | AuthKind::Login) = (&assertion, method.kind()) {
            params.push("assertion", assertion.token().secret().clone());
        }
        let scope = self.scope()?;
        let grant = Grant {
            name: method.kind().as_str(),
            target: Target::Token,
            grant_type: grant_type(method.kind()),
            scope: &scope,
            params,
            keep_refresh_token: true,
            single_use: method.kind() == AuthKind::OAuth2StaticCode,
        };
        self.exchange(client, grant, assertion.as_ref().map(|response| response.token().secret().clone())).await
    }

    /// The token request with what follows it.
    async fn exchange(
        &self,
        client: &OAuthClient,
        grant: Grant<'_>,
        assertion: Option<Secret>,
    ) -> Result<TokenResponse, TokenError> {
        if self.filled.method().steps.is_empty() {
            return client.exchange(grant).await;
        }
        self.through_steps(client, grant, assertion).await
    }

    /// The token request, then the others; the last answer has the token.
    async fn through_steps(
        &self,
        client: &OAuthClient,
        grant: Grant<'_>,
        assertion: Option<Secret>,
    ) -> Result<TokenResponse, TokenError> {
        let method = self.filled.method();
        let answered = client.ask(&grant).await?;
        let first = Answer::new(&answered.response);
        let failed = method.response.error_when.as_ref().is_some_and(|when| first.holds(when));
        if failed || !first.status().is_success() {
            return Err(answered.refusal());
        }
        let known = Known::now();
        let joined = grant.scope.join(method.token.scope_separator);
        let (mut answers, mut kept) = (vec![first], BTreeMap::new());
        for (index, step) in method.steps.iter().enumerate() {
            let told: BTreeMap<_, _> = known.captured.clone().into_iter().chain(kept.clone()).collect();
            let scope = Scope::new(&self.filled, &self.clock).captured(&told).with("scopes", joined.as_str());
            let scope = answers.iter().fold(scope, Scope::step);
            let scope = match &assertion {
                Some(assertion) => scope.with("assertion", assertion.clone()),
                None => scope,
            };
            let task = Task {
                what: "next step of the login",
                spec: step,
                format: method.token.format,
                headers: scope.headers(&method.token.headers)?,
                credential: None,
                rules: &method.response,
                body: Vec::new(),
                base_path: None,
                hidden: answers.iter().flat_map(Answer::secrets).collect(),
                lenient: false,
            };
            let answer = self.runner.run(task, &scope).await?;
            let captured = keep(&self.filled, &answer, &step.capture)?;
            if index + 1 == method.steps.len() {
                kept.extend(captured);
                let response = answered.read_other(&grant, answer.response())?;
                return Ok(kept.into_iter().fold(response, |response, (name, value)| response.with_extra(name, value)));
            }
            answers.push(answer);
            kept.extend(captured);
        }
        Err(unfillable("the method", "it has no steps"))
    }

    fn params(&self, code: Option<Secret>) -> Result<Params, TokenError> {
        let mut params = Params::default();
        let names: &[&'static str] = match self.filled.method().kind() {
            AuthKind::OAuth2Password => &["username", "password"],
            _ => &[],
        };
        for name in names {
            if let Some(value) = self.filled.value(name) {
                params.push(*name, value.clone());
            }
        }
        if let Some(code) = code {
            params.push("code", code);
        }
        Ok(params)
    }

    fn scope(&self) -> Result<ScopeSet, TokenError> {
        if self.filled.method().kind() == AuthKind::Login {
            return Ok(ScopeSet::default());
        }
        let mut wanted = scopes(&self.filled, &self.clock)?;
        wanted.extend(self.chosen_scopes.iter().cloned());
        ScopeSet::new(&wanted).map_err(|error| {
            TokenError::new(TokenErrorKind::Misconfigured, "a scope of the description cannot be sent")
                .with_source(error)
        })
    }
}

#[cfg(feature = "authorization-code")]
impl crate::oauth::CodeExchange for ProviderGrantor {
    async fn exchange_code(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        match &self.client {
            Some(client) => self.exchange(client, grant, None).await,
            None => Err(unfillable("the method", "it has no token URL")),
        }
    }
}

fn grant_type(kind: AuthKind) -> Option<&'static str> {
    match kind {
        AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode => Some("authorization_code"),
        AuthKind::OAuth2ClientCredentials => Some("client_credentials"),
        AuthKind::OAuth2Password => Some("password"),
        AuthKind::OAuth2JwtBearer => Some("urn:ietf:params:oauth:grant-type:jwt-bearer"),
        _ => None,
    }
}
