use super::JwtVerifier;
use crate::verify::jwt::roles::RoleClaim;

/// What was said by hand of the claims of tokens. What was not said is as the preset has it, or as usual.
#[derive(Clone, Debug, Default)]
pub(super) struct ClaimOptions {
    pub(super) subject: Option<Vec<String>>,
    pub(super) client: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) roles: Option<Vec<RoleClaim>>,
    pub(super) renamed: Vec<(String, String)>,
    pub(super) required: Vec<(String, String)>,
}

/// What claims mean. A claim is named by its name, or by a JSON pointer (RFC 6901) that begins with a slash.
impl JwtVerifier {
    /// The claims that may hold the scopes; the first that is there counts. Default: those of the preset, or `scope`, then `scp`.
    pub fn scope_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.claims.scopes = some(names);
        self
    }

    /// Adds a claim that holds roles: a text or a list of texts, such as `groups` or `/realm_access/roles`. The roles of all such
    /// claims are put together. Default: those of the preset, or none.
    pub fn roles_claim(self, name: impl Into<String>) -> Self {
        self.roles_claim_prefixed(name, "")
    }

    /// The same, with `prefix` put before each role that stands there, so that roles of two claims are not taken for each other.
    pub fn roles_claim_prefixed(mut self, name: impl Into<String>, prefix: impl Into<String>) -> Self {
        let claim = RoleClaim { place: name.into(), prefix: prefix.into() };
        self.claims.roles.get_or_insert_default().push(claim);
        self
    }

    /// Calls the role `from` of tokens `to` here. A role may become several, by several calls; one that none names keeps its name.
    /// Prefixes are put on before.
    pub fn map_role(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.claims.renamed.push((from.into(), to.into()));
        self
    }

    /// The claims that may hold the subject; the first that is there counts. Default `sub`.
    ///
    /// # Security
    /// The subject must never be given to somebody else. Names and email addresses are.
    pub fn subject_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.claims.subject = some(names);
        self
    }

    /// The claims that may hold the client's id; the first that is there counts. Default: those of the preset, or `client_id`, then
    /// `azp`.
    pub fn client_id_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.claims.client = some(names);
        self
    }

    /// Refuses tokens in which the claim `name` is not the text `value`. Several values of one claim are alternatives.
    ///
    /// ```
    /// use tower_auth_core::{ConfigError, JwtVerifier};
    ///
    /// # #[cfg(feature = "http")] {
    /// let verifier = JwtVerifier::issuer("https://login.example.com")?
    ///     .audience("orders")
    ///     .require_claim("/environment/stage", "production")
    ///     .build()?;
    /// # }
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn require_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.required.push((name.into(), value.into()));
        self
    }
}

/// No names are as none said.
fn some<I>(names: I) -> Option<Vec<String>>
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    Some(names.into_iter().map(Into::into).collect::<Vec<_>>()).filter(|names| !names.is_empty())
}
