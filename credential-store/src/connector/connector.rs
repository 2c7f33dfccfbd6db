use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{
    AuthMethod, ConfigError, ConfigErrorKind, ConfigErrors, ConnectionBuilder, FilledProvider, HttpClient,
    ProviderSpec, ProviderValues, Secret,
};

use super::{Limits, MethodFields, binding};
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::vault::Values;

/// A described provider with what its operator chose: client id and secret, scopes, environment.
///
/// ```
/// use tower_auth_core::{ProviderSpec, ProviderValues};
/// use tower_auth_store::Connector;
///
/// let spec = ProviderSpec::from_toml("id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkind = 'api_key'\n")?;
/// let connector = Connector::new(spec).values(ProviderValues::new()).description("Orders and invoices");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a connector does nothing until a store has it"]
pub struct Connector {
    spec: ProviderSpec,
    values: ProviderValues,
    description: Option<String>,
    scopes: Vec<String>,
    pace: Duration,
    http: Option<HttpClient>,
    change: Option<Arc<Change>>,
    #[cfg(feature = "dpop")]
    pub(super) binds: bool,
}

type Change = dyn Fn(ConnectionBuilder) -> ConnectionBuilder + Send + Sync;

impl Connector {
    /// The provider that `spec` describes. Values of the operator come from the environment of the process.
    pub fn new(spec: ProviderSpec) -> Self {
        Self {
            spec,
            values: ProviderValues::new(),
            description: None,
            scopes: Vec::new(),
            pace: Duration::from_millis(50),
            http: None,
            change: None,
            #[cfg(feature = "dpop")]
            binds: false,
        }
    }

    /// The operator's values, in place of the environment alone. Users are asked for none that stands here.
    pub fn values(mut self, values: ProviderValues) -> Self {
        self.values = values;
        self
    }

    /// What the connector is for, in one line, for people who choose.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Asks for these scopes instead of the description's default ones.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// How far apart token requests of the sweep are, in the whole fleet; 50 ms if not set. Requests that somebody waits for are not held up.
    pub fn pace(mut self, interval: Duration) -> Self {
        self.pace = interval;
        self
    }

    /// Sends requests to this provider by `http`: through a proxy, with a client certificate, with a header of its own.
    ///
    /// # Security
    /// Where users choose the host, such a client must keep them from private addresses itself.
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Changes every connection that is made: signers, plain `http` for tests, a timeout.
    pub fn connection(
        mut self,
        change: impl Fn(ConnectionBuilder) -> ConnectionBuilder + Send + Sync + 'static,
    ) -> Self {
        self.change = Some(Arc::new(change));
        self
    }

    /// The name of the connector: that of its description.
    #[must_use]
    pub fn id(&self) -> &str {
        self.spec.id()
    }

    /// The description.
    #[must_use]
    pub fn spec(&self) -> &ProviderSpec {
        &self.spec
    }

