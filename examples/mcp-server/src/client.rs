//! A client that knows nothing but the URL of the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Response, Uri};
use serde_json::{Value, json};
use tower_auth_axum::core::{
    BoxError, Challenge, ClientAuth, ClientRegistration, HttpClient, HttpTransport, NativeLogin, ResourceDiscovery,
    TokenCache,
};

/// How often a call is sent: at first, with a token, with more scopes, with a stronger login.
const MAX_SENDS: usize = 4;

type Show = dyn Fn(&Uri) -> Result<(), BoxError> + Send + Sync;

/// A client of one MCP server.
pub struct McpClient {
    url: String,
    http: HttpClient,
    discovery: ResourceDiscovery,
    show: Arc<Show>,
    /// What was asked for so far: a new login must not lose it.
    scopes: BTreeSet<String>,
    tokens: Option<TokenCache>,
    log: Vec<String>,
}

impl McpClient {
    /// A client of the server at `url`. It trusts the authorization server `issuer`, where it registers itself; `show` brings
    /// the URL of a login before the user, as `open_system_browser` does.
    ///
    /// # Errors
    /// When `issuer` cannot be used.
    pub fn new(
        url: &str,
        issuer: &str,
        show: impl Fn(&Uri) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Result<Self, BoxError> {
        // A real server speaks https, and needs no `allow_loopback_http`.
        let registration = ClientRegistration::new("Notes client")
            .redirect_uri("http://127.0.0.1/callback")
            .client_auth(ClientAuth::None)
            .allow_loopback_http();
        let discovery =
            ResourceDiscovery::builder().allow_issuer(issuer).register(registration).allow_loopback_http().build()?;
        Ok(Self {
            url: url.to_owned(),
            http: HttpTransport::new().allow_loopback_http().build()?,
            discovery,
            show: Arc::new(show),
            scopes: BTreeSet::new(),
            tokens: None,
            log: Vec::new(),
        })
    }

    /// What happened on the way, line by line.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Calls a tool, and logs the user in as often as that takes.
    ///
    /// # Errors
    /// When the server refuses for another reason than one that a login mends, or something is out of order.
    pub async fn call_tool(&mut self, name: &str, arguments: &Value) -> Result<String, BoxError> {
        let result = self.call("tools/call", &json!({"name": name, "arguments": arguments})).await?;
        Ok(result["content"][0]["text"].as_str().unwrap_or_default().to_owned())
    }

    /// Calls a method.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool).
    pub async fn call(&mut self, method: &str, params: &Value) -> Result<Value, BoxError> {
        for _ in 0..MAX_SENDS {
            let response = self.send(method, params).await?;
            if response.status().is_success() {
                let mut answer: Value = serde_json::from_slice(response.body())?;
                return match answer.get_mut("result") {
                    Some(result) => Ok(result.take()),
                    None => Err(format!("the server answered {}", answer["error"]).into()),
                };
            }
            let challenges = Challenge::from_headers(response.headers());
            let challenge = challenges.iter().find(|challenge| challenge.is_scheme("bearer"));
            let mends = challenge.filter(|challenge| self.is_mended_by_a_login(challenge));
            let Some(challenge) = mends else {
                return Err(format!("the server answered {} and no login mends that", response.status()).into());
            };
            self.log.push(format!("{} {challenge}", response.status().as_u16()));
            self.log_in(challenge).await?;
        }
        Err("the server is content with no login".into())
    }

    async fn send(&self, method: &str, params: &Value) -> Result<Response<Bytes>, BoxError> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(Bytes::from(call.to_string()))?;
        if let Some(tokens) = &self.tokens {
            tokens.current().await?.credential.apply(&mut request)?;
        }
        self.http.send(request).await
    }

    /// Whether the server asks for what it does not have yet: a first token, more scopes, a stronger login.
    fn is_mended_by_a_login(&self, challenge: &Challenge) -> bool {
        match challenge.param("error") {
            None => self.tokens.is_none(),
            Some(error) => ["invalid_token", "insufficient_scope", "insufficient_user_authentication"].contains(&error),
        }
    }

    async fn log_in(&mut self, challenge: &Challenge) -> Result<(), BoxError> {
        let server = self.discovery.discover(&self.url, Some(challenge)).await?;
        self.scopes.extend(server.scopes().iter().cloned());
        let show = Arc::clone(&self.show);
        let mut login = NativeLogin::new(server.client(), move |url| show(url))
            .scopes(&self.scopes)
            .configure(|request| request.resource(server.resource()));
        for name in ["acr_values", "max_age"] {
            if let Some(value) = challenge.param(name) {
                login = login.configure(|request| request.param(name, value));
            }
        }
        let response = login.login().await?;
        self.log.push(format!("logged in at {} for {:?}", server.issuer(), self.scopes));
        self.tokens = Some(login.keep_alive(response).cached()?);
        Ok(())
    }
}

impl std::fmt::Debug for McpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpClient").field("url", &self.url).finish_non_exhaustive()
    }
}
