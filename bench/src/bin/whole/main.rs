//! Whole programs under load: an axum service under wrk, a tonic service under h2load, and a hyper-util client. Requests per second,
//! latencies, and processor time of the measured process for each request, which is what decides when the machine is shared.
//!
//! The measured process stays on one processor, what drives it on another. Every variant is a process of its own; all are started first,
//! then measured in turn, several rounds, of which the medians count.
//!
//! `whole [--quick]`; needs wrk and h2load (Debian: wrk, nghttp2-client), and leaves out what it cannot drive.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

mod axum_service;
mod client;
mod drive;
mod process;
mod tonic_service;

use std::time::Duration;

use tower_auth_bench::Figures;

use self::drive::{Driver, Outcome};
use self::process::Process;

/// Where the measured process runs, and where its counterpart.
const MEASURED: usize = 0;
const DRIVING: usize = 1;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(9, Duration::from_secs(1)),
        ["--quick"] => measure(1, Duration::from_secs(1)),
        ["axum", variant] => axum_service::serve(variant),
        ["tonic", variant] => tonic_service::serve(variant),
        ["client", variant, address, seconds] => client::run(variant, address, seconds.parse().unwrap()),
        _ => println!("whole [--quick]"),
    }
}

fn measure(rounds: usize, length: Duration) {
    let mut figures = Figures::new("whole");
    served(&mut figures, "axum", &axum_service::variants(), Driver::Wrk, rounds, length);
    served(&mut figures, "tonic", &tonic_service::variants(), Driver::H2load, rounds, length);
    clients(&mut figures, rounds, length);
    figures.save().unwrap();
}

fn served(figures: &mut Figures, kind: &str, variants: &[&str], driver: Driver, rounds: usize, length: Duration) {
    if !driver.is_there() {
        println!("{kind} is not measured: {driver:?} is not installed");
        return;
    }
    let servers: Vec<_> = variants.iter().map(|variant| Process::start(&[kind, variant], MEASURED)).collect();
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); servers.len()];
    // What was just started is slow at first.
    for server in &servers {
        let _ = driver.drive(server, length / 5);
    }
    for _ in 0..rounds {
        for (server, outcomes) in servers.iter().zip(&mut outcomes) {
            outcomes.push(driver.drive(server, length));
        }
    }
    note(figures, kind, variants, &outcomes);
}

fn clients(figures: &mut Figures, rounds: usize, length: Duration) {
    let server = Process::start(&["axum", axum_service::variants()[0]], DRIVING);
    let variants = client::variants();
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); variants.len()];
    for _ in 0..rounds {
        for (variant, outcomes) in variants.iter().zip(&mut outcomes) {
            outcomes.push(client::measure(variant, server.address(), length, MEASURED));
        }
    }
    note(figures, "hyper-util client", &variants, &outcomes);
}

/// What it is, its unit, and where it is found.
type Column = (&'static str, &'static str, fn(&Outcome) -> f64);

fn note(figures: &mut Figures, kind: &str, variants: &[&str], outcomes: &[Vec<Outcome>]) {
    let columns: [Column; 5] = [
        ("", "/s", |outcome| outcome.per_second),
        (", processor time of a request", "us", |outcome| outcome.processor_time),
        (", latency, 50 of 100", "us", |outcome| outcome.latencies[0]),
        (", latency, 99 of 100", "us", |outcome| outcome.latencies[1]),
        (", latency, 99.9 of 100", "us", |outcome| outcome.latencies[2]),
    ];
    for (what, unit, value) in columns {
        for (variant, outcomes) in variants.iter().zip(outcomes) {
            let mut values: Vec<_> = outcomes.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            figures.add(&format!("whole: {kind}{what}"), variant, 1, values[values.len() / 2], unit);
        }
    }
}
