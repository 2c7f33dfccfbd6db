use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;
use tower_auth_core::MonotonicTime;

use super::answer::{Refusal, json_response, page, wrong_method};
use super::caller::Caller;
use super::consent::Answer;
use super::grants::{Authentication, Basis, random};
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::Issue;
use super::{AuthorizationServer, Consent, Quirk};
use crate::token::seconds;

/// The interval where an answer names none, and what `slow_down` adds to one (RFC 8628 sections 3.2 and 3.5).
const STEP: Duration = Duration::from_secs(5);

/// How many polls of a device are remembered.
const MAX_POLLS: usize = 10_000;

/// A device that waits for its user.
#[derive(Clone)]
pub(super) struct DeviceGrant {
    user_code: String,
    /// Without a subject before the user consented.
    basis: Basis,
    pub(super) expires: SystemTime,
    interval: Duration,
    last_poll: Option<MonotonicTime>,
    polls: Vec<SystemTime>,
    state: State,
}

#[derive(Clone, PartialEq)]
enum State {
    Pending,
    Approved,
    Refused(String),
    Expired,
    /// The tokens were handed out.
    Done,
}

impl Shared {
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub(super) fn device_authorization(&self, request: &Received) -> Response<Bytes> {
        if !request.is_post() {
            return wrong_method("POST");
        }
        self.new_device(request).unwrap_or_else(Refusal::response)
    }

    fn new_device(&self, request: &Received) -> Result<Response<Bytes>, Refusal> {
        request.check(false, false)?;
        let client = self.authenticate(request)?;
        client.check_grant(DEVICE_CODE)?;
        let basis = Basis {
            client_id: client.id.clone(),
            scope: self.requested_scope(&client, &request.params)?,
            audience: self.requested_audience(&request.params)?,
            ..Basis::default()
        };
        let policy = &self.parts.policy;
        let (device_code, user_code) = (random("device-"), new_user_code());
        let quiet = self.quirks.has(Quirk::MissingInterval);
        let interval = if quiet { STEP } else { policy.device_interval };
        let now = self.clock().wall();
        let grant = DeviceGrant {
            user_code: user_code.clone(),
            basis,
            expires: now + policy.device_lifetime,
            interval,
            last_poll: None,
            polls: Vec::new(),
            state: State::Pending,
        };
        self.grants().add_device(device_code.clone(), grant, now);
        let uri = format!("{}/activate", self.base());
        let mut answer = json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": format!("{uri}?user_code={user_code}"),
            "expires_in": policy.device_lifetime.as_secs(),
        });
        if !quiet {
            answer["interval"] = json!(interval.as_secs());
        }
        Ok(json_response(StatusCode::OK, answer.to_string()))
    }

    /// The page that the user opens: with a user code in the URL the scripted user decides at once.
    pub(super) fn activation(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        match request.param("user_code") {
            None => page(StatusCode::OK, "the user code, please"),
            Some(code) if self.decide_device(code, &self.consent()) => page(StatusCode::OK, "thank you"),
            Some(_) => page(StatusCode::NOT_FOUND, "no device waits for this code"),
        }
    }

    /// False if no device waits for `user_code`.
    fn decide_device(&self, user_code: &str, consent: &Consent) -> bool {
        let now = self.clock().wall();
        let mut grants = self.grants();
        let Some(device) = grants.device_of(&plain(user_code)).filter(|device| device.state == State::Pending) else {
            return false;
        };
        match &consent.0 {
            _ if now >= device.expires => return false,
            Answer::Ask => {}
            Answer::Refuse { code } => device.state = State::Refused(code.clone()),
            Answer::Approve { subject, scope } => {
                device.basis.subject.clone_from(subject);
                if let Some(granted) = scope {
                    device.basis.scope = super::authorize::common(&device.basis.scope, granted);
                }
                device.basis.authentication = Some(Authentication { acr: None, time: seconds(now) });
                device.state = State::Approved;
            }
        }
        true
    }

    /// The device code grant (RFC 8628 section 3.4).
    pub(super) fn device_code(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let code = request.param("device_code").ok_or_else(|| Refusal::invalid_request("device_code is missing"))?;
        let unknown =
            || Refusal::new("invalid_grant", "the device code is unknown, another client's, or was used before");
        let (now, moment) = (self.clock().wall(), self.clock().now());
        let mut grants = self.grants();
        let device = grants.device(code).filter(|device| device.basis.client_id == client.id).ok_or_else(unknown)?;
        if device.polls.len() < MAX_POLLS {
            device.polls.push(now);
        }
        let last = device.last_poll.replace(moment);
        match &device.state {
            State::Done => return Err(unknown()),
            State::Refused(error) => return Err(Refusal::new(error.clone(), "the user refused")),
            _ if device.state == State::Expired || now >= device.expires => {
                return Err(Refusal::new("expired_token", "the device code expired"));
            }
            _ => {}
        }
        if last.is_some_and(|last| moment.saturating_since(last) < device.interval) {
            device.interval += STEP;
            return Err(Refusal::new("slow_down", "the interval was not kept"));
        }
        if device.state == State::Pending {
            return Err(Refusal::new("authorization_pending", "the user has not decided yet"));
        }
        device.state = State::Done;
        let basis = device.basis.clone();
        let family = Some(grants.new_family());
        drop(grants);
        let refresh = client.gives_refresh_tokens.then(|| basis.clone());
        Ok(self.issue(client, Issue { basis, family, refresh, ..Issue::default() }))
    }
}

