//! WebSockets: connections that both ends go on to use for something else than HTTP.

use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

/// The client's half of an upgrade to a WebSocket.
pub(super) struct Upgrade(OnUpgrade);

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

impl Upgrade {
    /// `None` if the request asks for none: an upgrade to anything else is a matter of this hop alone, and ignored.
    pub(super) fn asked<B>(request: &mut Request<B>) -> Option<Self> {
        let names = |field: &HeaderMap, wanted: &[u8]| {
            field.get_all(CONNECTION).iter().any(|value| {
                let names = value.as_bytes().split(|byte| *byte == b',');
                names.into_iter().any(|name| name.trim_ascii().eq_ignore_ascii_case(wanted))
            })
        };
        let headers = request.headers();
        let mut protocols = headers.get_all(UPGRADE).iter();
        let is_websocket = protocols.next().is_some_and(|one| one.as_bytes().eq_ignore_ascii_case(b"websocket"))
            && protocols.next().is_none()
            && names(headers, b"upgrade")
            && request.method() == Method::GET
            && request.version() == Version::HTTP_11;
        is_websocket.then(|| Self(hyper::upgrade::on(request)))
    }

    /// Asks the upstream for it.
    pub(super) fn ask(headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
    }

    /// Joins both halves, if the upstream agreed; until one of them ends, or `end` comes.
    pub(super) fn join<B>(self, response: &mut Response<B>, end: impl Future<Output = ()> + Send + 'static) -> bool {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return false;
        }
        let upstream = hyper::upgrade::on(response);
        tokio::spawn(async move {
            let (Ok(client), Ok(upstream)) = tokio::join!(self.0, upstream) else { return };
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            tokio::select! {
                // Who has gone needs no answer.
                _ = copy_bidirectional(&mut client, &mut upstream) => {}
                () = end => {}
            }
        });
        true
    }
}
