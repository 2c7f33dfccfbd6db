use std::fmt;
use std::path::Path;

use http::HeaderName;
use serde::de::{Deserialize, Deserializer};

#[cfg(feature = "introspection")]
use super::introspection::IntrospectionSpec;
use super::issuer::IssuerSpec;
use super::written::Written;
use crate::Clock;
use crate::config::{At, Lookup, Node, Notes, Reader};
use crate::error::{ConfigError, ConfigErrorKind, ConfigErrors, ConfigMistake};
use crate::http::{Dangerous, HttpClient};
use crate::verify::{ApiKeyVerifier, BasicVerifier, Verifier};

/// Whose credentials are accepted, as an operator describes it: a part of a service's own configuration, in TOML, JSON
/// or anything else that serde reads.
///
/// ```
/// use tower_auth_core::VerifierSpec;
///
/// let spec = VerifierSpec::from_toml(r#"
///     realm = "orders"
///
///     [[issuer]]
///     url = "https://login.example.com"
///     audience = ["orders"]
///     profile = "rfc9068"                  # or "generic", or a preset's name
///     algorithms = ["RS256", "ES256"]      # default: every asymmetric one
///
///     [[issuer]]
///     profile = "entra-v2"
///     tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
///     audience = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
///
///     [[basic]]
///     user = "batch"
///     password = { env = "BATCH_PASSWORD" }
///
///     [[api_key]]
///     id = "partner-1"
///     digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/// "#);
/// # #[cfg(feature = "http")] {
/// let verifier = spec.env(|name| (name == "BATCH_PASSWORD").then(|| "s3cret".to_owned())).build()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigErrors>(())
/// ```
///
/// | key | meaning |
/// |---|---|
/// | `realm` | the realm of every challenge; default `api` |
/// | `issuer[].url` | the issuer, exactly as it writes its `iss`; with an open part, `https://login.example.com/{tenant}`, every issuer of that shape that `only` names |
/// | `issuer[].only` | what may stand in the open part, a text or a list; `*` for anything, see [`TrustedIssuers::any`](crate::TrustedIssuers::any) |
/// | `issuer[].jwks_url` | where its keys are; default: where its metadata says |
/// | `issuer[].audience` | our names, a text or a list |
/// | `issuer[].profile` | `rfc9068` (default), `generic`, or the name of a [preset](crate::Preset), whose parameters are keys too: they make the URL, unless it is written |
/// | `issuer[].algorithms` | default: those of the preset, or every asymmetric one |
/// | `issuer[].scope_claims` | which claims may hold the scopes; default: as the preset has it, or `scope`, then `scp` |
/// | `issuer[].roles_claim` | which claims hold the roles, a text or a list: names or JSON pointers |
/// | `issuer[].role_map` | a table: what a role of a token is called here, a text or a list |
/// | `issuer[].subject_claim`, `.client_id_claim` | which claims may hold the subject and the client, a text or a list |
/// | `issuer[].require` | a table: what a claim must be, a text or a list of alternatives |
/// | `issuer[].leeway` | how far clocks may be apart; default 60 s |
/// | `issuer[].memo`, `.memo_capacity`, `.memo_digests_only` | how long verdicts are remembered (0: not at all), how many, and whether as digests |
/// | `introspection[]` | where tokens are looked up that are no JWTs of these issuers (RFC 7662); feature `introspection` |
/// | `.url` | the endpoint |
/// | `.issuer` | whose metadata names the endpoint if there is no `url`, and whose tokens it knows |
/// | `.auth` | how requests are authenticated: `basic` (default), `basic_raw`, `body`, `both`, `auto`, `none`, `client_secret_jwt`, `private_key_jwt`, `bearer` |
/// | `.client_id`, `.client_secret` | the client that asks, and where its secret is; a file is read again when it changes |
/// | `.private_key`, `.algorithm`, `.key_id` | of `private_key_jwt`: a PKCS#8 key in PEM, what it signs with, how the server knows it |
/// | `.bearer_token` | of `bearer`: a token that does not end, or a file whose token somebody else replaces |
/// | `.audience` | our names, a text or a list |
/// | `.allow_missing_audience` | true: accepts answers that do not say for whom the token is |
/// | `.dangerous_any_audience` | true, in place of `audience`: accepts tokens for whomever they are |
/// | `.scope_claims`, `.roles_claim`, `.subject_claims` | which members hold the scopes, the roles, the subject |
/// | `.token_prefix` | how the tokens begin that it is asked about, a text or a list |
/// | `.cache`, `.refusal_cache` | how long what was accepted (default: not at all) and refused (default 3 s) is remembered |
/// | `.timeout`, `.leeway`, `.max_in_flight`, `.max_per_second` | as the options of `IntrospectionVerifier` |
/// | `basic[].user`, `.password` | a user, and where the password is: `{ env = … }`, `{ file = … }` or `{ value = … }` |
/// | `.password_hash` | in place of `password`: where the hash is, see `PasswordHash`; feature `password-hash` |
/// | `.subject`, `.scopes`, `.roles` | of a user with a hash: who that is (default: the user-id), and what is granted |
/// | `htpasswd.file` | the users of a password file; feature `password-hash` |
/// | `htpasswd.dangerous_allow_weak_hashes` | true: reads MD5, SHA-1 and SHA-crypt too |
/// | `api_key[].id`, `.digest` | an API key by its SHA-256, see [`ApiKeyVerifier::digest`] |
/// | `.subject`, `.scopes`, `.roles` | whose key it is (default: its id), and what is granted |
/// | `.not_after` | the last moment at which it is good, such as `2027-01-31T23:59:59Z` |
/// | `api_key_header` | the header that API keys are in; default `X-API-Key` |
/// | `api_key_prefix` | what every API key begins with; all others are refused, see [`ApiKeyVerifier::prefix`] |
/// | `dpop.base_url` | the URL that clients know this service by, a text or a list: tokens with DPoP proofs are accepted (RFC 9449); feature `dpop` |
/// | `.required`, `.require_nonce` | true: no token without a proof, or proof without a nonce, is accepted |
/// | `.algorithms`, `.max_age`, `.leeway`, `.nonce_lifetime`, `.replay_capacity` | as the options of `DpopProofs` |
/// | `.nonce_secret` | where the secret is that all replicas make nonces with |
/// | `certificate_header.form` | the header that a proxy passes its client's certificate on in (RFC 8705): `client_cert` (default), `escaped_pem` or `envoy` |
/// | `.name` | of `escaped_pem`: the header's name |
/// | `.trusted_proxies` | the networks of such proxies; of nobody else the header counts |
///
/// Unknown keys are mistakes. All mistakes are found by [`build`](Self::build), at once.
#[must_use = "a description does nothing before `build`"]
pub struct VerifierSpec {
    read: Written,
    /// What is wrong with how it was written.
    mistakes: Vec<ConfigMistake>,
    file: Option<String>,
    env: Option<Box<Lookup>>,
    http: Option<HttpClient>,
    clock: Clock,
    loopback: bool,
    plaintext: Vec<String>,
}

