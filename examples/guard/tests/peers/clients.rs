//! Clients that others wrote.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::Answer;

/// A Python with the packages of `interop/python`, or nothing where it may be missing.
#[allow(clippy::disallowed_methods, reason = "the test script says by a variable where it is")]
fn python() -> Option<String> {
    let python = std::env::var("TOWER_AUTH_PYTHON").ok();
    if python.is_none() {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_PYTHON is not set");
        println!("skipped: TOWER_AUTH_PYTHON is not set");
    }
    python
}

fn script(name: &str) -> Option<Command> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/python").join(name);
    let mut command = Command::new(python()?);
    // Where a proxy is configured, it is none for this machine itself.
    command.arg(path).env("NO_PROXY", "*").env("no_proxy", "*").env("GRPC_VERBOSITY", "NONE");
    Some(command)
}

/// Whether the Python clients are here.
pub(crate) fn have_python() -> bool {
    python().is_some()
}

/// Runs a script, which reads JSON and writes JSON.
pub(crate) fn run(name: &str, given: &Value) -> Value {
    let mut command = script(name).unwrap();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {told}"))
}

/// A server in Python. It ends when this is dropped, or with its standard input.
pub(crate) struct PythonServer {
    child: Child,
    pub(crate) address: String,
}

impl PythonServer {
    pub(crate) fn start(name: &str) -> Self {
        let mut command = script(name).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().to_owned() }
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether curl is here, or may be missing.
#[allow(clippy::disallowed_methods, reason = "the test script says by a variable whether it may")]
pub(crate) fn have_curl() -> bool {
    let is_here = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_here {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "curl is missing");
        println!("skipped: curl is missing");
    }
    is_here
}

/// What curl gets.
pub(crate) fn curl(args: &[&str]) -> Answer {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "20"])
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("transfer-encoding: chunked\r\n", "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Answer::parse(&text)
}

/// A token of the client `cc-basic`, as curl gets it.
pub(crate) fn curl_token(issuer: &str, secret: &str, resource: &str) -> String {
    let (url, user) = (format!("{issuer}/token"), format!("cc-basic:{secret}"));
    let resource = format!("resource={resource}");
    let answer =
        curl(&["--user", &user, "-d", "grant_type=client_credentials", "-d", "scope=read", "-d", &resource, &url]);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}
