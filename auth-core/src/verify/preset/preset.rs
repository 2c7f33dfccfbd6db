use std::fmt;
use std::str::FromStr;

use super::facts::Facts;
use super::parameters::Parameters;
use super::table::TABLE;
use super::template::Template;
use crate::error::{ConfigError, ConfigErrorKind, printable, unknown};
use crate::verify::JwtVerifier;

/// A kind of issuer whose tokens are known: what its URL looks like, where its keys are, which of its JWTs are access tokens,
/// and where scopes and roles stand. The third way beside the two [profiles](crate::Profile).
///
/// [`issuer`](Self::issuer) makes the verifier from what differs between two installations:
///
/// ```
/// use tower_auth_core::{ConfigError, Preset};
///
/// # #[cfg(feature = "http")] {
/// let verifier = Preset::EntraV2
///     .issuer(&[("tenant", "72f988bf-86f1-41af-91ab-2d7cd011db47")])?
///     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3")
///     .build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// or a URL is at hand already, and is checked against the shape of such issuers:
///
/// ```
/// use tower_auth_core::{ConfigError, JwtVerifier, Preset};
///
/// # #[cfg(feature = "http")] {
/// let verifier = JwtVerifier::issuer("https://sso.example.com/realms/shop")?
///     .preset(Preset::Keycloak, &[("client", "orders")])?
///     .audience("orders")
///     .build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// Everything else of [`JwtVerifier`] can be set as usual; what is set by hand takes the place of what the preset says.
///
/// | preset | `profile =` | parameters | audience |
/// |---|---|---|---|
/// | [`EntraV1`](Self::EntraV1) | `entra-v1` | `tenant` | application id URI or id of the API, as clients write it |
/// | [`EntraV2`](Self::EntraV2) | `entra-v2` | `tenant` | application id of the API |
/// | [`Keycloak`](Self::Keycloak) | `keycloak` | `base`, `realm`; `client` | what an audience mapper puts in |
/// | [`Auth0`](Self::Auth0) | `auth0` | `host` | identifier of the API |
/// | [`Okta`](Self::Okta) | `okta` | `host`, `server` | audience of the authorization server |
/// | [`Cognito`](Self::Cognito) | `cognito` | `region`, `pool` | id of each app client that may call, or of the resource |
/// | [`Google`](Self::Google) | `google` | `service_account` | a URL of the service; never a client id |
/// | [`GoogleIap`](Self::GoogleIap) | `google-iap` | | `/projects/…` |
/// | [`GithubActions`](Self::GithubActions) | `github-actions` | `owner`, `owner_id` or `repository`; `enterprise`, `subdomain` or `host` | what the workflow asks for |
/// | [`GitlabCi`](Self::GitlabCi) | `gitlab-ci` | `namespace`, `namespace_id` or `project`; `base` | what the job asks for |
/// | [`Kubernetes`](Self::Kubernetes) | `kubernetes` | `base`, `namespace` | what the pod asks for |
/// | [`Spiffe`](Self::Spiffe) | `spiffe` | `base`, `trust_domain` | what the workload asks for |
///
/// # Several values
/// A parameter may be given more than once. Where it is a part of the URL this makes a verifier for several issuers, one for
/// each value; `*` stands for any, as for the tenants of an application that is open to all directories. Where it is compared with
/// a claim, each value is welcome, and `*` makes the claim free. See [`TrustedIssuers`](crate::TrustedIssuers) for tenants that
/// are known at run time only.
///
/// ```
/// # use tower_auth_core::{ConfigError, Preset};
/// # #[cfg(feature = "http")] {
/// let verifier = Preset::GithubActions
///     .issuer(&[("owner_id", "123456"), ("owner_id", "654321")])?
///     .audience("https://orders.example.com")
///     .build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// # Security
/// Where callers choose the audience themselves ([`Google`](Self::Google), [`GithubActions`](Self::GithubActions),
/// [`GitlabCi`](Self::GitlabCi)), it says nothing of who they are: everybody can have a token for our name. So these presets
/// insist on the names of those who may call. With `*` a policy must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// Microsoft Entra ID, access tokens of version 1.0: what an API gets unless its manifest asks for 2.0.
    ///
    /// `tid` must be the tenant of the issuer. Scopes are in `scp`, roles in `roles`, the client in `appid`. The subject differs
    /// between APIs; [`claim("oid")`](crate::Principal::claim) does not.
    EntraV1,
    /// Microsoft Entra ID, access tokens of version 2.0. As above, with the client in `azp`.
    EntraV2,
    /// Keycloak. Roles are those of the realm, and with the parameter `client` those of that client too; they are not told apart.
    Keycloak,
    /// Auth0, with tokens of its own profile or of RFC 9068. The roles are the `permissions`, if the API has them put in.
    Auth0,
    /// Okta, tokens of a custom authorization server. Scopes are in `scp`, the client in `cid`; roles are the `groups`, if the server
    /// has them put in.
    Okta,
    /// Amazon Cognito user pools. A token without `aud` is for us if its app client is among our audiences. Roles are the groups.
    Cognito,
    /// Google: ID tokens that service accounts call each other with. Google's access tokens are opaque, and not for our services.
    Google,
    /// The signed header of Google's Identity-Aware Proxy. Hand it to the verifier by
    /// [`IncomingCredential::bearer`](crate::IncomingCredential::bearer).
    GoogleIap,
    /// GitHub Actions: the OpenID token of a workflow.
    GithubActions,
    /// GitLab: the ID token of a CI/CD job.
    GitlabCi,
    /// Kubernetes: the token of a service account that is projected into a pod.
    ///
    /// Without parameters the issuer is `https://kubernetes.default.svc.cluster.local`, whose keys only callers with a token of the cluster
    /// get: give an [`http_client`](JwtVerifier::http_client) that trusts the cluster's roots and adds the pod's own token.
    Kubernetes,
    /// SPIFFE JWT-SVIDs, if their issuer writes its URL into `iss` and serves its keys by OpenID discovery, as SPIRE can.
    Spiffe,
}

