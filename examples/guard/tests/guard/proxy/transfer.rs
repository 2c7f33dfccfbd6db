use std::io::{Read, Write};
use std::net::TcpStream;

use tower_auth_testing::AuthorizationServer;

use crate::support::{BASIC, Guard, USER, Upstream, bearer, callers};

/// Reads until `end` has come.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 1024]);
    while !text.contains(end) {
        let len = stream.read(&mut bytes).unwrap();
        assert!(len > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_through_as_they_come_both_ways() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let mut stream = guard.connect();
    write!(stream, "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{BASIC}\r\n3\r\none\r\n").unwrap();
    let text = read_until(&mut stream, "one\r\n");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    stream.write_all(b"3\r\ntwo\r\n").unwrap();
    read_until(&mut stream, "two\r\n");
    stream.write_all(b"0\r\n\r\n").unwrap();
    read_until(&mut stream, "0\r\n\r\n");

    let mut events = guard.connect();
    write!(events, "GET /stream HTTP/1.1\r\nhost: x\r\n{BASIC}\r\n").unwrap();
    upstream.write("first");
    read_until(&mut events, "first");
    upstream.write("second");
    read_until(&mut events, "second");
}

// RFC 9110 section 7.6.1
#[tokio::test(flavor = "multi_thread")]
async fn fields_for_one_hop_stay_on_it() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let hop = "connection: close, x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nproxy-authorization: Basic QTpi\r\n\
               proxy-connection: keep-alive\r\nte: trailers, gzip\r\nupgrade: h2c\r\nexpect: 100-continue\r\nproxy: http://evil\r\n";
    let body = "content-length: 4\r\n\r\nbody";
    let answer = guard.send(&format!("POST /hop HTTP/1.1\r\nhost: x\r\n{hop}{BASIC}x-end: 1\r\n{body}"));
    assert!(answer.body == "hop" || answer.body.ends_with("hop"), "{answer:?}");
    let seen = upstream.only();
    for name in
        ["x-mine", "keep-alive", "proxy-authorization", "proxy-connection", "upgrade", "expect", "connection", "proxy"]
    {
        assert_eq!(seen.values(name), Vec::<&str>::new(), "{name}");
    }
    assert_eq!((seen.values("te"), seen.values("x-end")), (vec!["trailers"], vec!["1"]));
    assert_eq!((seen.values("content-length"), seen.body.as_str()), (vec!["4"], "body"));

    let answer = guard.get("/hop", BASIC);
    assert_eq!((answer.status, answer.body.as_str()), (200, "hop"));
    assert_eq!((answer.values("x-hop"), answer.values("keep-alive")), (vec![], vec![]));
    assert_eq!(answer.values("x-end"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_upstream_are_its_own() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let answer = guard.get("/teapot", BASIC);
    assert_eq!((answer.status, answer.body.as_str()), (418, "teapot"));
    assert_eq!(answer.values("www-authenticate"), ["Own realm=\"upstream\""]);
}

// A message whose end two parties might see in two places is not passed on as it came.
#[tokio::test(flavor = "multi_thread")]
async fn no_second_request_can_hide_in_a_body() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\nx-auth-subject: root\r\n\r\n";
    let framings = [
        format!("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("content-length: 0\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("connection: close, content-length\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len()),
    ];
    for framing in framings {
        guard.send(&format!("POST /a HTTP/1.1\r\nhost: x\r\n{BASIC}connection: close\r\n{framing}"));
    }
    for seen in upstream.seen() {
        assert_eq!(seen.line, "POST /a HTTP/1.1", "{seen:?}");
        assert_eq!(seen.values("x-auth-subject"), ["a"], "{seen:?}");
    }
}

// THREAT-K3
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_end_with_the_credential_of_its_caller() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let upstream = Upstream::start().await;
    let section = upstream.section("end_at_expiry = true\n");
    let text = format!("{}{section}[server]\nallow_plaintext_issuer = true\n", callers(&server.issuer()));
    let guard = Guard::start(&text);
    let token = server.mint().audience("orders").lifetime(std::time::Duration::from_secs(3)).sign();
    let mut stream = guard.connect();
    write!(stream, "GET /stream HTTP/1.1\r\nhost: x\r\n{}\r\n", bearer(&token)).unwrap();
    upstream.write("first");
    let text = read_until(&mut stream, "0\r\n\r\n");
    assert!(text.contains("first"), "{text}");
}
