//! Time, size, encoding, redirects, plain http.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, LOCATION};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_auth_core::{ConfigErrorKind, HttpClient, HttpTransport, TransportErrorKind};

use super::server::Server;
use super::{own, request};

fn loopback() -> HttpTransport {
    HttpTransport::new().bundled_roots().allow_loopback_http()
}

fn url(server: &Server) -> String {
    format!("http://127.0.0.1:{}/token?key=sentinel", server.port())
}

/// Reads a request's head, then writes `head`, then the same byte again and again with pauses.
async fn drip(mut stream: TcpStream, head: &'static [u8]) {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(head).await;
    while stream.write_all(b" ").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// THREAT-A4
#[tokio::test]
async fn a_dripping_body_hits_the_deadline_of_the_whole_exchange() {
    let server =
        Server::raw("127.0.0.1:0", |stream| drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n")).await;
    let client = loopback().total_timeout(Duration::from_millis(200)).build().unwrap();
    let error = own(client.send(request(&url(&server))).await.unwrap_err());
    assert_eq!(error.kind(), TransportErrorKind::TimedOut);
    assert!(!error.is_unsent());
    let expected =
        format!("the exchange with 127.0.0.1:{} took longer than 200ms [transport.timed_out]", server.port());
    assert_eq!(error.to_string(), expected);
}

// THREAT-A4
#[tokio::test]
async fn a_server_that_never_answers_hits_the_deadline() {
    let server = Server::raw("127.0.0.1:0", |stream| async move {
        let _open = stream;
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let client = loopback().total_timeout(Duration::from_millis(100)).build().unwrap();
    let error = own(client.send(request(&url(&server))).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::TimedOut, false));
}

// THREAT-A4
#[tokio::test]
async fn a_handshake_that_never_ends_hits_the_connect_timeout_before_anything_is_sent() {
    let server = Server::raw("127.0.0.1:0", |stream| async move {
        let _open = stream;
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let client = HttpTransport::new().bundled_roots().connect_timeout(Duration::from_millis(100)).build().unwrap();
    let error = own(client.send(request(&format!("https://127.0.0.1:{}/", server.port()))).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::TimedOut, true));
    // The total deadline, too, knows that nothing was sent while the connection was not there.
    let client = HttpTransport::new().bundled_roots().total_timeout(Duration::from_millis(100)).build().unwrap();
    let error = own(client.send(request(&format!("https://127.0.0.1:{}/", server.port()))).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::TimedOut, true));
}

// THREAT-A5
#[tokio::test]
async fn no_memory_is_set_aside_for_what_is_only_announced() {
    let server = Server::raw("127.0.0.1:0", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000000000000\r\n\r\nx").await;
    })
    .await;
    let client = loopback().max_body(usize::MAX).build().unwrap();
    let error = own(client.send(request(&url(&server))).await.unwrap_err());
    assert_eq!(error.kind(), TransportErrorKind::Protocol);
}

// THREAT-A5
#[tokio::test]
async fn a_body_is_read_up_to_the_cap_and_not_a_byte_further() {
    for (size, ok) in [(1000, true), (1001, false)] {
        let announced = Server::http(move |_| Response::new(Bytes::from(vec![b'x'; size]))).await;
        let streamed = Server::raw("127.0.0.1:0", move |mut stream: TcpStream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
            for _ in 0..size {
                let _ = stream.write_all(b"x").await;
            }
        })
        .await;
        for server in [announced, streamed] {
            let client = loopback().max_body(1000).build().unwrap();
            match client.send(request(&url(&server))).await {
                Ok(response) => assert!(ok && response.body().len() == size),
                Err(error) => assert!(!ok && own(error).kind() == TransportErrorKind::TooLarge),
            }
        }
    }
}

// THREAT-A5
#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let server = Server::raw("127.0.0.1:0", |mut stream: TcpStream| async move {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let error = own(loopback().build().unwrap().send(request(&url(&server))).await.unwrap_err());
    assert_eq!(error.kind(), TransportErrorKind::TooLarge);
}

// THREAT-A5
#[tokio::test]
async fn compression_is_neither_asked_for_nor_accepted() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let server = Server::http(move |request| {
        seen.fetch_or(request.headers().contains_key(ACCEPT_ENCODING), Ordering::SeqCst);
        let encoding = if request.uri().path() == "/identity" { "identity" } else { "gzip" };
        Response::builder().header(CONTENT_ENCODING, encoding).body(Bytes::from_static(b"\x1f\x8b")).unwrap()
    })
    .await;
    let client = loopback().build().unwrap();
    let mut wish = request(&url(&server));
    wish.headers_mut().insert(ACCEPT_ENCODING, http::HeaderValue::from_static("gzip"));
    let error = own(client.send(wish).await.unwrap_err());
    assert_eq!(error.kind(), TransportErrorKind::Encoded);
    assert!(!asked.load(Ordering::SeqCst));
    assert!(client.send(request(&format!("http://127.0.0.1:{}/identity", server.port()))).await.is_ok());
}

