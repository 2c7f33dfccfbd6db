use std::collections::HashMap;

use tower_auth::ValidateLayer;
use tower_auth_core::{ConfigError, ConfigErrorKind, Policy, Verifier};

use super::lifetime;
use super::method_path::{MethodPath, is_service_name};
use super::refusal::Refusals;

/// What each method demands: one [`ValidateLayer`] for each rule, so that verification is written once.
#[derive(Clone)]
pub(super) struct Policies {
    /// For methods without a rule, and where rules begin.
    standard: ValidateLayer,
    anonymous: ValidateLayer,
    /// By `/package.Service/Method`.
    methods: HashMap<String, Rule>,
    /// By `package.Service`.
    services: HashMap<String, Rule>,
    verifier: Verifier,
    lifetime: lifetime::Rule,
    refusals: Refusals,
}

#[derive(Clone)]
enum Rule {
    Demanding(ValidateLayer),
    Anonymous,
}

impl Policies {
    pub(super) fn new(verifier: Verifier) -> Self {
        let standard = ValidateLayer::new(verifier.clone());
        let anonymous = standard.clone().allow_missing();
        let (methods, services) = (HashMap::new(), HashMap::new());
        let (lifetime, refusals) = (lifetime::Rule::default(), Refusals::default());
        Self { standard, anonymous, methods, services, verifier, lifetime, refusals }
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// What happens to calls that outlive their credential.
    pub(super) fn lifetime(&self) -> &lifetime::Rule {
        &self.lifetime
    }

    /// What refusals tell.
    pub(super) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    #[cfg(feature = "error-details")]
    pub(super) fn refusals_mut(&mut self) -> &mut Refusals {
        &mut self.refusals
    }

    pub(super) fn lifetime_mut(&mut self) -> &mut lifetime::Rule {
        &mut self.lifetime
    }

    /// The most specific rule for a method.
    pub(super) fn of(&self, path: MethodPath<'_>) -> &ValidateLayer {
        match self.methods.get(path.as_str()).or_else(|| self.services.get(path.service())) {
            Some(Rule::Demanding(layer)) => layer,
            Some(Rule::Anonymous) => &self.anonymous,
            None => &self.standard,
        }
    }

    /// Adds demands to all that is not anonymous: to the rules that there are, and to those that come.
    pub(super) fn require(&mut self, policy: &Policy) -> Result<(), ConfigError> {
        self.standard = self.standard.clone().require(policy.clone())?;
        for layer in self.demanding() {
            *layer = layer.clone().require(policy.clone())?;
        }
        Ok(())
    }

    pub(super) fn add_method(&mut self, path: &str, policy: Policy) -> Result<(), ConfigError> {
        let rule = Rule::Demanding(self.standard.clone().require(policy)?);
        self.insert_method(path, rule)
    }

    pub(super) fn add_service(&mut self, name: &str, policy: Policy) -> Result<(), ConfigError> {
        let rule = Rule::Demanding(self.standard.clone().require(policy)?);
        self.insert_service(name, rule)
    }

    pub(super) fn add_anonymous(&mut self, method_or_service: &str) -> Result<(), ConfigError> {
        if method_or_service.starts_with('/') {
            self.insert_method(method_or_service, Rule::Anonymous)
        } else {
            self.insert_service(method_or_service, Rule::Anonymous)
        }
    }

    pub(super) fn strip_authorization(&mut self) {
        self.standard = self.standard.clone().strip_authorization();
        self.anonymous = self.anonymous.clone().strip_authorization();
        for layer in self.demanding() {
            *layer = layer.clone().strip_authorization();
        }
    }

    /// How many methods and services have a rule of their own.
    pub(super) fn rules(&self) -> usize {
        self.methods.len() + self.services.len()
    }

    fn demanding(&mut self) -> impl Iterator<Item = &mut ValidateLayer> {
        self.methods.values_mut().chain(self.services.values_mut()).filter_map(|rule| match rule {
            Rule::Demanding(layer) => Some(layer),
            Rule::Anonymous => None,
        })
    }

    fn insert_method(&mut self, path: &str, rule: Rule) -> Result<(), ConfigError> {
        if MethodPath::parse(path).is_none() {
            return Err(invalid(format!("{path:?} is not the path of a method: write /package.Service/Method")));
        }
        insert(&mut self.methods, path, rule)
    }

    fn insert_service(&mut self, name: &str, rule: Rule) -> Result<(), ConfigError> {
        if !is_service_name(name) {
            return Err(invalid(format!("{name:?} is not the name of a service: write package.Service")));
        }
        insert(&mut self.services, name, rule)
    }
}

fn insert(rules: &mut HashMap<String, Rule>, name: &str, rule: Rule) -> Result<(), ConfigError> {
    match rules.insert(name.to_owned(), rule) {
        None => Ok(()),
        Some(_) => Err(invalid(format!("{name:?} has two rules: keep one of them"))),
    }
}

fn invalid(message: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}
