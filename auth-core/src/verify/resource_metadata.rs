use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Response, StatusCode, Uri};

use super::IncomingRequest;
use crate::Origin;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::json_writer::JsonObject;
use crate::metadata::resource_address;

/// What a service says of itself as a protected resource (RFC 9728): above all, whose tokens it takes. Clients that get
/// a 401 find the way to their authorization server by it; those of the Model Context Protocol must.
///
/// ```
/// use tower_auth_core::ResourceMetadata;
///
/// let metadata = ResourceMetadata::new("https://api.example.com/mcp")?
///     .authorization_server("https://login.example.com")?
///     .scopes(["notes:read", "notes:write"])
///     .name("Notes");
/// assert_eq!(metadata.url(), "https://api.example.com/.well-known/oauth-protected-resource/mcp");
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/mcp");
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// Serve it by `ResourceMetadataLayer` of `tower-auth`, by `resource_metadata_routes` of `tower-auth-axum`, or by
/// [`answer`](Self::answer); and announce it by
/// [`with_resource_metadata(metadata.url())`](crate::Verifier::with_resource_metadata). The audience of the verifier is
/// [`resource`](Self::resource): clients ask for tokens for it (RFC 8707).
///
/// The document that a client fetched from somebody else is a `ProtectedResourceMetadata`.
///
/// # Clone
/// A clone counts a reference.
#[derive(Clone)]
#[must_use = "nobody sees the metadata before it is served"]
pub struct ResourceMetadata(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    resource: String,
    url: Uri,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    bearer_methods: Vec<String>,
    dpop_algs: Vec<String>,
    dpop_required: bool,
    certificate_bound: bool,
    texts: Vec<(String, String)>,
    max_age: Duration,
}

impl ResourceMetadata {
    /// The metadata of the resource that clients know by this identifier: the URL that they request, or one above it.
    ///
    /// It is the one that is documented, never what a request says of itself.
    ///
    /// # Errors
    /// When it is not an absolute `https` URL (or an `http` one with a literal loopback address, for tests), or has a
    /// fragment.
    pub fn new(resource: impl Into<String>) -> Result<Self, ConfigError> {
        let resource = resource.into();
        check_url("the identifier of the resource", &resource)?;
        let url = check_url("the URL of the resource's metadata", &resource_address(&resource))?;
        Ok(Self(Arc::new(Inner {
            resource,
            url,
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            // The only one that verifiers read (RFC 6750 section 2).
            bearer_methods: vec!["header".to_owned()],
            dpop_algs: Vec::new(),
            dpop_required: false,
            certificate_bound: false,
            texts: Vec::new(),
            max_age: Duration::from_secs(3600),
        })))
    }

    /// Names an authorization server whose tokens are taken, by its issuer, beside those named before.
    ///
    /// # Errors
    /// When it is not an absolute `https` URL, or has a query or a fragment (RFC 8414 section 2).
    pub fn authorization_server(self, issuer: impl Into<String>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        if check_url("the issuer", &issuer)?.query().is_some() {
            return Err(invalid("the issuer", "it has a query"));
        }
        Ok(self.with(|inner| inner.authorization_servers.push(issuer)))
    }

