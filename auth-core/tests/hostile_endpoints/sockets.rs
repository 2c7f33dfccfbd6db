//! Endpoints on a real socket: connections cut at every byte, noise, bodies that drip.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use fastrand::Rng;
use tower_auth_core::{ClientAuth, Clock, HttpClient, HttpTransport, TokenErrorKind};
use tower_auth_testing::TestClock;

use super::answers::DEADLINE;
use super::bodies::{ACCESS, LIMIT, REFRESH};
use super::capture::leak;
use super::ways::{CLIENT_SECRET, Failed, Outcome, Place, Way};

/// What the server does with one connection.
type Turn = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// A server that writes to each connection what it is given next, and closes it.
pub(crate) struct Wire {
    pub(crate) base: String,
    next: Sender<Turn>,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (next, work): (_, Receiver<Turn>) = channel();
        std::thread::spawn(move || {
            while let Ok(work) = work.recv() {
                let Ok((mut stream, _)) = listener.accept() else { return };
                read_request(&mut stream);
                work(&mut stream);
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Self { base, next }
    }

    /// What the next connection gets.
    pub(crate) fn serve(&self, work: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.next.send(Box::new(work)).unwrap();
    }

    fn write(&self, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.serve(move |stream| drop(stream.write_all(&bytes)));
    }
}

/// Reads a whole request, so that closing the connection resets nothing.
fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= length.parse().unwrap() {
            return;
        }
    }
}

/// The transport that a client has by default.
pub(crate) fn transport(clock: &Clock) -> HttpClient {
    HttpTransport::new().bundled_roots().allow_loopback_http().clock(clock.clone()).max_body(LIMIT).build().unwrap()
}

fn body() -> String {
    format!(r#"{{"access_token":"{ACCESS}","token_type":"Bearer","expires_in":60,"refresh_token":"{REFRESH}"}}"#)
}

fn assert_clean(failed: &Failed, case: &str) {
    let secrets = [ACCESS, REFRESH, CLIENT_SECRET, "r3fresh-0123456789-0123", "r3voked-0123456789-0123"];
    assert_eq!(leak(&failed.shown, secrets), None, "{case}: {}", failed.shown);
}

// THREAT-A4, THREAT-L2, THREAT-S7
#[tokio::test]
async fn a_connection_that_is_cut_at_any_byte_is_an_error_and_spends_a_refresh_token() {
    let wire = Wire::new();
    let place = Place::new(&wire.base);
    let clock = Clock::system();
    let body = body();
    let length = body.len();
    let plain = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    for (answer, ways) in
        [(plain, &[Way::Refresh, Way::ClientCredentials(ClientAuth::Basic)][..]), (chunked, &[Way::Refresh][..])]
    {
        for way in ways {
            for cut in 0..=answer.len() {
                wire.write(&answer.as_bytes()[..cut]);
                let case = format!("{way:?} cut at {cut}");
                match place.go(*way, &transport(&clock), &clock).await {
                    Outcome::Token(_) => assert_eq!(cut, answer.len(), "{case}"),
                    Outcome::Failed(failed) => {
                        assert!(cut < answer.len(), "{case}: {}", failed.shown);
                        let kind = if *way == Way::Refresh {
                            TokenErrorKind::Unconfirmed
                        } else {
                            TokenErrorKind::Unreachable
                        };
                        assert_eq!(failed.error.kind(), kind, "{case}: {}", failed.shown);
                        assert_clean(&failed, &case);
                    }
                    Outcome::Done => unreachable!(),
                }
            }
        }
    }
}

// THREAT-A5, THREAT-L2, THREAT-L3
#[tokio::test]
async fn noise_on_the_wire_is_an_error_and_no_panic() {
    let wire = Wire::new();
    let place = Place::new(&wire.base);
    let clock = Clock::system();
    let http = transport(&clock);
    let mut rng = Rng::with_seed(3);
    let body = body();
    let heads: Vec<String> = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6",
        "HTTP/1.1 200 OK\r\ncontent-length: -1",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip",
        "HTTP/1.1 200 OK\r\nx: a\0b",
        "HTTP/1.1 200 OK\nx: \rb",
        "HTTP/1.1 999 \u{e4}",
        "HTTP/1.1 99 x",
        "HTTP/1.1 1000 x",
        "HTTP/9.9 200 OK",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/",
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 99999999999999999999",
        "\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(200)),
        format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000)),
        format!("HTTP/1.1 200 {}", "y".repeat(100_000)),
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50),
    ])
    .collect();
    for round in 0..400 {
        let head = &heads[round % heads.len()];
        let mut bytes = format!("{head}\r\n\r\n{body}").into_bytes();
        if round >= heads.len() {
            for _ in 0..rng.usize(..4) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
        }
        wire.write(&bytes);
        let way = [Way::Refresh, Way::Revoke, Way::Push][round % 3];
        if let Outcome::Failed(failed) = place.go(way, &http, &clock).await {
            assert_clean(&failed, &format!("{way:?} {round}"));
        }
    }
}