impl VerifierSpec {
    /// Reads a TOML text. What is wrong with it is reported by [`build`](Self::build).
    pub fn from_toml(text: &str) -> Self {
        Self::from_toml_beside(text, &[])
    }

    /// As [`from_toml`](Self::from_toml), for a file in which the sections named by `others` are somebody else's.
    ///
    /// ```
    /// use tower_auth_core::VerifierSpec;
    ///
    /// let text = "[server]\nlisten = '127.0.0.1:0'\n[[basic]]\nuser = 'a'\npassword = { value = 'b' }";
    /// assert!(VerifierSpec::from_toml(text).build().is_err());
    /// assert!(VerifierSpec::from_toml_beside(text, &["server"]).build().is_ok());
    /// ```
    pub fn from_toml_beside(text: &str, others: &[&'static str]) -> Self {
        match Node::from_toml(text, None) {
            Ok(node) => Self::from_node(&node, others),
            Err((line, message)) => Self::broken(line, ConfigError::new(ConfigErrorKind::InvalidOption, message)),
        }
    }

    /// Reads a JSON text. What is wrong with it is reported by [`build`](Self::build), with lines as for TOML.
    pub fn from_json(text: &str) -> Self {
        match Node::from_json_text(text, None) {
            Ok(node) => Self::from_node(&node, &[]),
            Err((line, message)) => Self::broken(line, ConfigError::new(ConfigErrorKind::InvalidOption, message)),
        }
    }

    /// Reads a TOML file. What is wrong with it, also that it cannot be read, is reported by [`build`](Self::build).
    pub fn from_toml_file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let spec = match std::fs::read_to_string(path) {
            Ok(text) => Self::from_toml(&text),
            Err(error) => {
                let mistake = ConfigError::new(ConfigErrorKind::MissingOption, "the file cannot be read");
                Self::broken(None, mistake.with_source(error))
            }
        };
        Self { file: Some(path.display().to_string()), ..spec }
    }

