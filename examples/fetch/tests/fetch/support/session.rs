use std::collections::HashMap;

use bytes::Bytes;
use fetch::{Answer, Call, Origins, Session, Setup};
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_auth::core::{ProviderSpec, ProviderValues};
use tower_auth_testing::TestClock;

use super::Server;

/// A session in this process whose tokens live by the test's clock.
pub(crate) fn session(spec: &ProviderSpec, values: &[(&str, &str)], servers: &[&Server], time: &TestClock) -> Session {
    let origins: Vec<_> = servers.iter().map(|server| server.origin.clone()).collect();
    let origins = Origins::allow_plaintext(&origins).unwrap();
    let environment: HashMap<_, _> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let values = ProviderValues::new().env(move |name| environment.get(name).cloned());
    let filled = spec.fill(&values).unwrap();
    Session::open(filled, Setup { origins, clock: time.clock(), ..Setup::new() }).unwrap()
}

/// Calls a path below the base URL.
pub(crate) async fn get(session: &Session, path: &str) -> Answer {
    let uri = session.resolve(path).unwrap();
    session.send(&Call { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new() }).await.unwrap()
}

/// Goes where a browser is sent.
pub(crate) async fn browse(url: &str) {
    let uri: http::Uri = url.parse().unwrap();
    let port = uri.port_u16().unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (host, path) = (uri.authority().unwrap(), uri.path_and_query().unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
}
