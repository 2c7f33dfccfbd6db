use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::DRIVING;
use crate::process::{Process, pinned};

/// What one round gave.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    /// Of one request, in microseconds.
    pub(crate) processor_time: f64,
    /// The median, 99 and 99.9 of 100, in microseconds.
    pub(crate) latencies: [f64; 3],
}

/// A program that asks as fast as it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver {
    Wrk,
    H2load,
}

/// Prints what wrk would not: the requests, the microseconds they took, those that went wrong, and latencies.
const WRK_SCRIPT: &str = r#"done = function(summary, latency)
  local errors = summary.errors
  local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print("FIGURES", summary.requests, summary.duration, wrong, latency:percentile(50), latency:percentile(99), latency:percentile(99.9))
end
"#;

/// Of a message with no fields in gRPC: not compressed, no bytes.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

impl Driver {
    pub(crate) fn is_there(self) -> bool {
        let name = if matches!(self, Self::Wrk) { "wrk" } else { "h2load" };
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    /// Asks `server` for so long.
    pub(crate) fn drive(self, server: &Process, length: Duration) -> Outcome {
        let before = server.processor_time();
        let (requests, seconds, latencies) = match self {
            Self::Wrk => wrk(server, length),
            Self::H2load => h2load(server, length),
        };
        let spent = server.processor_time().saturating_sub(before);
        Outcome { per_second: requests / seconds, processor_time: spent.as_secs_f64() * 1e6 / requests, latencies }
    }
}

/// Text of a file beside others of this program.
fn temporary(name: &str, text: &[u8]) -> String {
    let path = std::env::temp_dir().join(format!("tower-auth-bench-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn wrk(server: &Process, length: Duration) -> (f64, f64, [f64; 3]) {
    let script = temporary("wrk.lua", WRK_SCRIPT.as_bytes());
    let mut command = pinned(DRIVING, "wrk");
    command.args(["-t", "1", "-c", "32", "-s", &script, "-d", &format!("{}s", length.as_secs().max(1))]);
    if let Some(token) = server.token() {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let output = command.arg(server.address()).output().unwrap();
    let _ = fs::remove_file(script);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("FIGURES")).unwrap_or_else(|| panic!("wrk said: {text}"));
    let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [requests, micros, wrong, p50, p99, p999] = numbers[..] else { panic!("wrk said: {line}") };
    assert!(wrong == 0.0 && requests > 0.0, "{wrong} of {requests} requests went wrong");
    (requests, micros / 1e6, [p50, p99, p999])
}

fn h2load(server: &Process, length: Duration) -> (f64, f64, [f64; 3]) {
    let (body, log) = (temporary("message", &EMPTY_MESSAGE), temporary("log", b""));
    let _ = fs::remove_file(&log);
    let seconds = length.as_secs().max(1);
    let mut command = pinned(DRIVING, "h2load");
    command.args(["-t", "1", "-c", "4", "-m", "8", "-D", &seconds.to_string(), "-d", &body, "--log-file", &log]);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
    if let Some(token) = server.token() {
        command.args(["-H", &format!("authorization: Bearer {token}")]);
    }
    let output = command.arg(format!("{}/grpc.health.v1.Health/Check", server.address())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Start, status and duration in microseconds of each.
    let lines = fs::read_to_string(&log).unwrap_or_else(|_| panic!("h2load said: {text}"));
    let _ = (fs::remove_file(&log), fs::remove_file(&body));
    let mut latencies = Vec::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, "200", micros, ..] = fields[..] else { panic!("a request went wrong: {line}") };
        latencies.push(micros.parse::<f64>().unwrap());
    }
    assert!(!latencies.is_empty(), "h2load said: {text}");
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    (latencies.len() as f64, seconds as f64, [at(0.5), at(0.99), at(0.999)])
}
