//! How much memory an answer can cost.

use std::io::Write;
use std::net::TcpStream;

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, ClientAuth, Clock, HttpClient};

use super::bodies::{ACCESS, LIMIT};
use super::sockets::{Wire, transport};
use super::ways::{Outcome, Place, Way};

/// The most that one exchange may hold at a time, whatever is sent: a few answers of the largest size that is read.
const BOUND: u64 = 2 * 1024 * 1024;

const HUGE: usize = 64 * 1024 * 1024;

/// What a server writes, until nobody reads any more.
type Flood = fn(&mut TcpStream);

fn repeat(stream: &mut TcpStream, head: &str, piece: &[u8]) {
    repeat_up_to(HUGE, stream, head, piece);
}

fn repeat_up_to(size: usize, stream: &mut TcpStream, head: &str, piece: &[u8]) {
    let _ = stream.write_all(head.as_bytes());
    let piece = piece.repeat(64 * 1024 / piece.len());
    for _ in 0..size / piece.len() {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
}

const FLOODS: &[(&str, Flood)] = &[
    ("announced", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n", b"x")),
    ("until the end", |stream| repeat(stream, "HTTP/1.1 200 OK\r\n\r\n", b"[{\"a\":")),
    ("chunked", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4\r\nxxxx\r\n")),
    ("one chunk", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4000000\r\n", b"x")),
    ("an error", |stream| repeat(stream, "HTTP/1.1 503 No\r\ncontent-type: text/html\r\n\r\n", b"<p>")),
    ("compressed", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", b"\x1f\x8b\x08\0")),
    ("one header", |stream| repeat(stream, "HTTP/1.1 200 OK\r\nx: ", b"y")),
    ("headers", |stream| repeat(stream, "HTTP/1.1 200 OK\r\n", b"x: y\r\n")),
    // Nothing but the deadline ends these, and reading them takes its time.
    ("hints", |stream| repeat_up_to(HUGE / 64, stream, "", b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n")),
    ("chunk extension", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"x")),
    ("trailers", |stream| repeat(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n")),
];

fn peak(way: Way, base: &str, http: &HttpClient) -> (u64, bool) {
    let place = Place::new(base);
    let clock = Clock::system();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failed = false;
    let counted = allocation_counter::measure(|| {
        failed = matches!(runtime.block_on(place.go(way, http, &clock)), Outcome::Failed(_));
    });
    (counted.bytes_max, failed)
}

// THREAT-A5
#[test]
fn sixty_four_mebibytes_on_the_wire_cost_no_more_than_two() {
    let wire = Wire::new();
    for (name, flood) in FLOODS {
        for way in [Way::ClientCredentials(ClientAuth::Basic), Way::Refresh] {
            wire.serve(flood);
            let (peak, failed) = peak(way, &wire.base, &transport(&Clock::system()));
            assert!(failed && peak > 1_000 && peak < BOUND, "{name}, {way:?}: {peak} bytes");
        }
    }
}

fn answering(status: u16, body: Bytes) -> HttpClient {
    HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
        std::future::ready(Ok::<_, BoxError>(Response::builder().status(status).body(body.clone()).unwrap()))
    }))
}

// THREAT-A5
#[test]
fn the_worst_answer_that_is_read_costs_two_mebibytes_at_most() {
    let fill = |unit: &str, room: usize| unit.repeat((LIMIT - room) / unit.len());
    let cases = [
        ("huge", "x".repeat(HUGE)),
        ("members", {
            let members: Vec<_> = (0..1000).map(|number| format!("\"{number:050}\":0")).collect();
            format!("{{{}}}", members.join(","))
        }),
        ("brackets", fill("[", 0)),
        ("objects", fill("{\"a\":", 0)),
        ("token", format!("{{\"access_token\":\"{}\"", fill("x", 100))),
        ("description", format!("{{\"error\":\"x\",\"error_description\":\"{}\"}}", fill("x", 100))),
        (
            "beginnings",
            format!("{{\"error\":\"x\",\"error_description\":\"{}\"}}", fill("r3fresh-0123456789-0123", 100)),
        ),
        ("tokens", format!("{{\"error\":\"x\",\"access_token\":\"{}\"}}", fill("x/", 100))),
        ("code", format!("{{\"error\":\"{}\"}}", fill("\\u0000", 100))),
        ("scopes", format!("{{\"access_token\":\"{ACCESS}\",\"token_type\":\"n\",\"scope\":\"{}\"}}", fill("a ", 200))),
    ];
    for (name, body) in cases {
        let body = Bytes::from(body);
        for status in [200, 400, 503] {
            for way in [Way::ClientCredentials(ClientAuth::Basic), Way::Refresh, Way::Push, Way::TokenExchange] {
                let (peak, failed) = peak(way, "https://login.example.com", &answering(status, body.clone()));
                assert!(failed && peak > 1_000 && peak < BOUND, "{name}, {status}, {way:?}: {peak} bytes");
            }
        }
    }
}
