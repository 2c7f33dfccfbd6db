//! The built program from outside.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Flaw};

const BIN: &str = env!("CARGO_BIN_EXE_guard");
const KEY_DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn run(args: &[&str]) -> Output {
    Command::new(BIN).args(args).output().unwrap()
}

struct Guard {
    child: Child,
    http: String,
    grpc: String,
}

impl Guard {
    fn start(name: &str, issuer: &str) -> Self {
        let text = format!(
            "realm = \"orders\"\n[[issuer]]\nurl = \"{issuer}\"\naudience = \"orders\"\n\
             [[basic]]\nuser = \"a\"\npassword = {{ value = \"b\" }}\n\
             [[api_key]]\nid = \"partner\"\ndigest = \"{KEY_DIGEST}\"\n\
             [server]\nscope = \"orders:read\"\nallow_plaintext_issuer = true\n"
        );
        let mut command = Command::new(BIN);
        command.arg(file(name, &text)).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { child, http: address("http"), grpc: address("grpc") }
    }

    /// The whole answer, in lower case.
    fn get(&self, path: &str, header: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_lowercase()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

// THREAT-L1
#[test]
fn the_example_is_accepted_and_check_masks_its_secrets() {
    let output = run(&["--check", concat!(env!("CARGO_MANIFEST_DIR"), "/guard.example.toml")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("https://login.example.com"), "{text}");
    assert!(!text.contains("change-me") && !text.contains("ba7816bf"), "{text}");
}

#[test]
fn every_mistake_is_reported_at_once_with_line_and_nearest_key() {
    let text = "[[issuer]]\nurl = \"https://a.example\"\naudience = \"o\"\naudiance = \"o\"\n[server]\nscop = \"a\"\n";
    let path = file("bad", text);
    let output = run(&[path.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap().replace(path.to_str().unwrap(), "FILE");
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("FILE:6: server.scop: unknown key; did you mean \"scope\"?"), "{told}");
    assert!(told.contains("FILE:4: issuer[0].audiance: unknown key; did you mean \"audience\"?"), "{told}");
}

// R6750-3a, R6750-3.1a, R6750-3.1b, R9110-11.3a, R9110-11.4a
#[tokio::test(flavor = "multi_thread")]
async fn each_credential_gets_its_answer_on_each_route() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start("table", &server.issuer());
    let plain = bearer(&server.mint().audience("orders").sign());
    let granted = bearer(&server.mint().audience("orders").scopes(["orders:read"]).sign());
    let (basic, key) = ("authorization: Basic YTpi\r\n".to_owned(), "x-api-key: abc\r\n".to_owned());
    let rows = [
        (String::new(), [200, 401, 401]),
        (plain, [200, 200, 403]),
        (granted, [200, 200, 200]),
        (basic, [200, 200, 403]),
        (key, [200, 200, 403]),
    ];
    for (header, statuses) in rows {
        for (path, status) in ["/open", "/me", "/scoped"].into_iter().zip(statuses) {
            let answer = guard.get(path, &header);
            assert!(answer.starts_with(&format!("http/1.1 {status}")), "{path} {answer}");
            if status == 401 {
                assert!(answer.contains("bearer realm=") && answer.contains("basic realm="), "{answer}");
            }
        }
    }
    for flaw in Flaw::ALL {
        let answer = guard.get("/me", &bearer(&server.mint().audience("orders").flaw(*flaw).sign()));
        assert!(answer.starts_with("http/1.1 401"), "{flaw:?} {answer}");
    }
}

// THREAT-V16, GRPC-7
#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_answer_is_503_and_sigterm_ends_with_0() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    server.fault(Endpoint::Jwks, Fault::status(axum::http::StatusCode::INTERNAL_SERVER_ERROR).always());
    let mut guard = Guard::start("down", &server.issuer());
    let token = server.mint().audience("orders").sign();
    assert_eq!(health(&guard, Some(&token)).await, tonic::Code::Unavailable);
    let answer = guard.get("/me", &bearer(&server.mint().audience("orders").sign()));
    assert!(answer.starts_with("http/1.1 503") && answer.contains("retry-after:"), "{answer}");
    assert!(Command::new("kill").arg(guard.child.id().to_string()).status().unwrap().success());
    assert_eq!(guard.child.wait().unwrap().code(), Some(0));
}

async fn health(guard: &Guard, token: Option<&str>) -> tonic::Code {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", guard.grpc)).unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(endpoint.connect().await.unwrap());
    let mut request = tonic::Request::new(tonic_health::pb::HealthCheckRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    client.check(request).await.map_or_else(|status| status.code(), |_| tonic::Code::Ok)
}

// GRPC-3
#[tokio::test(flavor = "multi_thread")]
async fn grpc_health_is_for_good_credentials_only() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start("grpc", &server.issuer());
    let good = server.mint().audience("orders").sign();
    let bad = server.mint().audience("orders").flaw(Flaw::Expired).sign();
    assert_eq!(health(&guard, Some(&good)).await, tonic::Code::Ok);
    assert_eq!(health(&guard, Some(&bad)).await, tonic::Code::Unauthenticated);
    assert_eq!(health(&guard, None).await, tonic::Code::Unauthenticated);
}

// THREAT-K3, THREAT-A2
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_it_serves() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start("rotation", &server.issuer());
    let accepted = |token: &str| guard.get("/me", &bearer(token)).starts_with("http/1.1 200");
    let old = server.mint().audience("orders").sign();
    assert!(accepted(&old));
    server.rotate_keys(false);
    let new = server.mint().audience("orders").sign();
    assert!(accepted(&new), "an unknown key id is looked up at once");
    assert!(!accepted(&old), "its key is withdrawn");
    assert_eq!(health(&guard, Some(&new)).await, tonic::Code::Ok);
}

// THREAT-L1, R9110-11.4a
#[tokio::test(flavor = "multi_thread")]
async fn the_principal_is_shown_without_the_token_and_a_lacking_scope_is_named() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start("principal", &server.issuer());
    let token = server.mint().audience("orders").subject("alice").client_id("app").sign();
    let answer = guard.get("/me", &bearer(&token));
    for part in ["\"subject\":\"alice\"", "\"client_id\":\"app\"", "\"method\":\"jwt\"", "\"expires_at\":"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(!answer.contains(&token.to_lowercase()) && !answer.contains("eyj"), "{answer}");
    let answer = guard.get("/scoped", &bearer(&token));
    assert!(answer.contains("error=\"insufficient_scope\"") && answer.contains("scope=\"orders:read\""), "{answer}");
}
