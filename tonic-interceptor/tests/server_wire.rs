//! What is on the wire: refusals as bytes, and paths that no generated client would send.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Layer, ServiceExt, service_fn};
use tower_auth_testing::Endpoint;
use tower_auth_tonic::GrpcValidateLayer;

use self::server_support::{CHECK, Desk, HEALTH, Issuer, serve};

/// A `HealthCheckRequest` without a service name, framed.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 0];

/// What came back: head, number of bytes in the body, trailers.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: usize,
    trailers: Option<HeaderMap>,
}

async fn send(address: SocketAddr, path: &str, content_type: &str, authorization: Option<&str>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let uri: Uri = format!("http://{address}{path}").parse().unwrap();
    let mut request = Request::post(uri).header("content-type", content_type).header("te", "trailers");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let body = Full::new(Bytes::from_static(MESSAGE));
    let (parts, body) = sender.send_request(request.body(body).unwrap()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    Answer { status: parts.status, headers: parts.headers, body: body.to_bytes().len(), trailers }
}

// GRPC-4, GRPC-10
#[tokio::test]
async fn a_refusal_has_status_200_its_outcome_in_the_headers_and_no_body() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).method(CHECK, "health:admin").unwrap();
    let address = serve(layer, &desk).await;
    let bearer = issuer.bearer();
    let cases = [
        (None, "16", "Authentication is required"),
        (Some("Bearer a.b.c"), "16", "The access token is not valid"),
        (Some(bearer.as_str()), "7", "The request needs more than was granted"),
    ];
    for (authorization, code, message) in cases {
        for content_type in ["application/grpc", "application/grpc+proto"] {
            let answer = send(address, CHECK, content_type, authorization).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers["grpc-status"], code);
            assert_eq!(answer.headers["grpc-message"], message);
            assert_eq!(answer.headers["content-type"], "application/grpc");
            assert!(answer.headers.contains_key("www-authenticate"));
            assert!(answer.body == 0 && answer.trailers.is_none(), "trailers-only");
        }
    }
    let web = send(address, CHECK, "application/grpc-web+proto", None).await;
    assert_eq!((web.status, &web.headers["grpc-status"]), (StatusCode::OK, &"16".parse().unwrap()));
    assert_eq!(web.headers["content-type"], "application/grpc-web+proto");
    assert_eq!(desk.served(), 0);
}

// GRPC-4
#[tokio::test]
async fn what_does_not_speak_grpc_is_refused_as_plain_http() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let address = serve(GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let missing = send(address, CHECK, "application/json", None).await;
    assert_eq!(missing.status, 401);
    assert!(!missing.headers.contains_key("grpc-status"));
    let odd = send(address, "/health", "application/json", Some(&issuer.bearer())).await;
    assert_eq!(odd.status, 404);
    assert!(!odd.headers.contains_key("grpc-status") && desk.served() == 0);
}

/// Spellings that lenient routing might take for `CHECK`, or for another method of an open service.
const ODD_PATHS: &[&str] = &[
    "/",
    "//",
    "//grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health//Check",
    "/grpc.health.v1.Health/Check/",
    "/grpc.health.v1.Health/Check/more",
    "/x/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health%2FCheck",
    "/grpc.health.v1.Health/%43heck",
    "/grpc.health.v1.Health/Check%00",
    "/grpc%2Ehealth.v1.Health/Check",
    "/grpc.health.v1.Health/Check?a=b",
    "/grpc.health.v1.Health/Check?",
    "/grpc.health.v1.Health/Check;a",
    "/grpc.health.v1.Health/../Check",
    "/grpc.health.v1.Health/./Check",
    "/grpc.health.v1.Health",
    "/grpc.health.v1.Health/",
];

// GRPC-8, THREAT-V15
#[tokio::test]
async fn odd_paths_are_refused_before_anything_else() {
    let (issuer, desk) = (Issuer::new(), Desk { serves_anyone: true, ..Desk::default() });
    let layer = GrpcValidateLayer::new(issuer.verifier()).allow_anonymous(HEALTH).unwrap();
    let address = serve(layer, &desk).await;
    let bearer = issuer.bearer();
    for path in ODD_PATHS {
        for authorization in [None, Some("Bearer a.b.c"), Some(bearer.as_str())] {
            let answer = send(address, path, "application/grpc", authorization).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.headers["grpc-status"], "12", "{path}");
            assert!(!answer.headers.contains_key("www-authenticate"), "{path}");
        }
    }
    assert_eq!(issuer.server.request_count(Endpoint::Jwks), 0, "no token was looked at");
    assert_eq!(desk.served(), 0);
    let proper = send(address, CHECK, "application/grpc", None).await;
    assert_eq!(proper.trailers.unwrap()["grpc-status"], "0");
    assert_eq!(desk.served(), 1);
}

// GRPC-8, THREAT-V15
#[tokio::test]
async fn other_letters_are_another_method() {
    let (issuer, desk) = (Issuer::new(), Desk { serves_anyone: true, ..Desk::default() });
    let layer = GrpcValidateLayer::new(issuer.verifier()).allow_anonymous(CHECK).unwrap();
    let address = serve(layer, &desk).await;
    for path in ["/grpc.health.v1.health/Check", "/grpc.health.v1.Health/check", "/grpc.health.v1.Health/Checks"] {
        let anonymous = send(address, path, "application/grpc", None).await;
        assert_eq!(anonymous.headers["grpc-status"], "16", "{path} has no rule, so it is guarded");
        let known = send(address, path, "application/grpc", Some(&issuer.bearer())).await;
        assert_eq!(known.headers["grpc-status"], "12", "{path} is of no service");
    }
    assert_eq!(desk.served(), 0);
}

// GRPC-8, THREAT-V15
#[tokio::test]
async fn a_path_without_a_slash_never_reaches_a_handler() {
    let (issuer, desk) = (Issuer::new(), Desk { serves_anyone: true, ..Desk::default() });
    let layer = GrpcValidateLayer::new(issuer.verifier()).allow_anonymous(HEALTH).unwrap();
    let address = serve(layer.clone(), &desk).await;
    raw_call(address, "grpc.health.v1.Health/Check").await;
    assert_eq!(desk.served(), 0);
    raw_call(address, CHECK).await;
    assert_eq!(desk.served(), 1, "the same bytes with a slash do");

    // In other forms of URIs too.
    let unreachable = service_fn(|_: Request<()>| async { panic!("no method") as Result<Response<String>, String> });
    for uri in ["*", "grpc.health.v1.Health:80", "http://host"] {
        let request = Request::post(uri).header("content-type", "application/grpc").body(()).unwrap();
        let response = layer.layer(unreachable).oneshot(request).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "12", "{uri}");
    }
}

/// A call in frames made by hand, since no HTTP library sends such a path. Waits for the answer, whichever it is.
async fn raw_call(address: SocketAddr, path: &str) {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let lines = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in lines {
        // RFC 7541 section 6.2.2: a literal without indexing, with a new name and no Huffman coding.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let end_of_headers = 4;
    let end_of_stream = 1;
    stream.write_all(&frame(HEADERS, end_of_headers, 1, &block)).await.unwrap();
    stream.write_all(&frame(0, end_of_stream, 1, MESSAGE)).await.unwrap();
    let answered = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return; // the server hung up
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut payload).await.unwrap();
            let stream_id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let ends = head[4] & end_of_stream != 0;
            let is_reset = head[3] == 3;
            if stream_id == 1 && (is_reset || ends) || head[3] == 7 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap();
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}
