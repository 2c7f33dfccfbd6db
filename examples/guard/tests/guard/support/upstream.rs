use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A service behind guard. It writes down what comes, and shows it as JSON.
pub(crate) struct Upstream {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// Requests to `/hold` that have come.
    held: Semaphore,
    /// Requests to `/hold` that may go on.
    released: Semaphore,
    /// What `/stream` sends, bit by bit.
    stream: Mutex<Option<mpsc::UnboundedReceiver<&'static str>>>,
    writer: mpsc::UnboundedSender<&'static str>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (writer, stream) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            held: Semaphore::new(0),
            released: Semaphore::new(0),
            stream: Mutex::new(Some(stream)),
            writer,
        });
        let state = Arc::clone(&shared);
        let router = Router::new().fallback(move |request: Request| answer(Arc::clone(&state), request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// A configuration with this upstream, and more for the section about it.
    pub(crate) fn section(&self, more: &str) -> String {
        format!("[upstream]\nurl = \"http://{}\"\n{more}\n", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The only request that came.
    pub(crate) fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    pub(crate) async fn is_held(&self) {
        self.shared.held.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.shared.released.add_permits(1);
    }

    /// Goes on with `/stream`.
    pub(crate) fn write(&self, text: &'static str) {
        self.shared.writer.send(text).unwrap();
    }
}

impl Seen {
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }
}

async fn answer(shared: Arc<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let headers = texts(&parts.headers);
    let mut seen = Seen {
        line: format!("{} {} {:?}", parts.method, parts.uri, parts.version),
        headers,
        trailers: Vec::new(),
        body: String::new(),
    };
    if path == "/echo" {
        shared.seen.lock().unwrap().push(seen);
        // Each part goes back before the next one comes.
        return Response::new(body);
    }
    if let Ok(read) = body.collect().await {
        seen.trailers = read.trailers().map(texts).unwrap_or_default();
        seen.body = String::from_utf8_lossy(&read.to_bytes()).into_owned();
    }
    let shown = shown(&seen);
    shared.seen.lock().unwrap().push(seen);
    match path.as_str() {
        "/hold" => {
            shared.held.add_permits(1);
            shared.released.acquire().await.unwrap().forget();
            "released".into_response()
        }
        "/stream" => {
            let stream = shared.stream.lock().unwrap().take().unwrap();
            let parts = UnboundedReceiverStream::new(stream).map(|text| Ok::<_, Infallible>(Bytes::from(text)));
            Response::new(Body::from_stream(parts))
        }
        "/hop" => ([("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=1"), ("x-end", "2")], "hop")
            .into_response(),
        "/teapot" => {
            (StatusCode::IM_A_TEAPOT, [("www-authenticate", "Own realm=\"upstream\"")], "teapot").into_response()
        }
        _ => shown.to_string().into_response(),
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes())));
    texts.map(|(name, value)| (name, value.into_owned())).collect()
}

fn shown(seen: &Seen) -> Value {
    json!({ "line": seen.line, "headers": seen.headers, "body": seen.body })
}
