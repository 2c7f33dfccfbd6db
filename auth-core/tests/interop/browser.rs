#![allow(dead_code, reason = "the tests of each crate use a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::core::{HttpClient, HttpTransport};
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

/// Chromium without a window, driven by the WebDriver protocol. It ends when this is dropped.
#[derive(Clone)]
pub(crate) struct Browser(std::sync::Arc<Inner>);

struct Inner {
    child: std::sync::Mutex<Child>,
    port: u16,
    session: String,
    http: HttpClient,
}

impl Browser {
    /// Starts a browser, or says why not. Where nothing may be skipped that is a failure.
    #[allow(clippy::disallowed_methods, reason = "the test script says by a variable where the driver is")]
    pub(crate) async fn start() -> Option<Self> {
        let Ok(driver) = std::env::var("TOWER_AUTH_CHROMEDRIVER") else {
            assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_CHROMEDRIVER is not set");
            println!("skipped: TOWER_AUTH_CHROMEDRIVER is not set");
            return None;
        };
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| line.unwrap().rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let port: u16 = port.unwrap();
        // The driver must not be stopped by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let http = HttpTransport::new().allow_loopback_http().total_timeout(Duration::from_secs(90)).build().unwrap();
        let mut inner = Inner { child: child.into(), port, session: String::new(), http };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let session = inner.command(Method::POST, "/session", wanted).await;
        inner.session = session["sessionId"].as_str().unwrap().to_owned();
        Some(Self(inner.into()))
    }

    /// Goes to `url`, and waits until the page that this leads to is there.
    pub(crate) async fn open(&self, url: &str) {
        self.command(Method::POST, "url", json!({ "url": url })).await;
    }

    /// Where the browser is.
    pub(crate) async fn url(&self) -> String {
        self.command(Method::GET, "url", Value::Null).await.as_str().unwrap().to_owned()
    }

    /// The title of the page.
    pub(crate) async fn title(&self) -> String {
        self.command(Method::GET, "title", Value::Null).await.as_str().unwrap().to_owned()
    }

    /// Forgets the cookies of the site it is on.
    pub(crate) async fn forget_cookies(&self) {
        self.command(Method::DELETE, "cookie", Value::Null).await;
    }

    async fn command(&self, method: Method, name: &str, body: Value) -> Value {
        self.0.command(method, &format!("/session/{}/{name}", self.0.session), body).await
    }
}

impl Inner {
    async fn command(&self, method: Method, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.port))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .unwrap();
        let response = self.http.send(request).await.unwrap();
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        assert!(response.status().is_success(), "{path}: {answer}");
        answer["value"].clone()
    }

    /// Ends the browser, which would outlive its driver.
    fn quit(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (session, port) = (&self.session, self.port);
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        stream.read(&mut [0; 64]).map(drop)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.quit();
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}