    /// What it is for, in one line.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Its methods, and which fields a user is asked for.
    pub fn methods(&self) -> impl Iterator<Item = MethodFields<'_>> {
        self.spec.methods().iter().map(|method| MethodFields::new(self, method))
    }

    /// The method called `key`; without a name the first.
    pub(crate) fn method(&self, key: Option<&str>) -> Result<&AuthMethod, StoreError> {
        let found = match key {
            Some(key) => self.spec.method(key),
            None => self.spec.methods().first(),
        };
        found.ok_or_else(|| {
            let known: Vec<_> = self.spec.methods().iter().map(AuthMethod::key).collect();
            let text = format!("{} has no such method, but: {}", self.spec.display_name(), known.join(", "));
            StoreError::new(StoreErrorKind::UnknownConnector, text)
        })
    }

    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.spec.is_given(&self.values, name)
    }

    pub(crate) fn pace_of(&self) -> Duration {
        self.pace
    }

    pub(crate) fn http(&self) -> Option<&HttpClient> {
        self.http.as_ref()
    }

    /// What a user gave, if the user may give it. All mistakes at once.
    pub(crate) fn accept(
        &self,
        method: &AuthMethod,
        environment: Option<&str>,
        given: BTreeMap<String, Secret>,
    ) -> Result<Values, StoreError> {
        let mut mistakes = Limits::check(&given);
        if !mistakes.is_empty() {
            return Err(StoreError::invalid(mistakes));
        }
        let fields = MethodFields::new(self, method);
        for name in given.keys() {
            // The operator's fields, the URLs and the choices of a description are not a user's to set: they decide where secrets go.
            if !fields.iter().any(|field| field.name() == name) {
                mistakes.push(FieldError::new(name, "there is no such field"));
            }
        }
        let mut environment = environment;
        if let Some(name) = environment {
            if self.is_given("environment") {
                mistakes.push(FieldError::new(
                    "environment",
                    "the environment of this connector is not a user's to choose",
                ));
                environment = None;
            } else if !self.spec.environments().any(|known| known == name) {
                mistakes.push(FieldError::new("environment", "there is no such environment"));
                environment = None;
            }
        }
        // A field that was left empty was not given.
        let known =
            |name: &String, value: &Secret| !value.is_empty() && fields.iter().any(|field| field.name() == name);
        let values = Values(given.into_iter().filter(|(name, value)| known(name, value)).collect());
        if let Err(errors) = self.try_fill(method.key(), environment, &values, false) {
            // What no user is asked for no user can mend.
            let is_operators = |key: &str| {
                matches!(key, "auth" | "environment" | "client_auth")
                    || method.field(key).is_some_and(|field| fields.iter().all(|asked| asked.name() != field.name()))
            };
            let operators = errors.iter().map(|mistake| mistake.key()).find(|key| is_operators(key));
            if let Some(key) = operators.map(str::to_owned) {
                return Err(self.unset(&key, errors));
            }
            mistakes.extend(FieldError::of(&errors));
        }
        match mistakes.is_empty() {
            true => self.with_key(values),
            false => Err(StoreError::invalid(mistakes)),
        }
    }

    /// A value of the operator that is missing or does not fit. Its name is for logs.
    fn unset(&self, key: &str, errors: ConfigErrors) -> StoreError {
        tracing::error!(connector = self.id(), key, "a connector is not set up");
        StoreError::new(StoreErrorKind::Misconfigured, "the connector is not set up: an operator must look")
            .because(Some("connector_not_set_up".to_owned()))
            .with_source(errors)
    }

    /// The provider with the operator's and the user's values.
    pub(crate) fn fill(
        &self,
        method: &str,
        environment: Option<&str>,
        given: &Values,
    ) -> Result<FilledProvider, StoreError> {
        self.try_fill(method, environment, given, false).map_err(|errors| StoreError::unfit(&errors))
    }

    /// The same for values that were accepted before, without those that are good once. If they do not fit any more, the description or the
    /// operator's values have changed.
    pub(crate) fn refill(
        &self,
        method: &str,
        environment: Option<&str>,
        given: &Values,
    ) -> Result<FilledProvider, StoreError> {
        let key = |errors: &ConfigErrors| errors.iter().next().map_or("", |mistake| mistake.key()).to_owned();
        self.try_fill(method, environment, given, true).map_err(|errors| self.unset(&key(&errors), errors))
    }

    fn try_fill(
        &self,
        method: &str,
        environment: Option<&str>,
        given: &Values,
        resumed: bool,
    ) -> Result<FilledProvider, ConfigErrors> {
        let mut values = self.values.clone().value("auth", method);
        if let Some(environment) = environment {
            values = values.value("environment", environment);
        }
        for (name, value) in given.0.iter().filter(|(name, _)| !binding::is_own(name)) {
            values = values.value(name.clone(), value.clone());
        }
        if resumed {
            values = values.resumed();
        }
        self.spec.fill(&values)
    }

    /// A connection to be, with what the operator chose. `timeout` is for descriptions that say nothing.
    pub(crate) fn connect(&self, filled: FilledProvider, timeout: Duration) -> ConnectionBuilder {
        let timeout = filled.method().timeout().unwrap_or(timeout);
        let builder = filled.connect().scopes(self.scopes.iter().cloned()).timeout(timeout);
        match &self.change {
            Some(change) => change(builder),
            None => builder,
        }
    }
}

/// The connectors of a store, by id.
#[derive(Clone, Default)]
pub(crate) struct Connectors(Arc<BTreeMap<String, Connector>>);

impl Connectors {
    pub(crate) fn new(list: Vec<Connector>) -> Result<Self, ConfigError> {
        let mut all = BTreeMap::new();
        for connector in list {
            let id = connector.id().to_owned();
            if all.insert(id.clone(), connector).is_some() {
                let text = format!("there are two connectors with the id {id}");
                return Err(ConfigError::new(ConfigErrorKind::InvalidOption, text));
            }
        }
        Ok(Self(Arc::new(all)))
    }

    pub(crate) fn get(&self, id: &str) -> Result<&Connector, StoreError> {
        let unknown = || StoreError::new(StoreErrorKind::UnknownConnector, "there is no such connector");
        self.0.get(id).ok_or_else(unknown)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connector> {
        self.0.values()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("id", &self.id()).finish_non_exhaustive()
    }
}
