#![allow(dead_code, reason = "the tests of each crate use a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::core::{ClientCredentials, HttpClient, HttpTransport, JwtVerifier, OAuthClient, OAuthClientBuilder};
use bytes::Bytes;
use http::{Request, header};
use serde_json::{Value, json};

/// How long a start may take: the first one installs the server's packages.
const START: Duration = Duration::from_secs(20);

/// A running server. It ends with its standard input, so also when the test is killed.
pub(crate) struct Provider {
    child: Child,
    about: Value,
    http: HttpClient,
}

impl Provider {
    /// Starts a server, or says why not. Where nothing may be skipped that is a failure.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("0")
    }

    /// The same over TLS, where clients may show certificates.
    pub(crate) fn start_tls() -> Option<Self> {
        Self::start_with("1")
    }

    #[allow(clippy::disallowed_methods, reason = "the test script says by a variable where the server is")]
    fn start_with(tls: &str) -> Option<Self> {
        let Ok(folder) = std::env::var("TOWER_AUTH_OIDC_PROVIDER") else {
            assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_OIDC_PROVIDER is not set");
            println!("skipped: TOWER_AUTH_OIDC_PROVIDER is not set");
            return None;
        };
        // Node may stand still for ever while it makes its keys: then another start is quicker than to wait.
        let started = (0..3).find_map(|_| begin(&folder, tls));
        let (child, about) = started.expect("the authorization server starts within three attempts");
        let http = transport(&about).build().unwrap();
        Some(Self { child, about, http })
    }

    /// What the server says of itself.
    pub(crate) fn about(&self) -> &Value {
        &self.about
    }

    /// A transport that trusts the server.
    pub(crate) fn transport(&self) -> HttpTransport {
        transport(&self.about)
    }

    pub(crate) fn http(&self) -> HttpClient {
        self.http.clone()
    }

    /// The client `id`, with every endpoint.
    pub(crate) fn described(&self, id: &str) -> OAuthClientBuilder {
        let issuer = self.issuer();
        OAuthClient::builder(id)
            .issuer(issuer)
            .authorization_endpoint(format!("{issuer}/auth"))
            .token_endpoint(format!("{issuer}/token"))
            .pushed_authorization_request_endpoint(format!("{issuer}/request"))
            .device_authorization_endpoint(format!("{issuer}/device/auth"))
            .revocation_endpoint(format!("{issuer}/token/revocation"))
            .allow_loopback_http()
            .http_client(self.http())
    }

    /// Registers a client (RFC 7591), and gives what the server made of it.
    pub(crate) async fn register(&self, metadata: Value) -> Value {
        let request = Request::post(format!("{}/reg", self.issuer()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(metadata.to_string()))
            .unwrap();
        let response = self.http.send(request).await.unwrap();
        let text = String::from_utf8_lossy(response.body()).into_owned();
        assert_eq!(response.status(), 201, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn issuer(&self) -> &str {
        self.about["issuer"].as_str().unwrap()
    }

    pub(crate) fn secret(&self, client: &str) -> String {
        self.about["clients"][client]["client_secret"].as_str().unwrap_or_else(|| panic!("{}", self.about)).to_owned()
    }

    /// The grant of `client`, to be configured further.
    pub(crate) fn grant(&self, client: &str) -> ClientCredentials {
        self.grant_with(client, &self.secret(client))
    }

    pub(crate) fn grant_with(&self, client: &str, secret: &str) -> ClientCredentials {
        ClientCredentials::new(format!("{}/token", self.issuer()), client, secret).allow_loopback_http()
    }

    pub(crate) fn verifier(&self, audience: &str) -> JwtVerifier {
        JwtVerifier::issuer(self.issuer()).unwrap().allow_loopback_http().audience(audience)
    }

    /// Calls one of the server's test endpoints.
    pub(crate) async fn test(&self, path: &str, body: Value) -> Value {
        let request = Request::post(format!("{}/test/{path}", self.issuer()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let response = self.http.send(request).await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        serde_json::from_slice(response.body()).unwrap_or(Value::Null)
    }

    pub(crate) async fn configure(&self, config: Value) {
        self.test("config", config).await;
    }

    /// How many requests reached the token endpoint.
    pub(crate) async fn token_requests(&self) -> u64 {
        let request = Request::get(format!("{}/test/stats", self.issuer())).body(Bytes::new()).unwrap();
        let stats: Value = serde_json::from_slice(self.http.send(request).await.unwrap().body()).unwrap();
        stats["token"].as_u64().unwrap()
    }

    pub(crate) async fn rotate_keys(&self, keep_old: bool) {
        self.test("rotate-keys", json!({ "keep_old": keep_old })).await;
    }
}

fn transport(about: &Value) -> HttpTransport {
    match about["tls"]["ca_pem"].as_str() {
        Some(ca) => HttpTransport::new().only_roots(ca),
        None => HttpTransport::new().allow_loopback_http(),
    }
}

/// Starts the server, and reads what it says of itself. `None` if it says nothing.
fn begin(folder: &str, tls: &str) -> Option<(Child, Value)> {
    let mut child = Command::new("sh")
        .arg(format!("{folder}/start.sh"))
        .env("EXIT_WITH_STDIN", "1")
        .env("PORT", "0")
        .env("TLS", tls)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (sender, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // Nobody listens any more if it took too long.
        let _ = lines.read_line(&mut line).map(|_| sender.send(line));
    });
    match line.recv_timeout(START).ok().and_then(|line| serde_json::from_str(&line).ok()) {
        Some(about) => Some((child, about)),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            None
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // A polite end would wait for connections that this thread's runtime holds open.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
