use super::IntrospectionVerifier;
use crate::verify::jwt::RoleClaim;

/// What the members of answers mean. A member is named by its name, or by a JSON pointer (RFC 6901) that begins with a slash.
impl IntrospectionVerifier {
    /// The members that may hold the scopes; the first that is there counts. Default `scope`, then `scp`.
    pub fn scope_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scope_claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a member that holds roles: a text or a list of texts, such as `groups` or `/realm_access/roles`. The roles of all such
    /// members are put together. Default: no roles are read.
    pub fn roles_claim(self, name: impl Into<String>) -> Self {
        self.roles_claim_prefixed(name, "")
    }

    /// The same, with `prefix` put before each role that stands there, so that roles of two members are not taken for each other.
    pub fn roles_claim_prefixed(mut self, name: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.roles.push(RoleClaim { place: name.into(), prefix: prefix.into() });
        self
    }

    /// Calls the role `from` of answers `to` here. A role may become several, by several calls; one that none names keeps its name.
    /// Prefixes are put on before.
    pub fn map_role(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.renamed.push((from.into(), to.into()));
        self
    }

    /// The members that may say whom a token is about, for servers that do not write `sub`; the first that is there counts.
    ///
    /// # Security
    /// The subject must never be given to somebody else. A `username` may be, after its owner has left.
    pub fn subject_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subject_claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// The members that may hold the client's id; the first that is there counts. Default `client_id`, then `azp`.
    pub fn client_id_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.client_id_claims = names.into_iter().map(Into::into).collect();
        self
    }
}
