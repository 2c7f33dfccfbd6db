//! What is to be reached: ratios of two figures of one run.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use crate::measured::Measured;

/// A ratio and its limit.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    value: Case,
    to: Case,
    pub(crate) limit: f64,
    pub(crate) at_most: bool,
}

/// A target, and what was measured of it.
pub(crate) struct Held {
    pub(crate) target: Target,
    pub(crate) measured: Option<f64>,
}

/// Group, name and threads.
type Case = (&'static str, &'static str, usize);

const FLOOR: &str = "floor: clone a prebuilt value and insert it";
const READER: &str = "ours: long-lived reader";
const CLONED: &str = "ours: reader cloned per request";
const ADD: &str = "floor: tower-http `AddAuthorization`";
const OFF: &str = "ours: recovery off";
const ON_BASE: &str = "floor: recovery off, head and service cloned";
const CACHE: &str = "ours: `TokenCache`";
const RAW: &str = "floor: aws-lc-rs, parsed key";
const FIRST: &str = "ours: first sight";
const REPEAT: &str = "ours: memo hit, 10,000 live tokens";

fn targets() -> Vec<Target> {
    let at_most = |what, value, to, limit| Target { what, value, to, limit, at_most: true };
    let at_least = |what, value, to, limit| Target { what, value, to, limit, at_most: false };
    vec![
        at_most("attach, long-lived, 1 thread / floor", ("attach", READER, 1), ("attach", FLOOR, 1), 1.40),
        at_most("attach, long-lived, 2 threads / floor at 1", ("attach", READER, 2), ("attach", FLOOR, 1), 1.5),
        at_most("attach, long-lived, 2 threads / 1", ("attach", READER, 2), ("attach", READER, 1), 1.15),
        at_most("attach, cloned per request, 1 thread / floor", ("attach", CLONED, 1), ("attach", FLOOR, 1), 2.1),
        at_most("attach, cloned per request, 2 threads / floor at 1", ("attach", CLONED, 2), ("attach", FLOOR, 1), 2.3),
        at_most(
            "layer / AddAuthorization, small inner future, 1 thread",
            ("layer, small future", OFF, 1),
            ("layer, small future", ADD, 1),
            1.20,
        ),
        at_most(
            "layer / AddAuthorization, boxed inner future, 1 thread",
            ("layer, boxed future", OFF, 1),
            ("layer, boxed future", ADD, 1),
            1.05,
        ),
        at_most(
            "layer / AddAuthorization, small inner future, 2 threads",
            ("layer, small future", OFF, 2),
            ("layer, small future", ADD, 2),
            1.1,
        ),
        at_most("layer, 2 threads / 1", ("layer, small future", OFF, 2), ("layer, small future", OFF, 1), 1.1),
        at_most(
            "recovery on, known body / recovery off + clones",
            ("recovery", "ours: recovery on, known body", 1),
            ("recovery", ON_BASE, 1),
            1.05,
        ),
        at_most(
            "recovery on, replay body / recovery off + clones",
            ("recovery", "ours: recovery on, replay body", 1),
            ("recovery", ON_BASE, 1),
            1.15,
        ),
        at_most(
            "instructions: attach, long-lived / floor",
            ("instructions: attach", READER, 1),
            ("instructions: attach", FLOOR, 1),
            1.25,
        ),
        at_most(
            "instructions: attach, cloned per request / floor",
            ("instructions: attach", CLONED, 1),
            ("instructions: attach", FLOOR, 1),
            1.7,
        ),
        at_most(
            "RS256, full RFC 9068 validation / raw check",
            ("verify RS256", FIRST, 1),
            ("verify RS256", RAW, 1),
            1.08,
        ),
        at_most(
            "ES256, full RFC 9068 validation / raw check",
            ("verify ES256", FIRST, 1),
            ("verify ES256", RAW, 1),
            1.04,
        ),
        at_most(
            "EdDSA, full RFC 9068 validation / raw check",
            ("verify EdDSA", FIRST, 1),
            ("verify EdDSA", RAW, 1),
            1.04,
        ),
        at_most(
            "HS256, full RFC 9068 validation / raw check",
            ("verify HS256", FIRST, 1),
            ("verify HS256", RAW, 1),
            2.9,
        ),
        at_most(
            "memo look-up, 10,000 live tokens / RS256 raw check",
            ("verify RS256", REPEAT, 1),
            ("verify RS256", RAW, 1),
            0.02,
        ),
        at_least(
            "axum, RS256 with memo / no auth, requests per second",
            ("whole: axum", "ours: RS256, memo", 1),
            ("whole: axum", "floor: no auth", 1),
            0.95,
        ),
        at_most(
            "repeated Basic / argon2id",
            ("login", "ours: repeated login", 1),
            ("login", "floor: argon2id", 1),
            1.0 / 20_000.0,
        ),
        at_most(
            "at expiry: longest wait / 1 ms",
            ("expiry: longest wait", CACHE, 1),
            ("expiry: longest wait", "floor: 1 ms", 1),
            1.0,
        ),
        at_most(
            "at expiry: token requests at once",
            ("expiry: token requests at once, most", CACHE, 1),
            ("expiry: token requests at once, most", "floor: 1", 1),
            1.0,
        ),
    ]
}

/// Each target with its figure.
pub(crate) fn held(measured: &Measured) -> Vec<Held> {
    let ratio = |target: &Target| {
        let value = |(group, name, threads): Case| measured.value(group, name, threads);
        Some(value(target.value)? / value(target.to)?)
    };
    targets().into_iter().map(|target| Held { measured: ratio(&target), target }).collect()
}

/// What the report of an earlier run says was measured, by target; nothing if there was none.
pub(crate) fn of_the_run_before(path: &Path) -> Result<BTreeMap<String, f64>, Box<dyn Error>> {
    let Ok(text) = fs::read(path) else { return Ok(BTreeMap::new()) };
    let report: serde_json::Value = serde_json::from_slice(&text)?;
    let targets = report["targets"].as_array().into_iter().flatten();
    let measured =
        |target: &serde_json::Value| Some((target["what"].as_str()?.to_owned(), target["measured"].as_f64()?));
    Ok(targets.filter_map(measured).collect())
}

impl Held {
    pub(crate) fn is_met(&self) -> bool {
        self.measured.is_some_and(|value| {
            if self.target.at_most { value <= self.target.limit } else { value >= self.target.limit }
        })
    }
}
