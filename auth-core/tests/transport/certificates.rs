//! Client certificates in files that somebody replaces.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper_util::rt::TokioIo;
use rcgen::ExtendedKeyUsagePurpose;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;
use tower_auth_core::{ConfigErrorKind, HttpClient, HttpTransport};
use tower_auth_testing::TestClock;
use tracing_subscriber::layer::SubscriberExt;

use super::request;
use super::server::{Ca, Leaf, Server, serve};

/// A pair of files in a folder of their own.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tower-auth-pair-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn holding(leaf: &Leaf) -> Self {
        let files = Self::new();
        files.replace(leaf);
        files
    }

    fn chain(&self) -> PathBuf {
        self.folder.join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("tls.key")
    }

    fn replace(&self, leaf: &Leaf) {
        fs::write(self.chain(), &leaf.chain).unwrap();
        fs::write(self.key(), &leaf.key).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn leaf(ca: &Ca) -> Leaf {
    ca.leaf(&["client.example"], ExtendedKeyUsagePurpose::ClientAuth)
}

fn der(leaf: &Leaf) -> Bytes {
    Bytes::from(CertificateDer::from_pem_slice(leaf.chain.as_bytes()).unwrap().to_vec())
}

/// A server that answers with the certificate that it was shown. What it demands can be changed.
struct Mirror {
    server: Server,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Mirror {
    async fn new(config: Arc<ServerConfig>) -> Self {
        let config = Arc::new(Mutex::new(config));
        let shared = Arc::clone(&config);
        let server = Server::raw("127.0.0.1:0", move |stream| {
            let config = Arc::clone(&shared.lock().unwrap());
            async move {
                let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
                serve(TokioIo::new(stream), move |_| Response::new(Bytes::from(shown.clone()))).await;
            }
        })
        .await;
        Self { server, config }
    }

    async fn sees(&self, client: &HttpClient) -> Option<Bytes> {
        let url = format!("https://localhost:{}/", self.server.port());
        client.send(request(&url)).await.ok().map(http::Response::into_body)
    }
}

fn transport(ca: &Ca, files: &Files, time: &TestClock) -> HttpTransport {
    let transport = HttpTransport::new().only_roots(ca.pem.clone()).clock(time.clock());
    transport.client_certificate_files(files.chain(), files.key())
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let (ca, clients, time) = (Ca::new(), Ca::new(), TestClock::new());
    for alpn in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let mirror = Mirror::new(ca.server(&["localhost"], alpn, Some(&clients))).await;
        let (old, new) = (leaf(&clients), leaf(&clients));
        let files = Files::holding(&old);
        let client = transport(&ca, &files, &time).build().unwrap();
        assert_eq!(mirror.sees(&client).await, Some(der(&old)));
        files.replace(&new);
        time.advance(Duration::from_secs(59)).await;
        assert_eq!(mirror.sees(&client).await, Some(der(&old)), "read once a minute at most");
        time.advance(Duration::from_secs(1)).await;
        // Neither an open connection nor a resumed session brings the old one back.
        for _ in 0..3 {
            assert_eq!(mirror.sees(&client).await, Some(der(&new)));
        }
        assert_eq!(mirror.server.connections(), 2, "an unchanged certificate costs no connection");
        time.advance(Duration::from_secs(600)).await;
        assert_eq!(mirror.sees(&client).await, Some(der(&new)));
        assert_eq!(mirror.server.connections(), 2);
    }
}

#[tokio::test]
async fn after_a_failed_connection_the_files_are_read_at_once() {
    let (ca, before, after, time) = (Ca::new(), Ca::new(), Ca::new(), TestClock::new());
    let mirror = Mirror::new(ca.server(&["localhost"], &[], Some(&after))).await;
    let (old, new) = (leaf(&before), leaf(&after));
    let files = Files::holding(&old);
    let client = transport(&ca, &files, &time).build().unwrap();
    assert_eq!(mirror.sees(&client).await, None);
    files.replace(&new);
    assert_eq!(mirror.sees(&client).await, Some(der(&new)));
    // And the other way round, with the connection that was open closed.
    *mirror.config.lock().unwrap() = ca.server(&["localhost"], &[], Some(&before));
    files.replace(&old);
    time.advance(Duration::from_secs(60)).await;
    assert_eq!(mirror.sees(&client).await, Some(der(&old)));
}

/// What each thread has logged. One subscriber for the whole program: with one per test, tests that run beside each other switch
/// each other's events off.
struct Log;

static LOGGED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

impl Log {
    fn begin() {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Log);
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        });
    }

    /// What this thread has logged since the last call.
    fn taken() -> String {
        let own = LOGGED.lock().unwrap().remove(&Self::key()).unwrap_or_default();
        String::from_utf8(own).unwrap()
    }

    fn key() -> String {
        format!("{:?}", std::thread::current().id())
    }
}

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        LOGGED.lock().unwrap().entry(Self::key()).or_default().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_pair_and_are_logged() {
    Log::begin();
    let taken = Log::taken;

    let (ca, clients, time) = (Ca::new(), Ca::new(), TestClock::new());
    let mirror = Mirror::new(ca.server(&["localhost"], &[], Some(&clients))).await;
    let (old, new) = (leaf(&clients), leaf(&clients));
    let files = Files::holding(&old);
    let client = transport(&ca, &files, &time).build().unwrap();
    assert_eq!(mirror.sees(&client).await, Some(der(&old)));

    let half = Leaf { chain: new.chain.clone(), key: old.key.clone() };
    let junk = Leaf { chain: "sentinel".to_owned(), key: "sentinel".to_owned() };
    let empty = Leaf { chain: String::new(), key: String::new() };
    for (broken, why) in [
        (&half, "the key is not that of the client certificate"),
        (&junk, "the client certificate is not PEM with certificates"),
        (&empty, "is empty or not valid UTF-8"),
    ] {
        files.replace(broken);
        taken();
        time.advance(Duration::from_secs(60)).await;
        for _ in 0..3 {
            assert_eq!(mirror.sees(&client).await, Some(der(&old)));
        }
        let text = taken();
        assert_eq!(text.matches("the last good one is shown").count(), 1, "once a minute: {text}");
        assert!(text.contains(" WARN ") && text.contains(why) && !text.contains("sentinel"), "{text}");
    }
    files.replace(&new);
    fs::remove_file(files.key()).unwrap();
    time.advance(Duration::from_secs(60)).await;
    assert_eq!(mirror.sees(&client).await, Some(der(&old)));
    assert!(taken().contains("tls.key cannot be read"));
    files.replace(&new);
    time.advance(Duration::from_secs(60)).await;
    assert_eq!(mirror.sees(&client).await, Some(der(&new)));
    assert!(taken().contains("the client certificate was replaced"));
}

