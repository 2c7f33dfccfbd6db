use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::{BASIC, Guard, USER};

/// An upstream that agrees to any upgrade, and echoes from then on. It gives the head that it got.
fn echo() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, heads) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_head(&mut stream);
            let agrees = head.to_lowercase().contains("upgrade: websocket");
            let _ = sender.send(head);
            if !agrees {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
                continue;
            }
            let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            let mut bytes = [0; 64];
            while let Ok(len @ 1..) = stream.read(&mut bytes) {
                stream.write_all(&bytes[..len]).unwrap();
            }
        }
    });
    (address, heads)
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut text, mut byte) = (String::new(), [0; 1]);
    while !text.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|len| len > 0) {
        text.push(char::from(byte[0]));
    }
    text
}

const WEBSOCKET: &str = "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n";

// THREAT-T8
#[test]
fn a_websocket_of_a_verified_caller_goes_through_where_that_is_configured() {
    let (address, heads) = echo();
    let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{address}\"\nwebsockets = true\n"));
    let mut stream = guard.connect();
    write!(stream, "GET /chat HTTP/1.1\r\nhost: x\r\n{WEBSOCKET}x-auth-subject: root\r\n{BASIC}\r\n").unwrap();
    let head = read_head(&mut stream).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    assert!(head.contains("sec-websocket-accept: x"), "{head}");
    stream.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    let sent = heads.recv().unwrap().to_lowercase();
    assert!(
        sent.contains("x-auth-subject: a\r\n") && !sent.contains("root") && !sent.contains("authorization"),
        "{sent}"
    );
    assert!(sent.contains("connection: upgrade\r\n") && sent.contains("sec-websocket-key: k\r\n"), "{sent}");

    let request = format!("GET /chat HTTP/1.1\r\nhost: x\r\n{WEBSOCKET}\r\n");
    let mut stream = guard.connect();
    stream.write_all(request.as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 401"));
}

#[test]
fn other_upgrades_and_unconfigured_ones_stay_on_this_hop() {
    let (address, heads) = echo();
    for (more, header) in [
        ("", WEBSOCKET.to_owned()),
        ("websockets = true\n", WEBSOCKET.replace("websocket\r", "h2c\r")),
        ("websockets = true\n", WEBSOCKET.replace("Upgrade", "x")),
    ] {
        let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{address}\"\n{more}"));
        let mut stream = guard.connect();
        write!(stream, "GET /chat HTTP/1.1\r\nhost: x\r\n{header}{BASIC}\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"), "{header}");
        assert!(!heads.recv().unwrap().to_lowercase().contains("upgrade"), "{header}");
    }
}
