use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

/// Something that goes wrong at an endpoint: once, unless [`times`](Self::times) or [`always`](Self::always) says otherwise.
///
/// Faults of one endpoint queue up: the second begins when the first is used up.
///
/// ```
/// use http::StatusCode;
/// use tower_auth_testing::{AuthorizationServer, Endpoint, Fault};
///
/// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
/// server.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(30).times(2));
/// server.fault(Endpoint::Token, Fault::hang());
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until a server is given it"]
pub struct Fault {
    pub(super) action: Action,
    pub(super) delay: Duration,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// How often it is still to happen; `None`: always.
    pub(super) times: Option<usize>,
}

/// What happens in place of, or to, the proper answer.
#[derive(Clone)]
pub(super) enum Action {
    /// The proper answer.
    Proper,
    /// Another answer; the request has no effect.
    Instead(StatusCode, Bytes),
    /// The first half of the proper answer's body.
    Truncate,
    /// The proper answer, in pieces.
    Drip { piece: usize, pause: Duration },
    /// No answer ever; the request has no effect.
    Hang,
    /// The connection is closed; the request has no effect.
    Disconnect,
    /// The request has its effect, then the connection is closed.
    LoseAnswer,
    /// The request has its effect, and another answer.
    Mask(StatusCode),
    /// The request has its effect, and the answer comes later.
    Late(Duration),
}

impl Fault {
    /// An empty answer with `status`.
    pub fn status(status: StatusCode) -> Self {
        Self::new(Action::Instead(status, Bytes::new()))
    }

    /// An answer with `status` and `body` in place of the proper one. `content_type` stands in the header as it is.
    ///
    /// # Panics
    /// When `content_type` has a character that no header can have.
    pub fn body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::new(Action::Instead(status, body.into())).header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// An answer with `status` and a JSON text, which is not checked.
    pub fn json(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self::body(status, "application/json", text)
    }

    /// An error answer with the OAuth error `code` (RFC 6749 section 5.2).
    pub fn oauth_error(status: StatusCode, code: &str) -> Self {
        Self::json(status, serde_json::json!({ "error": code }).to_string())
    }

    /// A web page where JSON belongs, as a wrong URL or a captive portal gives it.
    pub fn html() -> Self {
        Self::body(
            StatusCode::OK,
            "text/html; charset=utf-8",
            "<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>\n",
        )
    }

    /// JSON that ends in the middle of the proper answer.
    pub fn truncated() -> Self {
        Self::new(Action::Truncate)
    }

    /// JSON of about `bytes` bytes, with a token in it.
    pub fn huge(bytes: usize) -> Self {
        let filler = "x".repeat(bytes);
        Self::json(StatusCode::OK, format!(r#"{{"access_token":"from-a-huge-answer","filler":"{filler}"}}"#))
    }

    /// An answer that says it is compressed, and begins as gzip does.
    pub fn gzip() -> Self {
        let body: &'static [u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
        Self::json(StatusCode::OK, body).header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    }

    /// JSON that names members twice, so that two parsers may read two tokens.
    pub fn duplicate_members() -> Self {
        Self::json(
            StatusCode::OK,
            r#"{"access_token":"the-first","token_type":"Bearer","access_token":"the-second","keys":[],"keys":[]}"#,
        )
    }

    /// The proper answer, late: the request has its effect after the delay.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Action::Proper).after(delay)
    }

    /// The request has its effect at once, the answer comes late.
    pub fn late_answer(delay: Duration) -> Self {
        Self::new(Action::Late(delay))
    }

    /// The proper answer, its body `piece` bytes after each `pause`. In memory, where answers come whole, the body comes after
    /// all the pauses.
    pub fn drip(piece: usize, pause: Duration) -> Self {
        Self::new(Action::Drip { piece, pause })
    }

    /// No answer, ever. The request has no effect.
    pub fn hang() -> Self {
        Self::new(Action::Hang)
    }

    /// The connection is closed without an answer. The request has no effect.
    pub fn disconnect() -> Self {
        Self::new(Action::Disconnect)
    }

    /// The request has its effect, and the connection is closed without an answer: how a rotated refresh token gets lost.
    pub fn lost_answer() -> Self {
        Self::new(Action::LoseAnswer)
    }

    /// The request has its effect, and an empty answer with `status` in place of the proper one: as a gateway gives it that lost patience.
    pub fn masked_answer(status: StatusCode) -> Self {
        Self::new(Action::Mask(status))
    }

    /// Adds `Retry-After`, in seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Sets a header of the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Waits by the server's clock before anything else happens.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Happens `times` times.
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Happens until [`clear_faults`](crate::AuthorizationServer::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    fn new(action: Action) -> Self {
        Self { action, delay: Duration::ZERO, headers: Vec::new(), times: Some(1) }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match &self.action {
            Action::Proper => "proper answer".to_owned(),
            Action::Instead(status, body) => format!("status {} with {} bytes", status.as_u16(), body.len()),
            Action::Truncate => "truncated answer".to_owned(),
            Action::Drip { piece, pause } => format!("{piece} bytes after each {pause:?}"),
            Action::Hang => "no answer".to_owned(),
            Action::Disconnect => "closed connection".to_owned(),
            Action::LoseAnswer => "lost answer".to_owned(),
            Action::Mask(status) => format!("status {} over the proper answer", status.as_u16()),
            Action::Late(delay) => format!("answer {delay:?} late"),
        };
        f.debug_struct("Fault")
            .field("action", &action)
            .field("delay", &self.delay)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
