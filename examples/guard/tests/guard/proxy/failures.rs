use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Answer, BASIC, Guard, USER, Upstream, free_address};

#[test]
fn an_upstream_that_is_down_is_502_and_only_for_callers() {
    let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{}\"\n", free_address()));
    assert_eq!(guard.get("/a", BASIC).status, 502);
    assert_eq!(guard.get("/a", "").status, 401);
    assert_eq!(guard.get("/me", BASIC).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_answer_is_504() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("timeout = \"100ms\"\n")));
    assert_eq!(guard.get("/hold", BASIC).status, 504);
}

// Real time passes here: what is tried is that it does not count while a body is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_is_not_taken_for_silence() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("timeout = \"2s\"\n")));
    let mut stream = guard.connect();
    write!(stream, "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n{BASIC}\r\n")
        .unwrap();
    for _ in 0..12 {
        stream.write_all(b"1\r\nx\r\n").unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(Answer::parse(&text).status, 200, "{text}");
    assert_eq!(upstream.only().body, "xxxxxxxxxxxx");
}

#[test]
fn an_upstream_that_speaks_something_else_is_502() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{address}\"\n"));
    assert_eq!(guard.get("/a", BASIC).status, 502);
}