    /// Scopes that requests may need. Those that not every client shall ask for may be left out.
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.scopes.extend(scopes.into_iter().map(Into::into)))
    }

    /// The ways to send a token. Default: `header`, which is the only one that verifiers of this family read; none leaves
    /// the member out.
    pub fn bearer_methods<S: Into<String>>(self, methods: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.bearer_methods = methods.into_iter().map(Into::into).collect())
    }

    /// The algorithms of DPoP proofs that are accepted.
    pub fn dpop_algorithms<S: Into<String>>(self, algorithms: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.dpop_algs = algorithms.into_iter().map(Into::into).collect())
    }

    /// Says that only tokens bound to a DPoP key are taken.
    pub fn dpop_required(self) -> Self {
        self.with(|inner| inner.dpop_required = true)
    }

    /// Says that tokens bound to client certificates are taken (RFC 8705).
    pub fn certificate_bound_tokens(self) -> Self {
        self.with(|inner| inner.certificate_bound = true)
    }

    /// A name for people (`resource_name`).
    pub fn name(self, name: impl Into<String>) -> Self {
        self.text("resource_name", name)
    }

    /// Where developers read about it (`resource_documentation`).
    ///
    /// # Errors
    /// When it is not an absolute `https` URL.
    pub fn documentation(self, url: impl Into<String>) -> Result<Self, ConfigError> {
        self.url_member("resource_documentation", url.into())
    }

    /// Where to read what clients may do with the data (`resource_policy_uri`).
    ///
    /// # Errors
    /// When it is not an absolute `https` URL.
    pub fn policy_uri(self, url: impl Into<String>) -> Result<Self, ConfigError> {
        self.url_member("resource_policy_uri", url.into())
    }

    /// Where the terms of service are (`resource_tos_uri`).
    ///
    /// # Errors
    /// When it is not an absolute `https` URL.
    pub fn terms_of_service(self, url: impl Into<String>) -> Result<Self, ConfigError> {
        self.url_member("resource_tos_uri", url.into())
    }

    /// Where the resource's own keys are (`jwks_uri`), if it signs its answers.
    ///
    /// # Errors
    /// When it is not an absolute `https` URL.
    pub fn jwks_uri(self, url: impl Into<String>) -> Result<Self, ConfigError> {
        self.url_member("jwks_uri", url.into())
    }

    /// Any other member that is a text: a name in another language (`resource_name#de`), an extension.
    pub fn text(self, member: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|inner| {
            let member = member.into();
            inner.texts.retain(|(own, _)| *own != member);
            inner.texts.push((member, value.into()));
        })
    }

    /// How long the document may be kept by who fetched it. Default one hour.
    pub fn max_age(self, age: Duration) -> Self {
        self.with(|inner| inner.max_age = age)
    }

    /// The identifier of the resource: what verifiers take as audience.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Where the document is: the well-known part stands between host and path of the identifier (RFC 9728 section 3.1).
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url.to_string()
    }

    /// The path of [`url`](Self::url), for routes.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.url.path()
    }

    /// The document. Members that say nothing are left out (RFC 9728 section 3.2).
    #[must_use]
    pub fn to_json(&self) -> String {
        let inner = &*self.0;
        let mut json = JsonObject::default();
        json.text("resource", &inner.resource)
            .texts("authorization_servers", &inner.authorization_servers)
            .texts("scopes_supported", &inner.scopes)
            .texts("bearer_methods_supported", &inner.bearer_methods)
            .texts("dpop_signing_alg_values_supported", &inner.dpop_algs)
            .flag("dpop_bound_access_tokens_required", inner.dpop_required)
            .flag("tls_client_certificate_bound_access_tokens", inner.certificate_bound);
        for (member, value) in &inner.texts {
            json.text(member, value);
        }
        json.finish()
    }

    /// The answer to a request for the document; `None` if it is for something else.
    ///
    /// It may be read from any origin, as clients in browsers must: it holds nothing that is not public.
    ///
    /// ```
    /// use tower_auth_core::ResourceMetadata;
    ///
    /// let metadata = ResourceMetadata::new("https://api.example.com")?;
    /// let request = http::Request::get("/.well-known/oauth-protected-resource").body(())?;
    /// let response = metadata.answer::<String>(&request).unwrap();
    /// assert_eq!(response.headers()["content-type"], "application/json");
    /// assert!(metadata.answer::<String>(&http::Request::get("/orders").body(())?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answer<'a, B>(&self, request: impl Into<IncomingRequest<'a>>) -> Option<Response<B>>
    where
        B: Default + From<String>,
    {
        let request = request.into();
        let uri = request.uri()?;
        let is_ours = uri.path() == self.path() && (self.0.url.query().is_none() || self.0.url.query() == uri.query());
        if !is_ours {
            return None;
        }
        let mut response = match request.method() {
            Some(&Method::GET) => self.document(),
            Some(&Method::HEAD) => {
                let mut response = self.document::<B>();
                *response.body_mut() = B::default();
                response
            }
            Some(&Method::OPTIONS) => preflight(),
            _ => {
                let mut response = Response::new(B::default());
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
                response
            }
        };
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(response)
    }

    fn document<B: From<String>>(&self) -> Response<B> {
        let json = self.to_json();
        let len = json.len();
        let mut response = Response::new(B::from(json));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        if let Ok(value) = format!("public, max-age={}", self.0.max_age.as_secs()).try_into() {
            headers.insert(CACHE_CONTROL, value);
        }
        response
    }

    fn url_member(self, member: &'static str, url: String) -> Result<Self, ConfigError> {
        check_url(member, &url)?;
        Ok(self.text(member, url))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

const METHODS: &str = "GET, HEAD, OPTIONS";

/// Clients send headers of their own, such as the version of their protocol; none of them matters here.
fn preflight<B: Default>() -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// A URL that clients are told: absolute, and with `https`, or on loopback.
pub(super) fn check_url(what: &str, url: &str) -> Result<Uri, ConfigError> {
    let uri: Uri = url.parse().map_err(|_| invalid(what, "it is not a URL"))?;
    let origin = Origin::of(&uri).ok_or_else(|| invalid(what, "it is not absolute, or has user information"))?;
    if !origin.is_https() && !origin.is_loopback() {
        return Err(invalid(what, "it is not https"));
    }
    if url.contains('#') {
        return Err(invalid(what, "it has a fragment"));
    }
    Ok(uri)
}

fn invalid(what: &str, why: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidUrl, format!("{what} cannot be used: {why}"))
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata")
            .field("resource", &self.0.resource)
            .field("authorization_servers", &self.0.authorization_servers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn full() -> ResourceMetadata {
        ResourceMetadata::new("https://api.example.com/mcp")
            .unwrap()
            .authorization_server("https://login.example.com")
            .unwrap()
            .scopes(["a", "b"])
            .name("Notes \"1\"")
    }

    fn ask(metadata: &ResourceMetadata, method: Method, uri: &str) -> Option<Response<String>> {
        metadata.answer(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    // R9728-3a
    #[test]
    fn the_document_is_at_the_well_known_place_of_its_resource_alone() {
        let metadata = full();
        let path = "/.well-known/oauth-protected-resource/mcp";
        assert_eq!((metadata.path(), metadata.url()), (path, format!("https://api.example.com{path}")));
        let absolute = format!("http://somebody.else{path}?x=1");
        for uri in [path, &absolute] {
            assert_eq!(ask(&metadata, Method::GET, uri).unwrap().status(), 200, "{uri}");
        }
        for uri in ["/mcp", "/.well-known/oauth-protected-resource", &format!("{path}/"), &format!("/mcp{path}")] {
            assert!(ask(&metadata, Method::GET, uri).is_none(), "{uri}");
        }
        let tenant = ResourceMetadata::new("https://api.example.com/mcp?tenant=a").unwrap();
        assert!(ask(&tenant, Method::GET, &format!("{path}?tenant=a")).is_some());
        assert!(ask(&tenant, Method::GET, &format!("{path}?tenant=b")).is_none());
    }

    // R9728-3.2a
    #[test]
    fn members_that_say_nothing_are_left_out() {
        let bare = ResourceMetadata::new("https://a").unwrap();
        assert_eq!(bare.to_json(), r#"{"resource":"https://a","bearer_methods_supported":["header"]}"#);
        assert_eq!(bare.bearer_methods::<&str>([]).to_json(), r#"{"resource":"https://a"}"#);
        let full = full()
            .dpop_algorithms(["ES256"])
            .dpop_required()
            .certificate_bound_tokens()
            .documentation("https://docs.example.com")
            .unwrap()
            .policy_uri("https://a/policy")
            .unwrap()
            .terms_of_service("https://a/tos")
            .unwrap()
            .jwks_uri("https://a/keys")
            .unwrap()
            .text("resource_name#de", "Notizen")
            .text("x_empty", "");
        assert_eq!(
            full.to_json(),
            concat!(
                r#"{"resource":"https://api.example.com/mcp","authorization_servers":["https://login.example.com"],"#,
                r#""scopes_supported":["a","b"],"bearer_methods_supported":["header"],"#,
                r#""dpop_signing_alg_values_supported":["ES256"],"dpop_bound_access_tokens_required":true,"#,
                r#""tls_client_certificate_bound_access_tokens":true,"resource_name":"Notes \"1\"","#,
                r#""resource_documentation":"https://docs.example.com","resource_policy_uri":"https://a/policy","#,
                r#""resource_tos_uri":"https://a/tos","jwks_uri":"https://a/keys","resource_name#de":"Notizen"}"#
            )
        );
    }

    // R9728-3.2a
    #[test]
    fn it_is_json_that_anybody_may_read_and_nobody_may_write() {
        let metadata = full().max_age(Duration::from_secs(60));
        let got = ask(&metadata, Method::GET, metadata.path()).unwrap();
        assert_eq!(got.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(got.headers()[CACHE_CONTROL], "public, max-age=60");
        assert_eq!(got.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(*got.body(), metadata.to_json());
        let head = ask(&metadata, Method::HEAD, metadata.path()).unwrap();
        assert_eq!((head.headers(), head.body().as_str()), (got.headers(), ""));
        let preflight = ask(&metadata, Method::OPTIONS, metadata.path()).unwrap();
        assert_eq!(preflight.status(), 204);
        assert_eq!(preflight.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "*");
        let post = ask(&metadata, Method::POST, metadata.path()).unwrap();
        assert_eq!((post.status().as_u16(), &post.headers()[ALLOW]), (405, &"GET, HEAD, OPTIONS".parse().unwrap()));
        assert!(metadata.answer::<String>(post.headers()).is_none(), "nothing is known of the request");
    }

    // R9728-5.1a
    #[test]
    fn what_clients_could_not_use_is_refused() {
        for bad in ["", "/mcp", "api.example.com", "http://api.example.com", "https://u@a/", "https://a/#f", "ftp://a"]
        {
            assert!(ResourceMetadata::new(bad).is_err(), "{bad}");
            assert!(full().authorization_server(bad).is_err(), "{bad}");
            assert!(full().jwks_uri(bad).is_err(), "{bad}");
        }
        assert!(full().authorization_server("https://a/?x").is_err());
        assert!(ResourceMetadata::new("http://127.0.0.1:8080/mcp").is_ok());
    }
}
