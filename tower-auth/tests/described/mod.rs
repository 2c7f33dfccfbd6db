//! Described providers, with a token endpoint in memory.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;
use tower_auth::core::{Connection, ConnectionBuilder, HttpClient, ProviderSpec, ProviderValues};

/// A method by client credentials.
pub const CLIENT: &str = "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"";

/// Answers `token-1`, `token-2`, … of an hour's life.
#[derive(Clone)]
pub struct Endpoint {
    bodies: Arc<Mutex<Vec<String>>>,
    extra: Arc<dyn Fn(usize) -> String + Send + Sync>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { bodies: Arc::default(), extra: Arc::new(|_| "\"x\":1".to_owned()) }
    }
}

impl Endpoint {
    /// Members of the answer with that number.
    pub fn extra(mut self, extra: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        self.extra = Arc::new(extra);
        self
    }

    pub fn calls(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    pub fn builder(&self, method: &str, values: &[(&str, &str)]) -> ConnectionBuilder {
        let text = format!("id = \"acme\"\ndisplay_name = \"Acme\"\n[[auth]]\n{method}\n");
        let spec = ProviderSpec::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let mut given = ProviderValues::new().env(|_| None);
        if text.contains("oauth2_client_credentials") {
            given = given.value("client_id", "id").value("client_secret", "s3cret");
        }
        let given = values.iter().fold(given, |all, (name, value)| all.value(*name, *value));
        let filled = spec.fill(&given).unwrap_or_else(|errors| panic!("{errors}"));
        let endpoint = self.clone();
        let http = service_fn(move |request: Request<Bytes>| {
            let mut bodies = endpoint.bodies.lock().unwrap();
            bodies.push(String::from_utf8_lossy(request.body()).into_owned());
            let number = bodies.len();
            let extra = (endpoint.extra)(number);
            let body =
                format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600,{extra}}}"#);
            let response = Response::builder().header("content-type", "application/json").body(Bytes::from(body));
            async { Ok::<_, Infallible>(response.unwrap()) }
        });
        filled.connect().http_client(HttpClient::new(http)).allow_loopback_http()
    }

    pub fn connect(&self, method: &str, values: &[(&str, &str)]) -> Connection {
        self.builder(method, values).build().unwrap()
    }
}
