//! Tables in Markdown, and the same for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::measured::Measured;
use crate::targets::Held;

/// A table for each group: every case a line, every count of threads a pair of columns.
pub(crate) fn of_groups(measured: &Measured) -> String {
    let mut text = String::new();
    for group in measured.groups() {
        let figures = measured.of_group(group);
        let floor = measured.floor(group).unwrap_or(f64::NAN);
        let mut threads: Vec<_> = figures.iter().map(|figure| figure.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        let _ = write!(text, "\n### {group}\n\n| case |");
        threads.iter().for_each(|count| write!(text, " {count} thread{} | ratio |", plural(*count)).unwrap_or(()));
        text.push_str("\n|---|");
        threads.iter().for_each(|_| text.push_str("--:|--:|"));
        text.push('\n');
        let mut names: Vec<&str> = Vec::new();
        for figure in &figures {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        for name in names {
            let strong = if name.starts_with("ours: ") { "**" } else { "" };
            let _ = write!(text, "| {strong}{name}{strong} |");
            for count in &threads {
                match figures.iter().find(|figure| figure.name == name && figure.threads == *count) {
                    Some(figure) => {
                        let _ = write!(
                            text,
                            " {} {} | {} |",
                            number(figure.value),
                            figure.unit,
                            number(figure.value / floor)
                        );
                    }
                    None => text.push_str(" | |"),
                }
            }
            text.push('\n');
        }
    }
    text
}

/// What was to be reached, and what was, in this run and in the one `before` it.
pub(crate) fn of_targets(targets: &[Held], before: &BTreeMap<String, f64>) -> String {
    let mut text = "| what | target | measured | | run before |\n|---|--:|--:|---|--:|\n".to_owned();
    for held in targets {
        let sign = if held.target.at_most { "<=" } else { ">=" };
        let limit = number(held.target.limit);
        let (measured, verdict) = match held.measured {
            None => ("not measured".to_owned(), ""),
            Some(value) if held.is_met() => (number(value), "met"),
            Some(value) => (number(value), "**missed**"),
        };
        let what = held.target.what;
        let earlier = before.get(what).map(|value| number(*value)).unwrap_or_default();
        let _ = writeln!(text, "| {what} | {sign} {limit} | {measured} | {verdict} | {earlier} |");
    }
    text
}

/// Name, median, ratio to the floor and to each peer, threads.
pub(crate) fn report(measured: &Measured, targets: &[Held]) -> Value {
    let mut figures = Vec::new();
    for group in measured.groups() {
        let all = measured.of_group(group);
        let floor = measured.floor(group);
        for figure in &all {
            let peers = all.iter().filter(|peer| peer.name.starts_with("peer: ") && peer.threads == figure.threads);
            let peers: BTreeMap<&str, f64> = peers.map(|peer| (&peer.name[6..], figure.value / peer.value)).collect();
            figures.push(json!({
                "name": format!("{group}/{}", figure.name), "threads": figure.threads, "median": figure.value, "unit": figure.unit,
                "ratio_to_floor": floor.map(|floor| figure.value / floor), "ratio_to_peers": peers,
            }));
        }
    }
    let targets: Vec<_> = targets
        .iter()
        .map(|held| {
            json!({
                "what": held.target.what, "limit": held.target.limit, "at_most": held.target.at_most,
                "measured": held.measured, "is_met": held.measured.map(|_| held.is_met()),
            })
        })
        .collect();
    json!({ "figures": figures, "targets": targets })
}

/// Three digits that matter.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{:.2} M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.1} k", value / 1e3)
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 || size == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.2e}")
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
