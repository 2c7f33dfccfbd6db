use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Answer;

pub(crate) const BIN: &str = env!("CARGO_BIN_EXE_guard");

/// A running guard. It ends when this is dropped.
pub(crate) struct Guard {
    child: Child,
    pub(crate) http: String,
    pub(crate) grpc: String,
    pub(crate) admin: Option<String>,
}

/// A file of a configuration.
pub(crate) fn file(text: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("guard-{}-{}.toml", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(BIN).args(args).output().unwrap()
}

/// An address that nobody listens at: whoever connects is refused.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

impl Guard {
    pub(crate) fn start(text: &str) -> Self {
        let mut command = Command::new(BIN);
        let path = file(text);
        let mut child = command.arg(&path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let output = run(&[path.to_str().unwrap()]);
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| ready[name].as_str().map(str::to_owned);
        Self { child, http: address("http").unwrap(), grpc: address("grpc").unwrap(), admin: address("admin") }
    }

    /// Sends bytes, and reads until the connection is closed.
    pub(crate) fn send(&self, text: &str) -> Answer {
        send(&self.http, text)
    }

    pub(crate) fn get(&self, path: &str, header: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n"))
    }

    /// A connection that is used by hand.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.http)
    }

    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// The exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

pub(crate) fn send(address: &str, text: &str) -> Answer {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // A refusal of a broken request may come with a reset.
    let _ = stream.read_to_end(&mut bytes);
    Answer::parse(&String::from_utf8_lossy(&bytes))
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
