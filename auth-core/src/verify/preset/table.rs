//! What is known of well-known issuers, each with the pages of its documentation that say so.

use super::Preset;
use super::facts::{ABSENT, Check, Facts, Form, Is, Parameter, Shape, Tells};
use crate::jose::Algorithm::{Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
use crate::jose::{Algorithm, Marker};

/// Claims by which ID tokens of OpenID Connect are told from access tokens, and two more kinds of JWT.
const FOREIGN: &[Marker] = &[Marker::Nonce, Marker::AtHash, Marker::CHash, Marker::Events, Marker::Htm, Marker::Htu];

/// What OpenID providers can be told to sign with.
const COMMON: &[Algorithm] = &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, Es512];

/// An issuer whose own metadata says where its keys are.
const fn issuer(issuer: &'static str) -> Shape {
    Shape { issuer, keys: None }
}

const fn with_keys(issuer: &'static str, keys: &'static str) -> Shape {
    Shape { issuer, keys: Some(keys) }
}

const fn parameter(name: &'static str, form: Form, what: &'static str) -> Parameter {
    Parameter { name, what, form }
}

const fn check(claim: &'static str, is: Is, tells: Tells) -> Check {
    Check { claim, is, tells }
}

/// What most entries have in common.
const USUAL: Facts = Facts {
    preset: Preset::Keycloak,
    name: "",
    title: "",
    issuers: &[],
    never: &[],
    recognized: &[],
    parameters: &[],
    needed: &[],
    algorithms: &[Rs256],
    types: &["JWT"],
    foreign: FOREIGN,
    demanded: &[],
    checks: &[],
    audience: &["aud"],
    no_audience: None,
    subject: &["sub"],
    client: &["client_id", "azp"],
    scopes: &["scope"],
    roles: &[],
};

