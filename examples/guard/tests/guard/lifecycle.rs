use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use axum::http::StatusCode;
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault};

use crate::support::{Answer, BASIC, Guard, USER, Upstream, callers, file, free_address, run};

#[test]
fn a_port_in_use_ends_with_1_and_says_which() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for key in ["http", "grpc", "admin"] {
        let path = file(&format!("{USER}[server]\n{key} = \"{address}\"\n"));
        let output = run(&[path.to_str().unwrap()]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("guard: cannot listen at {address}: ")), "{told}");
        assert!(output.stdout.is_empty(), "nothing is said to be ready");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_finished_and_no_new_ones_taken() {
    let upstream = Upstream::start().await;
    let mut guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let silent = guard.connect();
    let mut stream = guard.connect();
    write!(stream, "GET /hold HTTP/1.1\r\nhost: x\r\n{BASIC}\r\n").unwrap();
    upstream.is_held().await;
    guard.terminate();
    // The listener is closed at once, or nearly.
    while TcpStream::connect(&guard.http).is_ok() {
        tokio::task::yield_now().await;
    }
    upstream.release();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let answer = Answer::parse(&text);
    assert_eq!((answer.status, answer.body.as_str()), (200, "released"));
    assert_eq!(guard.wait(), Some(0));
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_in_time_is_cut_off_at_the_end() {
    let upstream = Upstream::start().await;
    let mut guard = Guard::start(&format!("{USER}{}[server]\ngrace = \"50ms\"\n", upstream.section("")));
    let mut stream = guard.connect();
    write!(stream, "GET /hold HTTP/1.1\r\nhost: x\r\n{BASIC}\r\n").unwrap();
    upstream.is_held().await;
    guard.terminate();
    assert_eq!(guard.wait(), Some(0));
    let mut text = String::new();
    assert!(stream.read_to_string(&mut text).is_err() || text.is_empty(), "{text}");
}

// THREAT-V16
#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_when_the_keys_are_there_and_says_how_they_are() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    server.fault(Endpoint::Jwks, Fault::status(StatusCode::INTERNAL_SERVER_ERROR).always());
    let text = format!("{}[server]\nallow_plaintext_issuer = true\n", callers(&server.issuer()));
    let guard = Guard::start(&text);
    assert_eq!(guard.get("/ready", "").status, 503);
    let status = guard.get("/status", "").json();
    assert_eq!((&status["ready"], &status["keys"][0]["state"]), (&false.into(), &"absent".into()), "{status}");
    assert!(status["keys"][0]["last_failure"].is_string(), "{status}");
    server.clear_faults();

    let guard = Guard::start(&text);
    // A probe waits for 2 s at most, which may be short where much runs at once.
    let is_ready = (0..10).any(|_| guard.get("/ready", "").status == 200);
    assert!(is_ready, "the probe has the keys fetched");
    let status = guard.get("/status", "").json();
    assert_eq!((&status["ready"], &status["keys"][0]["state"]), (&true.into(), &"fresh".into()), "{status}");
    assert_eq!(status["keys"][0]["issuer"], server.issuer());
}

#[test]
fn own_paths_move_as_configured() {
    let guard = Guard::start(&format!("{USER}[server]\nprefix = \"/-\"\nadmin = \"{}\"\n", free_address()));
    assert_eq!(guard.get("/-/me", BASIC).status, 200);
    for path in ["/me", "/open", "/ready", "/-/ready", "/-/status"] {
        assert_eq!(guard.get(path, BASIC).status, 404, "{path}");
    }
    let admin = guard.admin.as_deref().unwrap();
    let get = |path: &str| {
        crate::support::send(admin, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    };
    assert_eq!((get("/ready").status, get("/status").status, get("/me").status), (200, 200, 404));
}
