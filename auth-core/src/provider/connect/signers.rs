use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::client::invalid;
use super::http_signature::HttpSignature;
use super::scope::Scope;
#[cfg(feature = "sign-aws")]
use crate::AwsSigner;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::provider::kind::SignerKind;
use crate::provider::model::Signer;
use crate::{Clock, Credential, Secret};

/// Makes the signers of descriptions: those that are built in, and those that the program registered.
#[derive(Clone, Default)]
pub(super) struct Signers {
    custom: BTreeMap<String, Arc<MakeSigner>>,
}

type MakeSigner = dyn Fn(&BTreeMap<String, Secret>) -> Result<Credential, ConfigError> + Send + Sync;

impl Signers {
    pub(super) fn register(
        &mut self,
        name: String,
        make: impl Fn(&BTreeMap<String, Secret>) -> Result<Credential, ConfigError> + Send + Sync + 'static,
    ) {
        self.custom.insert(name, Arc::new(make));
    }

    /// Whether there is such a signer at all.
    ///
    /// # Errors
    /// When it is a custom one that nobody registered, or when its feature is off.
    pub(super) fn check(&self, signer: &Signer) -> Result<(), ConfigError> {
        match signer.kind {
            SignerKind::Custom => self.custom(signer).map(|_| ()),
            SignerKind::AwsSigV4 if !cfg!(feature = "sign-aws") => Err(without_aws()),
            SignerKind::AwsSigV4 | SignerKind::HttpSignature => Ok(()),
        }
    }

    /// The signer with its values.
    pub(super) fn make(&self, signer: &Signer, scope: &Scope<'_>, clock: &Clock) -> Result<Credential, ConfigError> {
        let mut params = BTreeMap::new();
        for (name, template) in &signer.params {
            let value = scope.filling().text(&template.value);
            let value = value.map_err(|why| invalid(format!("{name} of the signer cannot be filled: {why}")))?;
            params.insert(name.clone(), value);
        }
        match signer.kind {
            SignerKind::AwsSigV4 => aws(&params, clock),
            SignerKind::HttpSignature => {
                let algorithm = signer.algorithm.unwrap_or_default();
                let [id, key] = ["key_id", "key"].map(|name| params.remove(name).unwrap_or_else(|| Secret::new("")));
                let signature = HttpSignature::new(algorithm, &id, &key, &signer.headers, clock.clone())?;
                Ok(Credential::signer(signature))
            }
            SignerKind::Custom => {
                let made = (self.custom(signer)?)(&params)?;
                if made.is_signer() {
                    return Ok(made);
                }
                let name = signer.name.as_deref().unwrap_or_default();
                Err(invalid(format!(
                    "the signer {name:?} made a credential that signs nothing: use `Credential::signer`"
                )))
            }
        }
    }

    fn custom(&self, signer: &Signer) -> Result<&MakeSigner, ConfigError> {
        let name = signer.name.as_deref().unwrap_or_default();
        self.custom.get(name).map(|make| &**make).ok_or_else(|| {
            let message = format!(
                "the description signs requests with {name:?}, which is code: register it with `ConnectionBuilder::signer`"
            );
            ConfigError::new(ConfigErrorKind::MissingOption, message)
        })
    }
}

#[cfg(feature = "sign-aws")]
fn aws(params: &BTreeMap<String, Secret>, clock: &Clock) -> Result<Credential, ConfigError> {
    let text = |name: &str| params.get(name).map(|value| value.expose_secret().to_owned()).unwrap_or_default();
    let secret = params.get("secret_access_key").cloned().unwrap_or_else(|| Secret::new(""));
    let signer = AwsSigner::new(text("region"), text("service"), text("access_key_id"), secret).clock(clock.clone());
    match params.get("session_token").filter(|token| !token.is_empty()) {
        Some(token) => signer.session_token(token.clone()).build(),
        None => signer.build(),
    }
}

#[cfg(not(feature = "sign-aws"))]
fn aws(_: &BTreeMap<String, Secret>, _: &Clock) -> Result<Credential, ConfigError> {
    Err(without_aws())
}

fn without_aws() -> ConfigError {
    ConfigError::new(
        ConfigErrorKind::MissingOption,
        "the description signs requests with aws_sigv4: enable the feature `sign-aws`",
    )
}

impl fmt::Debug for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.custom.keys()).finish()
    }
}
