//! Certificates, protocol versions, client certificates, proxies.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Response, Version};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_auth_core::{HttpTransport, Proxy, TransportErrorKind};

use super::server::{Ca, Server};
use super::{own, request};

fn version_of(version: Version) -> Response<Bytes> {
    Response::new(Bytes::from(format!("{version:?}")))
}

// R6750-5.3a
#[tokio::test]
async fn both_protocol_versions_are_spoken_by_alpn() {
    let ca = Ca::new();
    for (alpn, expected) in [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")] {
        let config = ca.server(&["localhost", "127.0.0.1"], alpn, None);
        let server = Server::https(config, |request| version_of(request.version())).await;
        let client = HttpTransport::new().only_roots(ca.pem.clone()).build().unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let response = client.send(request(&format!("https://{host}:{}/", server.port()))).await.unwrap();
            assert_eq!(response.body(), expected);
        }
    }
}

// R6750-5.3a
#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_for_another_name_is_a_tls_error() {
    let (ca, other) = (Ca::new(), Ca::new());
    let server = Server::https(ca.server(&["localhost"], &[], None), |_| Response::new(Bytes::new())).await;
    let unknown = HttpTransport::new().only_roots(other.pem.clone()).build().unwrap();
    let bundled = HttpTransport::new().bundled_roots().build().unwrap();
    let platform = HttpTransport::new().build().unwrap();
    let right = HttpTransport::new().bundled_roots().extra_roots(ca.pem.clone()).build().unwrap();
    let here = format!("https://localhost:{}/sentinel", server.port());
    for client in [unknown, bundled, platform] {
        let error = own(client.send(request(&here)).await.unwrap_err());
        assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Tls, true));
        let expected = format!("there is no trusted TLS connection to localhost:{} [transport.tls]", server.port());
        assert_eq!(error.to_string(), expected);
    }
    assert!(right.send(request(&here)).await.is_ok());
    let by_address = right.send(request(&format!("https://127.0.0.1:{}/", server.port()))).await;
    assert_eq!(own(by_address.unwrap_err()).kind(), TransportErrorKind::Tls);
}

// R6750-5.3a
#[tokio::test]
async fn a_server_without_tls_on_an_https_url_is_not_trusted() {
    let server = Server::http(|_| Response::new(Bytes::new())).await;
    let client = HttpTransport::new().bundled_roots().build().unwrap();
    let error = own(client.send(request(&format!("https://127.0.0.1:{}/", server.port()))).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Tls, true));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_demanded() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let server =
        Server::https(ca.server(&["localhost"], &[], Some(&clients)), |_| Response::new(Bytes::from_static(b"in")))
            .await;
    let here = format!("https://localhost:{}/", server.port());
    let plain = HttpTransport::new().only_roots(ca.pem.clone());
    let leaf = clients.leaf(&["client.example"], ExtendedKeyUsagePurpose::ClientAuth);
    let known = plain.clone().client_certificate(leaf.chain, leaf.key).build().unwrap();
    assert_eq!(known.send(request(&here)).await.unwrap().body(), "in");
    let leaf = ca.leaf(&["client.example"], ExtendedKeyUsagePurpose::ClientAuth);
    let foreign = plain.clone().client_certificate(leaf.chain, leaf.key).build().unwrap();
    for refused in [foreign, plain.build().unwrap()] {
        // In TLS 1.3 the refusal comes after the handshake: as an alert, or as a closed connection if that came first.
        let kind = own(refused.send(request(&here)).await.unwrap_err()).kind();
        assert!(matches!(kind, TransportErrorKind::Tls | TransportErrorKind::Protocol), "{kind:?}");
    }
}

/// A proxy: keeps the head of each `CONNECT`; opens a tunnel if the credential is right.
async fn tunnel(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    let admitted = head.contains("Proxy-Authorization: Basic dXNlcjpwcm94eS1wYXNz");
    heads.lock().unwrap().push(head);
    if !admitted {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        return;
    }
    let mut upstream = TcpStream::connect(target).await.unwrap();
    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
}

// R9110-11.7a
#[tokio::test]
async fn a_proxy_sees_a_connect_with_its_own_credential_and_nothing_of_the_request() {
    let ca = Ca::new();
    let server = Server::https(ca.server(&["localhost"], &["h2"], None), |request| version_of(request.version())).await;
    let heads = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&heads);
    let proxy = Server::raw("127.0.0.1:0", move |stream| tunnel(stream, Arc::clone(&shared))).await;
    let here = format!("https://localhost:{}/sentinel?sentinel", server.port());
    let through = Proxy::new(&format!("http://127.0.0.1:{}", proxy.port())).unwrap();

    let admitted = through.clone().basic_auth("user", "proxy-pass").unwrap();
    let client = HttpTransport::new().only_roots(ca.pem.clone()).proxy(admitted).build().unwrap();
    assert_eq!(client.send(request(&here)).await.unwrap().body(), "HTTP/2.0");
    let head = heads.lock().unwrap().pop().unwrap();
    assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port())), "{head}");
    assert!(!head.contains("sentinel"), "{head}");

    let client = HttpTransport::new().only_roots(ca.pem.clone()).proxy(through).build().unwrap();
    let error = own(client.send(request(&here)).await.unwrap_err());
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Connect, true));
    assert_eq!((server.connections(), proxy.connections()), (1, 2));
}
