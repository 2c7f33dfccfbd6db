use std::net::TcpListener;

use crate::support::{BASIC, Guard, USER, Upstream, free_address};

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
    assert_eq!(guard.get("/a", BASIC).status, 200);
}

#[test]
fn an_upstream_that_speaks_something_else_is_502() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{address}\"\n"));
    assert_eq!(guard.get("/a", BASIC).status, 502);
}
