//! The guard against server-side request forgery.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tower_auth_core::{AddressPolicy, HttpClient, HttpTransport, TransportErrorKind};

use super::server::{Ca, Server};
use super::{own, request};

async fn assert_forbidden(client: &HttpClient, url: &str) {
    let error = own(client.send(request(url)).await.expect_err(url));
    assert_eq!((error.kind(), error.is_unsent()), (TransportErrorKind::Forbidden, true), "{url}: {error:?}");
}

fn resolving_to(addresses: &[&str]) -> HttpTransport {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    HttpTransport::new().bundled_roots().resolver(move |_| std::future::ready(Ok(addresses.clone())))
}

// THREAT-T6, R9728-7.7a
#[tokio::test]
async fn literal_addresses_inside_are_refused_in_every_spelling() {
    let server = Server::http(|_| Response::new(Bytes::new())).await;
    let port = server.port();
    let client = HttpTransport::new().bundled_roots().public_addresses_only().build().unwrap();
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "localhost",
    ] {
        assert_forbidden(&client, &format!("https://{host}:{port}/sentinel")).await;
    }
    // What a system's resolver takes for 127.0.0.1. Some of it is no server name for TLS and is not even looked up.
    for host in ["127.1", "2130706433", "0x7f000001", "017700000001"] {
        let error = own(client.send(request(&format!("https://{host}:{port}/sentinel"))).await.expect_err(host));
        assert!(
            matches!(error.kind(), TransportErrorKind::Forbidden | TransportErrorKind::Connect),
            "{host}: {error:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

// THREAT-T6
#[tokio::test]
async fn a_name_that_resolves_inside_is_refused() {
    let server = Server::http(|_| Response::new(Bytes::new())).await;
    let url = format!("https://login.evil.example:{}/", server.port());
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.168.0.1", "100.64.0.1", "fd00::1"] {
        let client = resolving_to(&[inside]).public_addresses_only().build().unwrap();
        assert_forbidden(&client, &url).await;
    }
    assert_eq!(server.connections(), 0);
}

// THREAT-T6
// Only there is all of 127.0.0.0/8 bound to the loopback interface.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn of_several_addresses_only_the_permitted_are_connected_to() {
    let inside = Server::http(|_| Response::new(Bytes::new())).await;
    let port = inside.port();
    let allowed = Server::raw(&format!("127.0.0.2:{port}"), |_| async {}).await;
    let policy = AddressPolicy::public_only().allow_network("127.0.0.2").unwrap();
    let client = resolving_to(&["127.0.0.1", "127.0.0.2"]).address_policy(policy).build().unwrap();
    let _ = client.send(request(&format!("https://login.example:{port}/"))).await;
    assert_eq!((inside.connections(), allowed.connections()), (0, 1));
}

// THREAT-T6
#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let ca = Ca::new();
    let server =
        Server::https(ca.server(&["login.example"], &[], None), |_| Response::new(Bytes::from_static(b"right"))).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    // The permitted address once, and an inner one ever after.
    let rebinding = move |_: String| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, if first { 1 } else { 9 }])]))
    };
    let client = HttpTransport::new()
        .only_roots(ca.pem.clone())
        .resolver(rebinding)
        .address_policy(AddressPolicy::public_only().allow_network("127.0.0.1/32").unwrap())
        .pool_idle_timeout(Duration::ZERO)
        .build()
        .unwrap();
    let url = format!("https://login.example:{}/", server.port());
    // The address that was judged is the one that is used: the name is asked for once.
    assert_eq!(client.send(request(&url)).await.unwrap().body(), "right");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_forbidden(&client, &url).await;
}

// THREAT-T6
#[tokio::test]
async fn the_allow_list_opens_a_host_and_https_stays() {
    let ca = Ca::new();
    let server =
        Server::https(ca.server(&["login.corp.example"], &[], None), |_| Response::new(Bytes::from_static(b"right")))
            .await;
    let transport = resolving_to(&["127.0.0.1"]).extra_roots(ca.pem.clone());
    let client =
        transport.address_policy(AddressPolicy::public_only().allow_host("login.corp.example")).build().unwrap();
    let response = client.send(request(&format!("https://login.corp.example:{}/", server.port()))).await.unwrap();
    assert_eq!(response.body(), "right");
    assert_forbidden(&client, &format!("https://other.corp.example:{}/", server.port())).await;
    assert_forbidden(&client, &format!("http://login.corp.example:{}/", server.port())).await;
    assert_forbidden(&client, &format!("https://user@login.corp.example:{}/", server.port())).await;
}