    /// Looks environment variables up by `lookup` instead of in the environment of the process.
    pub fn env(mut self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env = Some(Box::new(lookup));
        self
    }

    /// Fetches metadata and keys by `http`; see [`JwtVerifier::http_client`](crate::JwtVerifier::http_client).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Allows issuers over plain `http` on a literal loopback address.
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// The verifier of everything that is described.
    ///
    /// # Errors
    /// Every mistake there is: keys that do not exist, values of the wrong type, secrets that cannot be read, and
    /// whatever the parts find wrong; see [`JwtVerifier::build`](crate::JwtVerifier::build), [`BasicVerifier::build`] and
    /// [`ApiKeyVerifier::build`].
    pub fn build(mut self) -> Result<Verifier, ConfigErrors> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        let mut verifiers = Vec::new();
        for issuer in &self.read.issuers {
            match self.issuer(issuer) {
                Ok(verifier) => verifiers.push(verifier),
                Err(error) => mistakes.push(issuer.at.mistake(error)),
            }
        }
        #[cfg(feature = "introspection")]
        for endpoint in &self.read.introspection {
            match self.introspection(endpoint) {
                Ok(verifier) => verifiers.push(verifier),
                Err(error) => mistakes.push(endpoint.at.mistake(error)),
            }
        }
        verifiers.extend(self.users(&mut mistakes));
        verifiers.extend(self.api_keys(&mut mistakes));
        let error = match Verifier::any_of(verifiers) {
            Ok(verifier) => {
                let verifier = self.bound(verifier, &mut mistakes);
                if mistakes.is_empty() {
                    return Ok(verifier);
                }
                None
            }
            Err(error) => Some(error),
        };
        // That nothing is left after mistakes is no news.
        let whole = error.filter(|error| mistakes.is_empty() || error.kind() != ConfigErrorKind::MissingOption);
        mistakes.extend(whole.map(|error| At::default().mistake(error)));
        let file = self.file.as_deref();
        Err(ConfigErrors::new(mistakes.into_iter().map(|one| one.in_file(file)).collect()))
    }

    fn issuer(&self, spec: &IssuerSpec) -> Result<Verifier, ConfigError> {
        let mut builder = spec.describe()?.clock(self.clock.clone());
        if let Some(realm) = &self.read.realm {
            builder = builder.realm(realm);
        }
        if let Some(http) = &self.http {
            builder = builder.http_client(http.clone());
        }
        if self.loopback {
            builder = builder.allow_loopback_http();
        }
        for origin in &self.plaintext {
            builder = builder.dangerous().allow_plaintext(origin);
        }
        builder.build()
    }

    #[cfg(feature = "introspection")]
    fn introspection(&self, spec: &IntrospectionSpec) -> Result<Verifier, ConfigError> {
        let verifier = spec.describe(self.env.as_deref(), |mut client| {
            if let Some(http) = &self.http {
                client = client.http_client(http.clone());
            }
            if self.loopback {
                client = client.allow_loopback_http();
            }
            self.plaintext.iter().fold(client, |client, origin| client.dangerous().allow_plaintext(origin))
        })?;
        let verifier = verifier.clock(self.clock.clone());
        match &self.read.realm {
            Some(realm) => verifier.realm(realm).build(),
            None => verifier.build(),
        }
    }

    /// Adds what tokens may be bound to.
    fn bound(&self, verifier: Verifier, mistakes: &mut Vec<ConfigMistake>) -> Verifier {
        #[cfg(feature = "dpop")]
        let verifier = match &self.read.dpop {
            Some(spec) => {
                changed(verifier, &spec.at, mistakes, |verifier| match spec.describe(self.env.as_deref())? {
                    Some(proofs) => verifier.with_dpop(proofs.clock(self.clock.clone())),
                    None => Ok(verifier),
                })
            }
            None => verifier,
        };
        match &self.read.certificate_header {
            Some(spec) => {
                changed(verifier, &spec.at, mistakes, |verifier| verifier.with_certificate_header(spec.describe()?))
            }
            None => verifier,
        }
    }

    fn users(&self, mistakes: &mut Vec<ConfigMistake>) -> Option<Verifier> {
        let mut builder = BasicVerifier::new();
        if let Some(realm) = &self.read.realm {
            builder = builder.realm(realm);
        }
        #[cfg_attr(not(feature = "password-hash"), allow(unused_mut, reason = "a file has a place too"))]
        let mut at = self.read.users.first().map(|first| &first.at);
        for user in &self.read.users {
            mistakes.extend(user.add_to(&mut builder, self.env.as_deref()).err());
        }
        #[cfg(feature = "password-hash")]
        {
            builder = builder.clock(self.clock.clone());
        }
        #[cfg(feature = "password-hash")]
        if let Some(htpasswd) = &self.read.htpasswd {
            // By itself first, so that its mistakes are shown at its place.
            match htpasswd.add_to(BasicVerifier::new()).build() {
                Ok(_) => builder = htpasswd.add_to(builder),
                Err(error) => mistakes.push(htpasswd.at.mistake(error)),
            }
            at = at.or(Some(&htpasswd.at));
        }
        Self::part(at?, builder.build(), mistakes)
    }

    fn api_keys(&self, mistakes: &mut Vec<ConfigMistake>) -> Option<Verifier> {
        let first = self.read.api_keys.first()?;
        let mut builder = ApiKeyVerifier::new().clock(self.clock.clone());
        for key in &self.read.api_keys {
            match key.record() {
                Ok(record) => builder = builder.record(record),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if let Some(realm) = &self.read.realm {
            builder = builder.realm(realm);
        }
        if let Some(prefix) = &self.read.api_key_prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(name) = &self.read.api_key_header {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => builder = builder.header(name),
                Err(_) => {
                    let error = ConfigError::new(ConfigErrorKind::InvalidOption, "the value is no name of a header");
                    mistakes.push(ConfigMistake::new("api_key_header", None, error));
                }
            }
        }
        Self::part(&first.at, builder.build(), mistakes)
    }

    /// A list as a whole; its mistakes name the entry, and are shown at the first one. That nothing is left of it after
    /// mistakes is no news.
    fn part(at: &At, built: Result<Verifier, ConfigError>, mistakes: &mut Vec<ConfigMistake>) -> Option<Verifier> {
        match built {
            Ok(verifier) => Some(verifier),
            Err(error) => {
                if mistakes.is_empty() || error.kind() != ConfigErrorKind::MissingOption {
                    mistakes.push(at.mistake(error));
                }
                None
            }
        }
    }

    fn from_node(node: &Node, others: &[&'static str]) -> Self {
        let notes = Notes::default();
        let read = Reader::root(node, &notes).map(|reader| Written::read(&reader, others));
        Self::new(read.unwrap_or_default(), notes.into_vec())
    }

    fn broken(line: Option<usize>, error: ConfigError) -> Self {
        Self::new(Written::default(), vec![At { line, ..At::default() }.mistake(error)])
    }

    fn new(read: Written, mistakes: Vec<ConfigMistake>) -> Self {
        Self {
            read,
            mistakes,
            file: None,
            env: None,
            http: None,
            clock: Clock::system(),
            loopback: false,
            plaintext: Vec::new(),
        }
    }
}

/// What `change` makes of `verifier`; after a mistake what it was.
fn changed(
    verifier: Verifier,
    at: &At,
    mistakes: &mut Vec<ConfigMistake>,
    change: impl FnOnce(Verifier) -> Result<Verifier, ConfigError>,
) -> Verifier {
    match change(verifier.clone()) {
        Ok(changed) => changed,
        Err(error) => {
            mistakes.push(at.mistake(error));
            verifier
        }
    }
}

impl Dangerous<VerifierSpec> {
    /// Allows plain `http` to `origin`; see the same option of [`JwtVerifier`](crate::JwtVerifier).
    ///
    /// # Security
    /// Whoever can answer for that origin makes the keys, and with them every token.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> VerifierSpec {
        let mut spec = self.into_inner();
        spec.plaintext.push(origin.into());
        spec
    }
}

impl<'de> Deserialize<'de> for VerifierSpec {
    /// Reads a description that is a part of a larger configuration. Lines are not known then.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(|value| Self::from_node(&Node::from_json(value), &[]))
    }
}

impl fmt::Debug for VerifierSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierSpec")
            .field("read", &self.read)
            .field("mistakes", &self.mistakes)
            .finish_non_exhaustive()
    }
}
