use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tower_auth::core::{CacheStatus, Clock, Token};

use crate::call::Answer;
use crate::failure::Failure;
use crate::grpc::Health;
use crate::meter::Meter;

/// Where results go: bodies and metadata to standard output, all else to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// One answer of an API. `shown` is its URL as it may be shown.
    pub(crate) fn answer(self, shown: &str, answer: &Answer) {
        if self.json {
            return print_json(&json!({
                "url": shown,
                "status": answer.status.as_u16(),
                "body": String::from_utf8_lossy(&answer.body),
                "sends": answer.sends,
                "token_generation": answer.generation,
            }));
        }
        let mut out = io::stdout().lock();
        // Nobody is left to tell if standard output is closed.
        let _ = out.write_all(&answer.body);
        if !answer.body.is_empty() && !answer.body.ends_with(b"\n") {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A call that got no answer; on standard error unless objects are wanted.
    pub(crate) fn failed(self, shown: &str, failure: &Failure) {
        complain(&failure.text);
        if self.json {
            print_json(&json!({
                "url": shown,
                "status": null,
                "body": null,
                "sends": null,
                "token_generation": null,
                "error": failure.text,
            }));
        }
    }

    /// What a health service said.
    pub(crate) fn health(self, health: &Health) {
        let (status, code) = match &health.status {
            Ok(status) => (*status, 0),
            Err((code, message)) => {
                let number = i32::from(*code);
                complain(&format!("{} answered {code:?} ({number}): {message}", health.address));
                ("ERROR", number)
            }
        };
        if self.json {
            print_json(&json!({
                "url": health.address.to_string(),
                "status": status,
                "grpc_status": code,
                "sends": health.sends,
                "token_generation": health.generation,
            }));
        } else if health.status.is_ok() {
            print(status);
        }
    }

    /// What is known of a token, and its value only if that is asked for.
    pub(crate) fn token(self, token: &Token, status: &CacheStatus, clock: &Clock, reveal: bool) {
        let ends = token.expiry().map(|expiry| expiry.wall);
        let left = ends.map(|end| end.duration_since(clock.wall()).unwrap_or_default());
        let scope = token.scope().map(ToString::to_string);
        let generation = status.generation.map(|generation| generation.as_u64());
        if self.json {
            let mut object = json!({
                "kind": token.kind().scheme(),
                "scope": scope,
                "expires_at": ends.map(timestamp),
                "expires_in": left.map(round),
                "token_generation": generation,
            });
            if reveal {
                object["token"] = Value::from(token.secret().expose_secret());
            }
            return print_json(&object);
        }
        print(&format!("kind: {}", token.kind().scheme()));
        print(&format!("scope: {}", scope.as_deref().unwrap_or("not stated")));
        match ends.zip(left) {
            Some((end, left)) => print(&format!("expires: {} (in {} s)", timestamp(end), round(left))),
            None => print("expires: not stated"),
        }
        if let Some(generation) = generation {
            print(&format!("generation: {generation}"));
        }
        if reveal {
            print(&format!("token: {}", token.secret().expose_secret()));
        }
    }

    /// What many calls took: the last object, or a line on standard error.
    pub(crate) fn summary(self, meter: &Meter) {
        if self.json { print_json(&meter.summary()) } else { complain(&meter.line()) }
    }

    /// A credential that never changes.
    pub(crate) fn fixed(self, kind: &str) {
        if self.json {
            print_json(
                &json!({ "kind": kind, "scope": null, "expires_at": null, "expires_in": null, "token_generation": null }),
            );
        } else {
            print(&format!("kind: {kind}\nexpires: never, it is sent as it is with every request"));
        }
    }
}

/// A message on standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "fetch: {}", text.replace('\n', "\nfetch: ").replace("fetch:   ", "  "));
}

/// A line on standard output.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn print_json(object: &Value) {
    print(&object.to_string());
}

/// Whole seconds, up from the half: a token that came a moment ago has its whole life before it.
fn round(duration: Duration) -> u64 {
    duration.saturating_add(Duration::from_millis(500)).as_secs()
}

/// RFC 3339, in UTC.
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that a leap day comes last; a cycle of 400 of them has 146 097 days.
    let shifted = days + 719_468;
    let (cycle, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year + carry;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