pub(in crate::verify) const TABLE: &[Facts] = &[
    // learn.microsoft.com: "Access token claims reference", "Access tokens in the Microsoft identity platform", "ID token
    // claims reference". An API gets tokens of version 1.0 unless its manifest asks for 2.0, whichever endpoint the client used.
    // ID tokens have neither `appid` nor `azp`. `sub` differs between APIs, `oid` does not. Keys are on another origin than the
    // issuer.
    Facts {
        preset: Preset::EntraV1,
        name: "entra-v1",
        title: "Microsoft Entra ID, access tokens of version 1.0",
        issuers: &[
            with_keys("https://sts.windows.net/{tenant}/", "https://login.microsoftonline.com/{tenant}/discovery/keys"),
            with_keys(
                "https://sts.chinacloudapi.cn/{tenant}/",
                "https://login.partner.microsoftonline.cn/{tenant}/discovery/keys",
            ),
        ],
        recognized: &["https://sts.windows.net/{tenant}/", "https://sts.chinacloudapi.cn/{tenant}/"],
        parameters: &[parameter("tenant", Form::Guid, "the id of the directory")],
        demanded: &[&["appid"]],
        checks: &[check("tid", Is::Text("{tenant}"), Tells::Issuer)],
        client: &["appid"],
        scopes: &["scp"],
        roles: &["roles"],
        ..USUAL
    },
    // As above. In tokens of version 2.0 `aud` is always the application id of the API.
    Facts {
        preset: Preset::EntraV2,
        name: "entra-v2",
        title: "Microsoft Entra ID, access tokens of version 2.0",
        issuers: &[
            with_keys(
                "https://login.microsoftonline.com/{tenant}/v2.0",
                "https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
            ),
            with_keys(
                "https://login.microsoftonline.us/{tenant}/v2.0",
                "https://login.microsoftonline.us/{tenant}/discovery/v2.0/keys",
            ),
            with_keys(
                "https://login.partner.microsoftonline.cn/{tenant}/v2.0",
                "https://login.partner.microsoftonline.cn/{tenant}/discovery/v2.0/keys",
            ),
            with_keys(
                "https://{tenant}.ciamlogin.com/{tenant}/v2.0",
                "https://{tenant}.ciamlogin.com/{tenant}/discovery/v2.0/keys",
            ),
        ],
        recognized: &[
            "https://login.microsoftonline.com/{tenant}/v2.0",
            "https://login.microsoftonline.us/{tenant}/v2.0",
            "https://login.partner.microsoftonline.cn/{tenant}/v2.0",
            "https://{tenant}.ciamlogin.com/{tenant}/v2.0",
        ],
        parameters: &[parameter("tenant", Form::Guid, "the id of the directory")],
        demanded: &[&["azp"]],
        checks: &[check("tid", Is::Text("{tenant}"), Tells::Issuer)],
        client: &["azp"],
        scopes: &["scp"],
        roles: &["roles"],
        ..USUAL
    },
    // keycloak.org: "Server Administration Guide" (audience support, protocol mappers, `at+jwt` header of a client), "Upgrading
    // Guide" for 25.0 (`nonce` in ID tokens only; before, and with the mapper for compatibility, in access tokens too). The
    // payload's own `typ` tells the kinds apart: `Bearer` or `DPoP`, against `ID`, `Refresh`, `Logout`. Our name comes into `aud` by
    // an audience mapper.
    Facts {
        preset: Preset::Keycloak,
        name: "keycloak",
        title: "Keycloak",
        issuers: &[with_keys(
            "https://{base}/realms/{realm}",
            "https://{base}/realms/{realm}/protocol/openid-connect/certs",
        )],
        recognized: &["https://{base}/realms/{realm}"],
        parameters: &[
            parameter("base", Form::Part, "host, and path where it has one, of the server"),
            parameter("realm", Form::Part, "the realm"),
            parameter("client", Form::Claim, "our own client in the realm, whose roles count too"),
        ],
        algorithms: COMMON,
        types: &["JWT", "at+jwt"],
        foreign: &[Marker::AtHash, Marker::CHash, Marker::Events, Marker::Htm, Marker::Htu],
        checks: &[check("typ", Is::Text("Bearer"), Tells::Kind), check("typ", Is::Text("DPoP"), Tells::Kind)],
        roles: &["/realm_access/roles", "/resource_access/{client}/roles"],
        ..USUAL
    },
    // auth0.com: "Access Token Profiles", "Validate Access Tokens", "Enable Role-Based Access Control for APIs". An issuer ends
    // with a slash, also under a custom domain. `permissions` are there if the API is set so.
    Facts {
        preset: Preset::Auth0,
        name: "auth0",
        title: "Auth0",
        issuers: &[with_keys("https://{host}/", "https://{host}/.well-known/jwks.json")],
        recognized: &["https://{tenant}.auth0.com/", "https://{tenant}.{region}.auth0.com/"],
        parameters: &[parameter("host", Form::Part, "the domain of the tenant")],
        algorithms: &[Rs256, Rs512, Ps256],
        types: &["JWT", "at+jwt"],
        demanded: &[&["client_id", "azp"]],
        roles: &["permissions"],
        ..USUAL
    },
    // developer.okta.com: "Validate Access Tokens", "OpenID Connect & OAuth 2.0 API". Only tokens of custom authorization
    // servers are for resource servers; `cid` is in access tokens alone. `groups` is there if the server has such a claim.
    Facts {
        preset: Preset::Okta,
        name: "okta",
        title: "Okta, a custom authorization server",
        issuers: &[with_keys("https://{host}/oauth2/{server}", "https://{host}/oauth2/{server}/v1/keys")],
        never: &[(
            "https://{host}",
            "access tokens of the org authorization server are for Okta's own APIs: use a custom authorization server, such as \
             /oauth2/default, or introspection",
        )],
        recognized: &[
            "https://{org}.okta.com/oauth2/{server}",
            "https://{org}.oktapreview.com/oauth2/{server}",
            "https://{org}.okta-emea.com/oauth2/{server}",
        ],
        parameters: &[
            parameter("host", Form::Part, "the domain of the org"),
            parameter("server", Form::Part, "the id of the authorization server, such as `default`"),
        ],
        types: &["JWT", "at+jwt", "okta-internal-at+jwt", ABSENT],
        demanded: &[&["cid"]],
        client: &["cid"],
        scopes: &["scp"],
        roles: &["groups"],
        ..USUAL
    },
    // docs.aws.amazon.com, Amazon Cognito Developer Guide: "Understanding the access token", "Verifying JSON web tokens". An
    // access token has no `aud` unless the client asked for a resource: then the app client stands for the audience.
    Facts {
        preset: Preset::Cognito,
        name: "cognito",
        title: "Amazon Cognito user pools",
        issuers: &[
            with_keys(
                "https://cognito-idp.{region}.amazonaws.com/{pool}",
                "https://cognito-idp.{region}.amazonaws.com/{pool}/.well-known/jwks.json",
            ),
            with_keys(
                "https://cognito-idp.{region}.amazonaws.com.cn/{pool}",
                "https://cognito-idp.{region}.amazonaws.com.cn/{pool}/.well-known/jwks.json",
            ),
        ],
        recognized: &["https://cognito-idp.{region}.amazonaws.com/{pool}"],
        parameters: &[
            parameter("region", Form::Part, "the region, such as `eu-west-1`"),
            parameter("pool", Form::Part, "the id of the user pool"),
        ],
        types: &["JWT", ABSENT],
        demanded: &[&["client_id"]],
        checks: &[check("token_use", Is::Text("access"), Tells::Kind)],
        audience: &["aud", "client_id"],
        client: &["client_id"],
        roles: &["cognito:groups"],
        ..USUAL
    },
    // cloud.google.com: "Token types", "Get an ID token", "Authenticate service-to-service" (Cloud Run). Google's access tokens are
    // opaque and for Google's APIs: between services an ID token of a service account goes, whose `aud` the caller chooses.
    // Everybody with a Google Cloud account can have one made for our name, so that the callers must be named. Tokens of
    // people's logins have a client id for `aud`, and `at_hash` or `nonce`.
    Facts {
        preset: Preset::Google,
        name: "google",
        title: "Google, ID tokens of service accounts",
        issuers: &[with_keys("https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs")],
        recognized: &["https://accounts.google.com"],
        parameters: &[parameter(
            "service_account",
            Form::Value,
            "the email address of a service account that may call",
        )],
        needed: &[&["service_account"]],
        checks: &[
            check("email_verified", Is::True, Tells::Kind),
            check("email", Is::Text("{service_account}"), Tells::Caller),
        ],
        demanded: &[&["email"]],
        no_audience: Some((
            ".apps.googleusercontent.com",
            "this is a client id: ID tokens of people's logins would be accepted; name the service by a URL of its own",
        )),
        client: &["azp"],
        ..USUAL
    },
    // cloud.google.com, Identity-Aware Proxy: "Securing your app with signed headers". It comes in the header
    // `x-goog-iap-jwt-assertion`, so that the service hands it to the verifier itself.
    Facts {
        preset: Preset::GoogleIap,
        name: "google-iap",
        title: "Google Identity-Aware Proxy",
        issuers: &[with_keys("https://cloud.google.com/iap", "https://www.gstatic.com/iap/verify/public_key-jwk")],
        recognized: &["https://cloud.google.com/iap"],
        algorithms: &[Es256],
        types: &["JWT", ABSENT],
        client: &[],
        scopes: &[],
        ..USUAL
    },
    // docs.github.com: "OpenID Connect reference" (GitHub Actions). The workflow chooses `aud`, so that every repository of the
    // world can have a token for our name: whose repositories may call must be said, best by the id, which is never used again.
    Facts {
        preset: Preset::GithubActions,
        name: "github-actions",
        title: "GitHub Actions",
        issuers: &[
            issuer("https://token.actions.githubusercontent.com"),
            issuer("https://token.actions.githubusercontent.com/{enterprise}"),
            issuer("https://token.actions.{subdomain}.ghe.com"),
            issuer("https://{host}/_services/token"),
        ],
        recognized: &[
            "https://token.actions.githubusercontent.com",
            "https://token.actions.githubusercontent.com/{enterprise}",
            "https://token.actions.{subdomain}.ghe.com",
        ],
        parameters: &[
            parameter("owner", Form::Value, "the organization or user whose repositories may call"),
            parameter("owner_id", Form::Value, "the same by its id"),
            parameter("repository", Form::Value, "a repository that may call, with its owner: `octo-org/octo-repo`"),
            parameter("enterprise", Form::Part, "the enterprise, where it has an issuer of its own"),
            parameter("subdomain", Form::Part, "the subdomain of ghe.com, where the enterprise has one"),
            parameter("host", Form::Part, "the host of a GitHub Enterprise Server"),
        ],
        needed: &[&["owner", "owner_id", "repository"]],
        demanded: &[&["repository"], &["run_id"]],
        checks: &[
            check("repository_owner", Is::Text("{owner}"), Tells::Caller),
            check("repository_owner_id", Is::Text("{owner_id}"), Tells::Caller),
            check("repository", Is::Text("{repository}"), Tells::Caller),
        ],
        client: &[],
        scopes: &[],
        ..USUAL
    },
    // docs.gitlab.com: "OpenID Connect (OIDC) Authentication Using ID Tokens" (CI/CD). The job chooses `aud`, as above. The same
    // issuer makes ID tokens of people's logins, which have no `job_id`.
    Facts {
        preset: Preset::GitlabCi,
        name: "gitlab-ci",
        title: "GitLab CI/CD jobs",
        issuers: &[issuer("https://gitlab.com"), issuer("https://{base}")],
        recognized: &["https://gitlab.com"],
        parameters: &[
            parameter("base", Form::Part, "the host of a GitLab of our own"),
            parameter(
                "namespace",
                Form::Value,
                "the path of the group or user whose projects may call; not of its subgroups",
            ),
            parameter("namespace_id", Form::Value, "the same by its id"),
            parameter("project", Form::Value, "the path of a project that may call: `group/project`"),
        ],
        needed: &[&["namespace", "namespace_id", "project"]],
        demanded: &[&["project_path"], &["job_id"]],
        checks: &[
            check("namespace_path", Is::Text("{namespace}"), Tells::Caller),
            check("namespace_id", Is::Text("{namespace_id}"), Tells::Caller),
            check("project_path", Is::Text("{project}"), Tells::Caller),
        ],
        client: &[],
        scopes: &[],
        ..USUAL
    },
    // kubernetes.io: "Configure Service Accounts for Pods" (token projection, issuer discovery), "Managing Service Accounts". The
    // issuer is what the API server is started with: a name in the cluster, or one of the cloud. In the cluster metadata and keys
    // are for callers with a token, under the cluster's own roots: give a client that has both. Every pod chooses `aud` for its
    // own account. Old tokens from secrets never expire, have another issuer and are refused.
    Facts {
        preset: Preset::Kubernetes,
        name: "kubernetes",
        title: "Kubernetes service accounts",
        issuers: &[
            with_keys(
                "https://kubernetes.default.svc.cluster.local",
                "https://kubernetes.default.svc.cluster.local/openid/v1/jwks",
            ),
            with_keys("https://kubernetes.default.svc", "https://kubernetes.default.svc/openid/v1/jwks"),
            issuer("https://{base}"),
            issuer("https://{base}/"),
        ],
        recognized: &[
            "https://kubernetes.default.svc.cluster.local",
            "https://kubernetes.default.svc",
            "https://oidc.eks.{region}.amazonaws.com/id/{id}",
            "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{cluster}",
            "https://{region}.oic.prod-aks.azure.com/{tenant}/{id}/",
        ],
        parameters: &[
            parameter("base", Form::Part, "host, and path where it has one, of the issuer"),
            parameter("namespace", Form::Value, "a namespace whose service accounts may call"),
        ],
        algorithms: &[Rs256, Es256, Es384, Es512],
        types: &["JWT", ABSENT],
        demanded: &[&["/kubernetes.io/namespace"], &["/kubernetes.io/serviceaccount/name"]],
        checks: &[
            check("sub", Is::Begins("system:serviceaccount:"), Tells::Kind),
            check("/kubernetes.io/namespace", Is::Text("{namespace}"), Tells::Caller),
        ],
        client: &[],
        scopes: &[],
        ..USUAL
    },
    // github.com/spiffe/spiffe, standards: "The JWT SPIFFE Verifiable Identity Document". `iss` is no part of it, but SPIRE sets one
    // (`jwt_issuer`), and its OIDC discovery provider serves the keys by that. One trust domain for each issuer.
    Facts {
        preset: Preset::Spiffe,
        name: "spiffe",
        title: "SPIFFE JWT-SVIDs of an issuer with OpenID discovery",
        issuers: &[issuer("https://{base}"), issuer("https://{base}/")],
        parameters: &[
            parameter("base", Form::Part, "host, and path where it has one, of the issuer"),
            parameter("trust_domain", Form::Value, "the trust domain, such as `example.org`"),
        ],
        needed: &[&["trust_domain"]],
        algorithms: COMMON,
        types: &["JWT", "JOSE", ABSENT],
        checks: &[
            check("sub", Is::Begins("spiffe://"), Tells::Kind),
            check("sub", Is::Begins("spiffe://{trust_domain}/"), Tells::Issuer),
        ],
        client: &[],
        scopes: &[],
        ..USUAL
    },
];
