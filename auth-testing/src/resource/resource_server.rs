use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tower_auth_core::{Clock, Secret};

use super::ResourceServerBuilder;
use super::builder::Challenge;
use crate::fault::{ConnectionLost, FaultPlan, Reply, play};
use crate::listen::{ListeningServer, Port, Wire};
use crate::record::Recorder;
use crate::server::Standing;
use crate::{Endpoint, Fault, RecordedRequest};

/// An API that wants a Bearer token: in memory as a tower service over any body, or on a loopback socket.
///
/// It answers 200 to a token that it accepts, 401 to any other and to none, and records every request with its body.
///
/// ```
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_auth_testing::{AuthorizationServer, ResourceServer};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let issuer = AuthorizationServer::builder().client("orders", "secret").build()?;
/// let api = ResourceServer::builder().issuer(&issuer).build();
/// let token = issuer.mint().subject("alice").sign();
///
/// let request = Request::get("https://api.test/").header("authorization", format!("Bearer {token}"));
/// let response = api.clone().oneshot(request.body(http_body_util::Empty::<&[u8]>::new())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
/// assert_eq!(api.request_count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Clone
/// Clones are one server.
#[derive(Clone)]
pub struct ResourceServer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    settings: ResourceServerBuilder,
    clock: Clock,
    faults: FaultPlan,
    recorder: Recorder,
    refuses_all: AtomicBool,
    refused_tokens: Mutex<Vec<Secret>>,
    refusals: AtomicUsize,
}

impl ResourceServer {
    /// Describes a server.
    pub fn builder() -> ResourceServerBuilder {
        ResourceServerBuilder::new()
    }

    pub(super) fn from_builder(settings: ResourceServerBuilder) -> Self {
        let issuers = settings.issuer.as_ref().map(|issuer| issuer.clock());
        let clock = settings.clock.clone().or(issuers).unwrap_or_default();
        Self(Arc::new(Inner {
            settings,
            clock,
            faults: FaultPlan::default(),
            recorder: Recorder::default(),
            refuses_all: AtomicBool::new(false),
            refused_tokens: Mutex::default(),
            refusals: AtomicUsize::new(0),
        }))
    }

    /// Serves on a free loopback port too.
    ///
    /// # Errors
    /// When no port can be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn listen(&self) -> io::Result<ListeningServer> {
        Ok(self.serve(Port::bind(Wire::Plain).await?))
    }

    /// As [`listen`](Self::listen), over TLS with a certificate of `ca` for `127.0.0.1` and `localhost`.
    ///
    /// # Errors
    /// When no port can be had, or the certificate cannot be made.
    ///
    /// # Panics
    /// As [`listen`](Self::listen).
    #[cfg(feature = "tls")]
    pub async fn listen_tls(&self, ca: &crate::TestCa) -> io::Result<ListeningServer> {
        Ok(self.serve(Port::bind(Wire::Tls(ca.acceptor()?)).await?))
    }

    fn serve(&self, port: Port) -> ListeningServer {
        let server = self.clone();
        port.serve(move |request| server.handle(request))
    }

    /// Answers 401 to everything from now on, or no longer.
    pub fn refuse_all(&self, refuse: bool) {
        self.0.refuses_all.store(refuse, Ordering::SeqCst);
    }

    /// Answers 401 to `token` from now on, as an API does that learned of a revocation.
    pub fn refuse(&self, token: impl Into<Secret>) {
        self.0.refused_tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.into());
    }

    /// Makes something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.0.faults.add(Endpoint::Resource, fault);
    }

    /// Forgets the faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The requests so far, oldest first: the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.0.recorder.all()
    }

    /// How many requests came, those that met a fault included.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.0.recorder.count(Endpoint::Resource)
    }

    /// How many requests were answered with 401 or 403.
    #[must_use]
    pub fn refused_count(&self) -> usize {
        self.0.refusals.load(Ordering::SeqCst)
    }
}

impl Inner {
    pub(super) fn reads_body(&self) -> bool {
        self.settings.reads_body
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Records a request and answers it, or does what a fault says.
    pub(super) async fn respond(&self, head: &Parts, body: Bytes) -> Result<Reply, ConnectionLost> {
        let record = RecordedRequest::new(Endpoint::Resource, head, Vec::new(), body, None);
        self.recorder.add(record.clone());
        let fault = self.faults.take(Endpoint::Resource);
        let reply = play(fault, &self.clock, || self.answer(&head.headers)).await?;
        record.set_status(reply.response.status());
        Ok(reply)
    }

    fn answer(&self, headers: &HeaderMap) -> Response<Bytes> {
        let verdict = match bearer(headers) {
            Some(token) => self.judge(&token),
            None => Err((StatusCode::UNAUTHORIZED, "Bearer realm=\"test\"".to_owned())),
        };
        let mut response = Response::new(Bytes::new());
        match verdict {
            Ok(()) => {
                *response.status_mut() = self.settings.status;
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *response.body_mut() = self.settings.body.clone();
            }
            Err((status, challenge)) => {
                self.refusals.fetch_add(1, Ordering::SeqCst);
                *response.status_mut() = status;
                if let Some(challenge) = self.challenge(status, &challenge) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
            }
        }
        response
    }

    /// Whether `token` opens the door; if not, status and challenge (RFC 6750 section 3.1).
    fn judge(&self, token: &Secret) -> Result<(), (StatusCode, String)> {
        let invalid = || (StatusCode::UNAUTHORIZED, "Bearer realm=\"test\", error=\"invalid_token\"".to_owned());
        let refused = self.refused_tokens.lock().unwrap_or_else(PoisonError::into_inner).contains(token);
        if refused || self.refuses_all.load(Ordering::SeqCst) {
            return Err(invalid());
        }
        if self.settings.accepted.contains(token) {
            return Ok(());
        }
        let issuer = self.settings.issuer.as_ref().ok_or_else(invalid)?;
        let Standing::Active(worth) = issuer.shared().standing(token.expose_secret()) else {
            return Err(invalid());
        };
        if self.settings.audience.as_ref().is_some_and(|wanted| !worth.audience.contains(wanted)) {
            return Err(invalid());
        }
        match &self.settings.scope {
            Some(wanted) if !worth.scope.contains(wanted) => {
                let challenge = format!(
                    "Bearer realm=\"test\", error=\"insufficient_scope\", scope=\"{}\"",
                    wanted.escape_default()
                );
                Err((StatusCode::FORBIDDEN, challenge))
            }
            _ => Ok(()),
        }
    }

    fn challenge(&self, status: StatusCode, standard: &str) -> Option<HeaderValue> {
        match &self.settings.challenge {
            Challenge::Fixed(value) if status == StatusCode::UNAUTHORIZED => Some(value.clone()),
            Challenge::Absent if status == StatusCode::UNAUTHORIZED => None,
            _ => HeaderValue::from_str(standard).ok(),
        }
    }
}

/// The token of a request; `None` also if there are two.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::from(token))
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("settings", &self.0.settings)
            .field("requests", &self.request_count())
            .field("refused", &self.refused_count())
            .finish_non_exhaustive()
    }
}
