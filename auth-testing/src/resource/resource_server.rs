use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use tower_auth_core::{Clock, Secret};

use super::ResourceServerBuilder;
use super::builder::Challenge;
use super::judge::Denied;
use crate::dpop::{Nonces, ProofChecker};
use crate::fault::{ConnectionLost, FaultPlan, Reply, play};
use crate::listen::{ListeningServer, Port, Wire};
use crate::record::Recorder;
use crate::{DpopNonce, Endpoint, Fault, RecordedRequest};

/// An API that wants a Bearer or DPoP token: in memory as a tower service over any body, or on a loopback socket.
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
/// # What it checks
/// 1. There is one `Authorization` header, `Bearer` or `DPoP`; `DPoP` alone if that is [required](ResourceServerBuilder::require_dpop).
/// 2. The token is one that it [accepts](ResourceServerBuilder::accept), or an active one of its issuer.
/// 3. A token that is bound to a DPoP key comes as `DPoP`, one that is not does not. The proof is right in every point of RFC 9449 section 4.3,
///    `ath` included, and by that key.
/// 4. A token that is bound to a certificate comes over a connection with that certificate (RFC 8705 section 3).
/// 5. It is for the audience, the user showed enough of who they are (RFC 9470), and it has the scope.
///
/// # Clone
/// Clones are one server.
#[derive(Clone)]
pub struct ResourceServer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) settings: ResourceServerBuilder,
    pub(super) proofs: ProofChecker,
    /// Where it listens, in the order of that.
    origins: Mutex<Vec<String>>,
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
            proofs: ProofChecker::new(Nonces::new(settings.dpop_nonce)),
            origins: Mutex::default(),
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

    /// As [`listen_tls`](Self::listen_tls), and asks clients for a certificate, without insisting: what a token is bound to must be shown
    /// (RFC 8705 section 3).
    ///
    /// # Errors
    /// As [`listen_tls`](Self::listen_tls).
    ///
    /// # Panics
    /// As [`listen`](Self::listen).
    #[cfg(feature = "tls")]
    pub async fn listen_mtls(&self, ca: &crate::TestCa) -> io::Result<ListeningServer> {
        Ok(self.serve(Port::bind(Wire::Tls(ca.asking_acceptor()?)).await?))
    }

    fn serve(&self, port: Port) -> ListeningServer {
        self.0.origins.lock().unwrap_or_else(PoisonError::into_inner).push(port.origin());
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

    /// Demands a DPoP nonce of its own from now on, or no longer.
    pub fn set_dpop_nonce(&self, policy: DpopNonce) {
        self.0.proofs.nonces.set_policy(policy);
    }

    /// Makes a new DPoP nonce, and takes the old one no more.
    pub fn rotate_dpop_nonce(&self) -> String {
        self.0.proofs.nonces.rotate()
    }

    /// The resource identifier (RFC 9728 section 1.2): the given one, else the URL of the first socket, else `https://api.test`.
    #[must_use]
    pub fn resource(&self) -> String {
        self.0.resource()
    }

    /// Where the metadata is, if it is published.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        self.0.metadata_url()
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

    /// Makes something go wrong with the metadata.
    pub fn metadata_fault(&self, fault: Fault) {
        self.0.faults.add(Endpoint::ResourceMetadata, fault);
    }

    /// How many requests came, those that met a fault included and those for the metadata not.
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
        let is_metadata = head.method == Method::GET && self.is_metadata(&head.uri);
        let endpoint = if is_metadata { Endpoint::ResourceMetadata } else { Endpoint::Resource };
        let record = RecordedRequest::new(endpoint, head, Vec::new(), body, None);
        self.recorder.add(record.clone());
        let fault = self.faults.take(endpoint);
        let work = || if is_metadata { self.metadata() } else { self.answer(head) };
        let reply = play(fault, &self.clock, work).await?;
        record.set_status(reply.response.status());
        Ok(reply)
    }

    /// Where it listens.
    pub(super) fn origins(&self) -> Vec<String> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a test turned the server against `token`.
    pub(super) fn refuses(&self, token: &Secret) -> bool {
        let refused = self.refused_tokens.lock().unwrap_or_else(PoisonError::into_inner).contains(token);
        refused || self.refuses_all.load(Ordering::SeqCst)
    }

    fn answer(&self, head: &Parts) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        match self.judge(head) {
            Ok(()) => {
                *response.status_mut() = self.settings.status;
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *response.body_mut() = self.settings.body.clone();
            }
            Err(Denied { status, challenge }) => {
                self.refusals.fetch_add(1, Ordering::SeqCst);
                *response.status_mut() = status;
                if let Some(challenge) = self.challenge(status, &challenge) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
            }
        }
        self.proofs.nonces.tell(response.headers_mut());
        response
    }

    fn challenge(&self, status: StatusCode, standard: &str) -> Option<HeaderValue> {
        match &self.settings.challenge {
            Challenge::Fixed(value) if status == StatusCode::UNAUTHORIZED => Some(value.clone()),
            Challenge::Absent if status == StatusCode::UNAUTHORIZED => None,
            _ => HeaderValue::from_str(standard).ok(),
        }
    }
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
