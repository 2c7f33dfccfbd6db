use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

/// A server on loopback that keeps what it receives. It ends with the runtime of its test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) origin: String,
    /// The certificate to trust, if it speaks TLS.
    pub(crate) certificate: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    pub(crate) delay: Duration,
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

impl Server {
    /// Starts a server that speaks plain HTTP/1.1 and 2.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(answer), None).await
    }

    /// Starts a server that speaks TLS, with a certificate for 127.0.0.1 that nobody trusts yet.
    pub(crate) async fn start_tls(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = own.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let mut server = Self::listen(Arc::new(answer), Some(Arc::new(config).into())).await;
        server.certificate = own.cert.pem();
        server
    }

    async fn listen(answer: Arc<Answer>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self { origin, certificate: String::new(), seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, seen, tls) = (Arc::clone(&answer), Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| serve(Arc::clone(&answer), Arc::clone(&seen), request));
                    let builder = Builder::new(TokioExecutor::new());
                    // A client that goes away is no failure of the test.
                    let _ = match tls {
                        None => builder.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => builder.serve_connection(TokioIo::new(stream), service).await,
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        server
    }

    /// What came, in its order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests for token endpoints among what came.
    pub(crate) fn token_requests(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_for_a_token).collect()
    }

    /// The other requests.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !seen.is_for_a_token()).collect()
    }
}

impl Seen {
    /// A header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The user and password of a Basic credential.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let pair = STANDARD.decode(self.header("authorization").strip_prefix("Basic ")?).ok()?;
        let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// The pairs of a form, decoded, in their order.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            let mut rest = text.as_bytes();
            while let Some((first, tail)) = rest.split_first() {
                rest = tail;
                bytes.push(match first {
                    b'+' => b' ',
                    b'%' => {
                        let (hex, tail) = rest.split_at(2);
                        rest = tail;
                        u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
                    }
                    other => *other,
                });
            }
            String::from_utf8(bytes).unwrap()
        };
        let pairs = self.body.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (decoded(name), decoded(value))).collect()
    }

    fn is_for_a_token(&self) -> bool {
        self.path.ends_with("/token") || self.path.ends_with("/oauth/bearer")
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self { status, content_type: "application/json", body: body.to_string(), delay: Duration::ZERO }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

async fn serve(
    answer: Arc<Answer>,
    seen: Arc<Mutex<Vec<Seen>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let received = Seen {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = answer(&received);
    seen.lock().unwrap().push(received);
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    response.headers_mut().insert("content-type", reply.content_type.parse().unwrap());
    Ok(response)
}
