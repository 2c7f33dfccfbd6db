use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::Uri;
use serde_json::{Value, json};
use toml::de::DeValue;
use tower_auth::core::{HttpClient, HttpTransport};

use super::section::Section;

/// `[server]`: where to listen, and what the program's own paths are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSpec {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where `/ready` and `/status` are served, if not among the other paths.
    pub admin: Option<SocketAddr>,
    /// What stands before the program's own paths: nothing, or `/-` for `/-/me`.
    pub prefix: String,
    /// The scopes that `/scoped` needs, parted by spaces.
    pub scope: String,
    /// The URL that clients know this service by, as far as the host: never taken from a request.
    pub public_url: Option<String>,
    /// How long requests in flight may take after the end was asked for.
    pub grace: Duration,
    /// Which issuers may be reached over plain `http`.
    pub plaintext: Plaintext,
    /// The file with roots, beside those of the platform, that issuers are trusted by.
    pub issuer_ca: Option<String>,
    /// What fetches the issuers' keys, if there are such roots.
    pub issuer_http: Option<HttpClient>,
}

/// Which issuers may be reached over plain `http`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plaintext {
    /// None.
    #[default]
    Never,
    /// Those on a literal loopback address.
    Loopback,
    /// These origins.
    Origins(Vec<String>),
}

impl ServerSpec {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let plaintext =
            section.value("allow_plaintext_issuer").map(|value| plaintext(section, value)).unwrap_or_default();
        let spec = Self {
            http: section.parsed("http", address).unwrap_or(any),
            grpc: section.parsed("grpc", address).unwrap_or(any),
            admin: section.parsed("admin", address),
            prefix: section.parsed("prefix", prefix).unwrap_or_default(),
            scope: section.text("scope").unwrap_or_else(|| "guard".to_owned()),
            public_url: section.parsed("public_url", origin),
            grace: section.duration("grace").unwrap_or(Duration::from_secs(30)),
            issuer_ca: section.text("issuer_ca"),
            issuer_http: section.parsed("issuer_ca", |path| issuer_http(path, &plaintext)),
            plaintext,
        };
        section.finish();
        spec
    }

    pub(crate) fn to_json(&self) -> Value {
        let plaintext = match &self.plaintext {
            Plaintext::Never => json!(false),
            Plaintext::Loopback => json!(true),
            Plaintext::Origins(origins) => json!(origins),
        };
        json!({
            "http": self.http.to_string(),
            "grpc": self.grpc.to_string(),
            "admin": self.admin.map(|address| address.to_string()),
            "prefix": self.prefix,
            "scope": self.scope,
            "public_url": self.public_url,
            "grace": self.grace.as_secs_f64(),
            "allow_plaintext_issuer": plaintext,
            "issuer_ca": self.issuer_ca,
        })
    }
}

fn issuer_http(path: &str, plaintext: &Plaintext) -> Result<HttpClient, String> {
    let transport = HttpTransport::new().extra_roots(super::tls::pem_file(path)?);
    let transport = match plaintext {
        Plaintext::Never => transport,
        Plaintext::Loopback => transport.allow_loopback_http(),
        Plaintext::Origins(origins) => {
            origins.iter().fold(transport, |transport, origin| transport.dangerous().allow_plaintext(origin))
        }
    };
    transport.build().map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "the value is no address such as 127.0.0.1:0".to_owned())
}

fn prefix(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.ends_with('/') && crate::http::SentPath::check(text).is_ok();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    if is_path && is_plain { Ok(text.to_owned()) } else { Err("the value is no path such as \"/-\"".to_owned()) }
}

fn origin(text: &str) -> Result<String, String> {
    let parsed = text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none()
    });
    match parsed {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("the value is no URL of a host such as https://api.example.com".to_owned()),
    }
}

fn plaintext(section: &Section<'_>, value: &DeValue<'_>) -> Plaintext {
    let origins = match value {
        DeValue::Boolean(true) => return Plaintext::Loopback,
        DeValue::Boolean(false) => return Plaintext::Never,
        DeValue::Array(list) => list.iter().map(|one| one.get_ref().as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let wrong = "the value is neither a truth value nor a list of origins";
    origins.or_else(|| section.fail("allow_plaintext_issuer", wrong)).map_or(Plaintext::Never, Plaintext::Origins)
}
