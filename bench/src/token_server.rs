//! A token endpoint on the loopback interface for those who insist on asking one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::token;

/// A server that gives the same answer, whatever it is asked.
#[derive(Debug)]
pub struct TokenServer {
    address: String,
    counts: Arc<Counts>,
}

/// What is known of its requests.
#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl TokenServer {
    /// Starts one whose tokens live for `lifetime` seconds and come after `latency`. It ends with the program.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start(lifetime: u64, latency: Duration) -> Self {
        Self::answering(answer(lifetime), latency)
    }

    /// Starts one that answers with this text, a JSON document.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn answering(text: String, latency: Duration) -> Self {
        Self::failing(text, latency, usize::MAX)
    }

    /// Starts one that answers so, and with 503 to each `nth` request.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn failing(text: String, latency: Duration, nth: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let counts = Arc::new(Counts::default());
        let (shared, text) = (Arc::clone(&counts), Arc::new(text));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counts, text) = (Arc::clone(&shared), Arc::clone(&text));
                thread::spawn(move || serve(stream, &counts, &text, latency, nth));
            }
        });
        Self { address, counts }
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.counts.all.load(Ordering::SeqCst)
    }

    /// How many requests there were at once at the most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.counts.most_under_way.load(Ordering::SeqCst)
    }
}

/// What stands for the number of the request in an answer.
const NUMBER: &str = "NUMBER";

/// A token that lives for so many seconds, as an endpoint gives it: another one each time.
#[must_use]
pub fn answer(lifetime: u64) -> String {
    format!(r#"{{"access_token":"{}.{NUMBER}","token_type":"Bearer","expires_in":{lifetime}}}"#, token())
}

/// Answers the requests of one connection until it ends.
fn serve(stream: TcpStream, counts: &Counts, text: &str, latency: Duration, nth: usize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let number = counts.all.fetch_add(1, Ordering::SeqCst) + 1;
        let under_way = counts.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        thread::sleep(latency);
        counts.under_way.fetch_sub(1, Ordering::SeqCst);
        let text = text.replace(NUMBER, &number.to_string());
        let (status, text) =
            if number.is_multiple_of(nth) { ("503 Service Unavailable", "{}") } else { ("200 OK", text.as_str()) };
        let length = text.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nmetadata-flavor: Google\r\ncontent-length: {length}\r\n\r\n"
        );
        writer.write_all(format!("{head}{text}").as_bytes()).ok()?;
    }
}
