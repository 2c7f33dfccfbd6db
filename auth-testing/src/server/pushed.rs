use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::answer::{Refusal, json_response, wrong_method};
use super::grants::random;
use super::received::Received;
use super::shared::Shared;
use super::{AuthorizationServer, TestClient};

/// An authorization request that was pushed.
pub(super) struct PushedRequest {
    pub(super) client_id: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) expires: SystemTime,
}

impl Shared {
    /// The pushed authorization request endpoint (RFC 9126 section 2).
    pub(super) fn pushed_authorization(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        let mut response = self.push(request).unwrap_or_else(Refusal::response);
        self.proofs.nonces.tell(response.headers_mut());
        response
    }

    fn push(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        request.check(false, false)?;
        let client = self.authenticate(request)?;
        if request.param("request_uri").is_some() {
            return Err(Refusal::invalid_request("a pushed request has no request_uri"));
        }
        let mut params = pushed_params(&client, request);
        if let Some(proven) = self.proven_key(request)? {
            // A proof says the same as `dpop_jkt` (RFC 9449 section 10.1).
            match request.param("dpop_jkt") {
                None => params.push(("dpop_jkt".to_owned(), proven)),
                Some(named) if named == proven => {}
                Some(_) => return Err(Refusal::new("invalid_dpop_proof", "dpop_jkt is another key's")),
            }
        }
        self.target(&client, &params)
            .ok_or_else(|| Refusal::invalid_request("the redirect URI is not one of the client's"))?;
        self.check_asked(&client, &params)?;
        let lifetime = self.parts.policy.request_lifetime;
        let request_uri = random("urn:ietf:params:oauth:request_uri:");
        let now = self.clock().wall();
        let pushed = PushedRequest { client_id: client.id.clone(), params, expires: now + lifetime };
        self.grants().add_pushed(request_uri.clone(), pushed, now);
        let answer = json!({ "request_uri": request_uri, "expires_in": lifetime.as_secs() });
        Ok(json_response(StatusCode::CREATED, answer.to_string()))
    }
}

impl AuthorizationServer {
    /// The URL of the pushed authorization request endpoint.
    ///
    /// ```
    /// use http::Request;
    /// use serde_json::Value;
    /// use tower_auth_testing::{AuthorizationServer, TestClient};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let app = TestClient::public("app").redirect_uri("https://app.test/callback");
    /// let server = AuthorizationServer::builder().client_with(app).require_pushed_requests().build()?;
    /// let body = "client_id=app&response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
    ///             &code_challenge_method=S256";
    /// let request = Request::post(server.pushed_authorization_url())
    ///     .header("content-type", "application/x-www-form-urlencoded")
    ///     .body(body.into())?;
    /// let pushed = server.http_client().send(request).await?;
    /// assert_eq!(pushed.status(), 201);
    ///
    /// let pushed: Value = serde_json::from_slice(pushed.body())?;
    /// let request_uri = pushed["request_uri"].as_str().unwrap();
    /// let url = format!("{}?client_id=app&request_uri={request_uri}", server.authorization_url());
    /// assert!(server.approve(&url)?.code().is_some());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn pushed_authorization_url(&self) -> String {
        format!("{}/par", self.shared().base())
    }
}

/// What a pushed request says as an authorization request: without the client's authentication.
fn pushed_params(client: &TestClient, request: &Received) -> Vec<(String, String)> {
    let is_proof =
        |name: &str| matches!(name, "client_id" | "client_secret" | "client_assertion" | "client_assertion_type");
    let mut params: Vec<_> = request.params.iter().filter(|(name, _)| !is_proof(name)).cloned().collect();
    params.push(("client_id".to_owned(), client.id.clone()));
    params
}
