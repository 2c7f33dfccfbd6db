use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{
    AuthMethod, ConfigError, ConfigErrorKind, ConnectionBuilder, FilledProvider, HttpClient, ProviderSpec,
    ProviderValues, Secret,
};

use super::MethodFields;
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
        let fields = MethodFields::new(self, method);
        let mut mistakes = Vec::new();
        for name in given.keys() {
            // The operator's fields, the URLs and the choices of a description are not a user's to set: they decide where secrets go.
            if !fields.iter().any(|field| field.name() == name) {
                mistakes.push(FieldError::new(name, "there is no such field"));
            }
        }
        if let Some(name) = environment {
            if !self.spec.environments().any(|known| known == name) {
                mistakes.push(FieldError::new("environment", "there is no such environment"));
            }
        }
        // A field that was left empty was not given.
        let values = Values(given.into_iter().filter(|(_, value)| !value.is_empty()).collect());
        if !mistakes.is_empty() {
            return Err(StoreError::invalid(mistakes));
        }
        match self.fill(method.key(), environment, &values, false) {
            Ok(_) => Ok(values),
            Err(error) => Err(error),
        }
    }

    /// The provider with the operator's and the user's values.
    pub(crate) fn fill(
        &self,
        method: &str,
        environment: Option<&str>,
        given: &Values,
        resumed: bool,
    ) -> Result<FilledProvider, StoreError> {
        let mut values = self.values.clone().value("auth", method);
        if let Some(environment) = environment {
            values = values.value("environment", environment);
        }
        for (name, value) in &given.0 {
            values = values.value(name.clone(), value.clone());
        }
        if resumed {
            values = values.resumed();
        }
        self.spec.fill(&values).map_err(|errors| StoreError::unfit(&errors))
    }

    /// A connection to be, with what the operator chose.
    pub(crate) fn connect(&self, filled: FilledProvider) -> ConnectionBuilder {
        let builder = filled.connect().scopes(self.scopes.iter().cloned());
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