// THREAT-T2, THREAT-T4
#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let target = Server::http(|_| Response::new(Bytes::new())).await;
    let location = url(&target);
    let server = Server::http(move |_| {
        Response::builder()
            .status(StatusCode::TEMPORARY_REDIRECT)
            .header(LOCATION, &location)
            .header(CONTENT_LENGTH, 0)
            .body(Bytes::new())
            .unwrap()
    })
    .await;
    let response = loopback().build().unwrap().send(request(&url(&server))).await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(target.connections(), 0);
}

// R6749-3.2a, R6750-5.3a, THREAT-T3
#[tokio::test]
async fn plain_http_and_user_information_are_refused_before_anything_is_sent() {
    let server = Server::http(|_| Response::new(Bytes::new())).await;
    let port = server.port();
    let refused = async |client: &HttpClient, url: String| {
        let error = own(client.send(request(&url)).await.expect_err(&url));
        assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Forbidden, true), "{url}");
    };
    let strict = HttpTransport::new().bundled_roots().build().unwrap();
    refused(&strict, format!("http://127.0.0.1:{port}/sentinel")).await;
    let loopback = loopback().build().unwrap();
    refused(&loopback, format!("http://localhost:{port}/sentinel")).await;
    refused(&loopback, format!("http://user:sentinel@127.0.0.1:{port}/")).await;
    refused(&loopback, "/path-only".to_owned()).await;
    refused(&loopback, format!("ftp://127.0.0.1:{port}/")).await;
    assert_eq!(server.connections(), 0);
    assert!(loopback.send(request(&url(&server))).await.is_ok());
    let named = HttpTransport::new()
        .bundled_roots()
        .dangerous()
        .allow_plaintext(format!("http://localhost:{port}"))
        .build()
        .unwrap();
    assert!(named.send(request(&format!("http://localhost:{port}/"))).await.is_ok());
    refused(&named, format!("http://127.0.0.1:{port}/")).await;
}

#[tokio::test]
async fn a_refused_connection_is_known_to_be_unsent() {
    let server = Server::http(|_| Response::new(Bytes::new())).await;
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    assert_ne!(free, server.port());
    let client = loopback().build().unwrap();
    let error = own(client.send(request(&format!("http://127.0.0.1:{free}/sentinel"))).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Connect, true));
    assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.1:{free} [transport.connect]"));
    let nowhere = HttpTransport::new()
        .bundled_roots()
        .resolver(|_| async { Err(std::io::Error::other("no such name")) })
        .build()
        .unwrap();
    let error = own(nowhere.send(request("https://absent.example/")).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Connect, true));
}

#[tokio::test]
async fn a_broken_connection_and_a_peer_that_is_no_web_server_are_protocol_errors() {
    for answer in [&b""[..], b"SSH-2.0-sentinel\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nsentinel"] {
        let server = Server::raw("127.0.0.1:0", move |mut stream: TcpStream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        })
        .await;
        let error = own(loopback().build().unwrap().send(request(&url(&server))).await.unwrap_err());
        assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Protocol, false));
    }
}

#[test]
fn options_that_contradict_each_other_are_found_when_building() {
    let guarded = || HttpTransport::new().bundled_roots().public_addresses_only();
    let proxy = tower_auth_core::Proxy::new("http://127.0.0.1:3128").unwrap();
    for broken in [guarded().proxy(proxy), guarded().allow_loopback_http()] {
        assert_eq!(broken.build().unwrap_err().kind(), ConfigErrorKind::InvalidOption);
    }
    let no_origin = HttpTransport::new().bundled_roots().dangerous().allow_plaintext("mesh");
    assert_eq!(no_origin.build().unwrap_err().kind(), ConfigErrorKind::InvalidOrigin);
}

#[test]
fn one_client_serves_many_runtimes_one_after_the_other() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            send.send(Server::http(|_| Response::new(Bytes::from_static(b"here"))).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let server = receive.recv().unwrap();
    let client = loopback().total_timeout(Duration::from_secs(5)).build().unwrap();
    for _ in 0..10 {
        // The connections of the runtime before are dead by now, and must not be taken for live ones.
        let response = runtime().block_on(client.send(request(&url(&server)))).unwrap();
        assert_eq!(response.body(), "here");
    }
}