// THREAT-A4
#[tokio::test]
async fn an_answer_that_never_ends_ends_with_the_deadline() {
    for (head, piece) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", " "),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        ("HTTP/1.1 200 OK\r\nx:", "y"),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let time = TestClock::new();
        let clock = time.clock();
        let wire = Wire::new();
        let place = Place::new(&wire.base);
        let (written, mut dripped) = tokio::sync::mpsc::unbounded_channel();
        let (more, wanted) = channel::<()>();
        wire.serve(move |stream| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(piece.as_bytes()).is_ok() && written.send(()).is_ok() && wanted.recv().is_ok() {}
        });
        let http = transport(&clock);
        let work = place.go(Way::ClientCredentials(ClientAuth::Basic), &http, &clock);
        let drops = async {
            // Another piece each second.
            while dripped.recv().await.is_some() {
                time.tick(Duration::from_secs(1));
                let _ = more.send(());
                // Lets the exchange see each second.
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! { outcome = work => outcome, () = drops => unreachable!() };
        let Outcome::Failed(failed) = outcome else { panic!("a token came of {piece:?}") };
        assert_eq!(failed.error.kind(), TokenErrorKind::TimedOut, "{piece:?}: {}", failed.shown);
        assert!(
            time.now() <= TestClock::new().now() + DEADLINE + Duration::from_secs(5),
            "{piece:?}: {:?}",
            time.now()
        );
    }
}

// THREAT-A5, THREAT-S7, R6749-5.2a
#[tokio::test]
async fn an_error_page_is_judged_by_its_status_however_large_or_compressed() {
    let wire = Wire::new();
    let place = Place::new(&wire.base);
    let clock = Clock::system();
    let http = transport(&clock);
    let page = "<p>".repeat(LIMIT / 3 + 1);
    let length = page.len();
    for (status, kind) in [
        (404, TokenErrorKind::Misconfigured),
        (429, TokenErrorKind::Throttled),
        (500, TokenErrorKind::ServerError),
        (503, TokenErrorKind::ServerError),
    ] {
        for head in [
            format!("content-length: {length}"),
            "connection: close".to_owned(),
            format!("content-length: {length}\r\ncontent-encoding: gzip"),
        ] {
            for way in [Way::Refresh, Way::ClientCredentials(ClientAuth::Basic), Way::Revoke, Way::Push] {
                wire.write(format!("HTTP/1.1 {status} x\r\nretry-after: 7\r\n{head}\r\n\r\n{page}").as_bytes());
                let Outcome::Failed(Failed { error, shown }) = place.go(way, &http, &clock).await else {
                    panic!("{status}")
                };
                assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{way:?} {head}: {shown}");
                assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{way:?} {head}");
            }
        }
    }
}