#[test]
fn a_pair_that_cannot_be_used_is_found_at_build() {
    let (ca, time) = (Ca::new(), TestClock::new());
    let (one, other) = (leaf(&ca), leaf(&ca));
    let files = Files::holding(&Leaf { chain: one.chain.clone(), key: other.key.clone() });
    let texts =
        HttpTransport::new().only_roots(ca.pem.clone()).client_certificate(one.chain.clone(), other.key.clone());
    for mismatch in [transport(&ca, &files, &time), texts] {
        let error = mismatch.build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Tls);
        assert!(error.to_string().contains("the key is not that of the client certificate"), "{error}");
        assert!(!format!("{error:?}").contains("PRIVATE"), "{error:?}");
    }
    fs::remove_file(files.key()).unwrap();
    let error = transport(&ca, &files, &time).build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::MissingSecret);
    assert!(error.to_string().contains("tls.key"), "{error}");
}

#[cfg(feature = "oauth")]
#[test]
fn the_oauth_client_takes_files_too() {
    use tower_auth_core::{ClientAuth, OAuthClient};
    let ca = Ca::new();
    let files = Files::holding(&leaf(&ca));
    let client = || {
        let client = OAuthClient::builder("orders").token_endpoint("https://login.example.com/token");
        client.client_auth(ClientAuth::TlsClientAuth)
    };
    let shown = client().client_certificate_files(files.chain(), files.key());
    assert!(!format!("{shown:?}").contains("PRIVATE"));
    assert!(shown.build().is_ok());
    assert_eq!(client().build().unwrap_err().kind(), ConfigErrorKind::MissingOption);
    let missing = client().client_certificate_files(files.folder.join("none"), files.key()).build().unwrap_err();
    assert_eq!(missing.kind(), ConfigErrorKind::MissingSecret);
}
