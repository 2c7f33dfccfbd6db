use bytes::Bytes;
use http::{Request, StatusCode};

use super::received::Received;
use super::{AuthorizationServer, Consent, NoRedirect, Redirect};
use crate::Endpoint;
use crate::record::RecordedRequest;

/// The user agent, played by the test.
impl AuthorizationServer {
    /// The URL of the authorization endpoint.
    #[must_use]
    pub fn authorization_url(&self) -> String {
        format!("{}/authorize", self.shared().base())
    }

    /// What the user says from now on to whoever comes to the authorization endpoint over HTTP.
    pub fn set_consent(&self, consent: Consent) {
        self.shared().set_consent(consent);
    }

    /// Opens an authorization request in the user agent, and the user `test-user` grants what it asks for. The request is recorded; faults do
    /// not touch it.
    ///
    /// ```
    /// use tower_auth_testing::{AuthorizationServer, TestClient};
    ///
    /// let client = TestClient::public("app").redirect_uri("https://app.test/callback");
    /// let server = AuthorizationServer::builder().client_with(client).build()?;
    /// // The challenge of RFC 7636 appendix B.
    /// let url = format!(
    ///     "{}?response_type=code&client_id=app&state=xyz&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
    ///      &code_challenge_method=S256",
    ///     server.authorization_url(),
    /// );
    /// let redirect = server.approve(&url)?;
    /// assert!(redirect.location().starts_with("https://app.test/callback?code="));
    /// assert_eq!((redirect.state(), redirect.iss()), (Some("xyz"), Some("https://login.test")));
    /// assert_eq!(server.deny(&url)?.error(), Some("access_denied"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `url` is not at the authorization endpoint, or the server cannot trust client or redirect URI. Other mistakes of the request go
    /// to the client, in the redirect.
    pub fn approve(&self, url: &str) -> Result<Redirect, NoRedirect> {
        self.decide(url, &Consent::approve())
    }

    /// As [`approve`](Self::approve), but the user refuses.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn deny(&self, url: &str) -> Result<Redirect, NoRedirect> {
        self.decide(url, &Consent::deny())
    }

    /// As [`approve`](Self::approve), with an answer of the user's own.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn decide(&self, url: &str, consent: &Consent) -> Result<Redirect, NoRedirect> {
        let shared = self.shared();
        let elsewhere = || NoRedirect {
            status: StatusCode::NOT_FOUND,
            reason: "the URL is not that of the authorization endpoint".to_owned(),
        };
        let request = Request::get(url).body(Bytes::new()).map_err(|_| elsewhere())?;
        if !shared.is_own(request.uri()) || shared.endpoint(request.uri().path()) != Endpoint::Authorization {
            return Err(elsewhere());
        }
        let received = Received::new(request);
        let client_id = received.param("client_id").map(str::to_owned);
        let params = received.params.clone();
        let record = RecordedRequest::new(Endpoint::Authorization, &received.head, params, Bytes::new(), client_id);
        shared.recorder.add(record.clone());
        let decided = shared.decide(&received, consent);
        let status = |redirect: &Redirect| match redirect.fields() {
            Some(_) => StatusCode::OK,
            None => StatusCode::FOUND,
        };
        record.set_status(decided.as_ref().map_or_else(|no| no.status, status));
        decided
    }
}
