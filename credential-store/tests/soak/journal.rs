//! What each process sent to the token endpoint, written down before it leaves, so that it is known whatever becomes of the process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use tower_auth_core::{HttpClient, TransportError};

use crate::world::http;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody lived to say.
    Open,
    /// An answer came, with this status.
    Answered(u16),
    /// It did not leave.
    Unsent,
    /// It left, and no answer came.
    Lost,
}

/// One sending of a refresh token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    /// In nanoseconds.
    pub(crate) at: u128,
    pub(crate) process: u32,
    pub(crate) fate: Fate,
}

/// The sendings by refresh token, in the order of time.
pub(crate) type Sendings = BTreeMap<String, Vec<Sending>>;

/// A client that writes down what it sends; `prefix` says what the token endpoint begins with.
pub(crate) fn writing(folder: &Path, token_url: &str) -> HttpClient {
    let path = folder.join(format!("journal-{}", std::process::id()));
    let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let (inner, file, token_url) = (http(), Arc::new(file), Arc::<str>::from(token_url));
    HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let (inner, file, token_url) = (inner.clone(), Arc::clone(&file), Arc::clone(&token_url));
        async move {
            let token = if *request.uri() == *token_url { refresh_token(request.body()) } else { None };
            let Some(token) = token else { return inner.send(request).await };
            let mut entry = Entry { file, token, said: false };
            entry.write("sent", true);
            let result = inner.send(request).await;
            match &result {
                Ok(answer) => entry.end(&answer.status().as_u16().to_string()),
                Err(error) if TransportError::find(&**error).is_some_and(TransportError::is_unsent) => {
                    entry.end("unsent")
                }
                Err(_) => entry.end("lost"),
            }
            result
        }
    }))
}

/// A request under way. Dropped before its end it says that it was.
struct Entry {
    file: Arc<File>,
    token: String,
    said: bool,
}

impl Entry {
    fn write(&self, what: &str, is_begin: bool) {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let line = format!("{at} {} {} {what}\n", self.token, if is_begin { "begin" } else { "end" });
        // One write, so that no line is torn when the process is killed.
        (&*self.file).write_all(line.as_bytes()).unwrap();
    }

    fn end(&mut self, what: &str) {
        self.said = true;
        self.write(what, false);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.said {
            self.write("lost", false);
        }
    }
}

fn refresh_token(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix("refresh_token=")).map(digest)
}

/// As the store has it in its notes.
pub(crate) fn digest(token: &str) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What all processes wrote.
pub(crate) fn read(folder: &Path) -> Sendings {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let mut all = Sendings::new();
    let paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(process) = name.strip_prefix("journal-").and_then(|number| number.parse().ok()) else { continue };
        let mut own: BTreeMap<String, Vec<Sending>> = BTreeMap::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [at, token, kind, what] = words[..] else { panic!("a torn line: {line}") };
            let list = own.entry(token.to_owned()).or_default();
            if kind == "begin" {
                list.push(Sending { at: at.parse().unwrap(), process, fate: Fate::Open });
                continue;
            }
            let fate = match what {
                "unsent" => Fate::Unsent,
                "lost" => Fate::Lost,
                status => Fate::Answered(status.parse().unwrap()),
            };
            // A process sends a token once at a time.
            list.iter_mut().rev().find(|sending| sending.fate == Fate::Open).unwrap().fate = fate;
        }
        for (token, list) in own {
            all.entry(token).or_default().extend(list);
        }
    }
    for list in all.values_mut() {
        list.sort_by_key(|sending| sending.at);
    }
    all
}