/// The user of a device, played by the test.
impl AuthorizationServer {
    /// The URL of the device authorization endpoint.
    #[must_use]
    pub fn device_authorization_url(&self) -> String {
        format!("{}/device", self.shared().base())
    }

    /// The user `test-user` enters `user_code` and grants what the device asks for. False if no device waits for it.
    ///
    /// ```
    /// use http::Request;
    /// use serde_json::Value;
    /// use tower_auth_testing::{AuthorizationServer, TestClient};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let server = AuthorizationServer::builder().client_with(TestClient::public("tv")).build()?;
    /// let post = |url: String, body: String| {
    ///     let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    ///     server.http_client().send(request.body(body.into()).unwrap())
    /// };
    /// let device = post(server.device_authorization_url(), "client_id=tv".to_owned()).await?;
    /// let device: Value = serde_json::from_slice(device.body())?;
    /// assert!(server.approve_device(device["user_code"].as_str().unwrap()));
    ///
    /// let grant = "urn:ietf:params:oauth:grant-type:device_code";
    /// let poll = format!("grant_type={grant}&client_id=tv&device_code={}", device["device_code"].as_str().unwrap());
    /// assert_eq!(post(server.token_url(), poll).await?.status(), 200);
    /// assert_eq!(server.device_polls(device["user_code"].as_str().unwrap()).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    pub fn approve_device(&self, user_code: &str) -> bool {
        self.decide_device(user_code, &Consent::approve())
    }

    /// The user refuses the device: `access_denied`. False if no device waits for the code.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.decide_device(user_code, &Consent::deny())
    }

    /// The user answers the device with `consent`. False if no device waits for the code.
    pub fn decide_device(&self, user_code: &str, consent: &Consent) -> bool {
        self.shared().decide_device(user_code, consent)
    }

    /// Lets the codes of a device expire before their time. False if there is no such device.
    pub fn expire_device(&self, user_code: &str) -> bool {
        let shared = self.shared();
        let mut grants = shared.grants();
        let device = grants.device_of(&plain(user_code));
        device.map(|device| device.state = State::Expired).is_some()
    }

    /// When the device polled, by the server's clock: the first 10,000 times. Requests that a fault kept from having an effect are not
    /// among them.
    #[must_use]
    pub fn device_polls(&self, user_code: &str) -> Vec<SystemTime> {
        let shared = self.shared();
        let mut grants = shared.grants();
        grants.device_of(&plain(user_code)).map(|device| device.polls.clone()).unwrap_or_default()
    }
}

impl DeviceGrant {
    pub(super) fn is_for(&self, plain_code: &str) -> bool {
        plain(&self.user_code) == plain_code
    }
}

/// The name of the grant.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Eight letters that form no word (RFC 8628 section 6.1).
fn new_user_code() -> String {
    let letters: Vec<char> = "BCDFGHJKLMNPQRSTVWXZ".chars().collect();
    let mut code: String = (0..8).filter_map(|_| fastrand::choice(&letters)).collect();
    code.insert(4, '-');
    code
}

/// A user code as it is compared: people leave out dashes and type small letters.
fn plain(user_code: &str) -> String {
    user_code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}
