use std::fmt;
use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use tower_auth_core::Clock;

use super::Fault;
use super::model::Action;
use crate::body::TestBody;
use crate::delivery::Delivery;

/// An answer, and how it is to be sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response<Bytes>,
    /// Piece and pause.
    drip: Option<(usize, Duration)>,
}

/// A server closed the connection without an answer, because a [`Fault`] said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLost;

/// Plays `fault`, if there is one, around `work`, which makes the proper answer.
pub(crate) async fn play(
    fault: Option<Fault>,
    clock: &Clock,
    work: impl FnOnce() -> Response<Bytes>,
) -> Result<Reply, ConnectionLost> {
    let Some(fault) = fault else { return Ok(Reply { response: work(), drip: None }) };
    if !fault.delay.is_zero() {
        clock.sleep(fault.delay).await;
    }
    let mut drip = None;
    let mut response = match fault.action {
        Action::Proper => work(),
        Action::Instead(status, body) => instead(status, body),
        Action::Mask(status) => {
            lost(work());
            instead(status, Bytes::new())
        }
        Action::Truncate => lost(work()).map(|body| body.slice(..body.len() / 2)),
        Action::Drip { piece, pause } => {
            drip = Some((piece.max(1), pause));
            work()
        }
        Action::Hang => pending().await,
        Action::Disconnect => return Err(ConnectionLost),
        Action::LoseAnswer => {
            lost(work());
            return Err(ConnectionLost);
        }
        Action::Late(delay) => {
            let response = work();
            clock.sleep(delay).await;
            response
        }
    };
    for (name, value) in fault.headers {
        response.headers_mut().insert(name, value);
    }
    Ok(Reply { response, drip })
}

fn instead(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// `response`, which the client has no use of.
fn lost(response: Response<Bytes>) -> Response<Bytes> {
    if let Some(delivery) = Delivery::of(response.extensions()) {
        delivery.dropped();
    }
    response
}

impl Reply {
    /// The whole answer, once every pause is over.
    pub(crate) async fn whole(mut self, clock: &Clock) -> Response<Bytes> {
        if let Some((piece, pause)) = self.drip {
            let pieces = u32::try_from(self.response.body().len().div_ceil(piece)).unwrap_or(u32::MAX);
            clock.sleep(pause.saturating_mul(pieces)).await;
        }
        if let Some(delivery) = Delivery::take(&mut self.response) {
            delivery.sent();
        }
        self.response
    }

    /// The answer with a body that comes in its own time.
    pub(crate) fn streamed(mut self, clock: &Clock) -> Response<TestBody> {
        let delivery = Delivery::take(&mut self.response);
        let (mut parts, body) = self.response.into_parts();
        let body = match self.drip {
            None => TestBody::whole(body),
            Some((piece, pause)) => {
                parts.headers.remove(CONTENT_LENGTH);
                TestBody::dripping(body, piece, pause, clock.clone())
            }
        };
        Response::from_parts(parts, body.reported_by(delivery))
    }
}

impl fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the test server closed the connection")
    }
}

impl std::error::Error for ConnectionLost {}