impl Preset {
    /// Every preset, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::EntraV1,
        Self::EntraV2,
        Self::Keycloak,
        Self::Auth0,
        Self::Okta,
        Self::Cognito,
        Self::Google,
        Self::GoogleIap,
        Self::GithubActions,
        Self::GitlabCi,
        Self::Kubernetes,
        Self::Spiffe,
    ];

    /// How configuration files call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// A verifier for the issuer that `parameters` name, by name and value. They are listed at the top of this page.
    ///
    /// # Errors
    /// When a parameter does not exist, is missing, or has a value that cannot be a part of such an issuer.
    pub fn issuer(self, parameters: &[(&str, &str)]) -> Result<JwtVerifier, ConfigError> {
        Parameters::read(self, parameters)?.verifier()
    }

    /// What is probably the preset for the issuer at `url`, by the look of the URL.
    #[must_use]
    pub fn recognize(url: &str) -> Option<Self> {
        let looks = |shape: &str| Template::parse(shape).is_ok_and(|shape| shape.read(url).is_some());
        TABLE.iter().find(|facts| facts.recognized.iter().any(|shape| looks(shape))).map(|facts| facts.preset)
    }

    pub(in crate::verify) fn facts(self) -> &'static Facts {
        // One entry for each, which a test checks.
        TABLE.iter().find(|facts| facts.preset == self).unwrap_or(&TABLE[0])
    }
}

impl FromStr for Preset {
    type Err = ConfigError;

    /// The preset of this name.
    fn from_str(name: &str) -> Result<Self, ConfigError> {
        TABLE.iter().find(|facts| facts.name == name).map(|facts| facts.preset).ok_or_else(|| {
            let known: Vec<_> = TABLE.iter().map(|facts| facts.name).collect();
            let message = unknown(&format!("preset {:?}", printable(name, 64)), name, &known);
            ConfigError::new(ConfigErrorKind::InvalidOption, message)
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
