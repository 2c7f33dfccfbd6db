use std::sync::Arc;

use tower_auth::core::{ConfigErrors, FilledProvider, ProviderSpec, ProviderValues, Secret};

use crate::args::Args;
use crate::explain;
use crate::failure::Failure;

/// Looks up environment variables.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the values of fields are called that come from the command line.
pub(crate) const PROGRAM: &str = "the program";

/// Where a run finds its values.
pub(crate) struct Sources<'a> {
    pub(crate) spec: &'a ProviderSpec,
    pub(crate) args: &'a Args,
    pub(crate) environment: &'a Environment,
}

impl Sources<'_> {
    /// Looks every value up, without those that an earlier run has used up.
    pub(crate) async fn resumed(&self) -> Result<FilledProvider, Failure> {
        self.fill(self.values()?.resumed()).await
    }

    /// Looks every value up; `code` is one that somebody has typed in.
    pub(crate) async fn first(&self, code: Option<Secret>) -> Result<FilledProvider, Failure> {
        let values = self.values()?;
        self.fill(match code {
            Some(code) => values.value("code", code),
            None => values,
        })
        .await
    }

    async fn fill(&self, values: ProviderValues) -> Result<FilledProvider, Failure> {
        self.spec.fill(&values.run_commands().await).map_err(|errors| mistakes(&errors))
    }

    fn values(&self) -> Result<ProviderValues, Failure> {
        let environment = Arc::clone(self.environment);
        let mut values = ProviderValues::new().env(move |name| environment(name));
        if let Some(file) = &self.args.values {
            values = values.file(file);
        }
        for (name, value) in [("auth", &self.args.auth), ("environment", &self.args.environment)] {
            if let Some(value) = value {
                values = values.value(name, value.as_str());
            }
        }
        for (name, value) in &self.args.set {
            let mut fields = self.spec.methods().iter().filter_map(|method| method.field(name));
            if fields.any(|field| field.is_secret()) {
                return Err(Failure::usage(format!(
                    "--set {name}: this field is secret, and a command line can be read by every user of the machine; set the \
                     environment variable {}, or write {name} = {{ file = \"…\" }} into a values file",
                    self.spec.variable(name)
                )));
            }
            values = values.value(name.as_str(), value.as_str());
        }
        Ok(values)
    }
}

/// Every mistake on a line of its own, with what revealed it.
pub(crate) fn mistakes(errors: &ConfigErrors) -> Failure {
    Failure::usage(errors.iter().map(|mistake| explain::chain(mistake)).collect::<Vec<_>>().join("\n"))
}
