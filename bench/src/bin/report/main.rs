//! Reads what the benchmarks left, prints it as tables with ratios, holds it against the targets, and writes `bench-report.json` and charts
//! into cargo's target folder.
//!
//! `report [--keep]`: with the option `PERFORMANCE.md` gets the tables, and `docs/performance` the charts that it shows.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program that prints")]

mod chart;
mod measured;
mod table;
mod targets;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use measured::Measured;
use tower_auth_bench::target_dir;

fn main() -> Result<(), Box<dyn Error>> {
    let measured = measured::read()?;
    if measured.is_empty() {
        return Err("nothing was measured yet: scripts/bench does that, and calls this".into());
    }
    let targets = targets::held(&measured);
    let before = targets::of_the_run_before(&target_dir().join("bench-report.before.json"))?;
    let (of_targets, of_groups) = (table::of_targets(&targets, &before), table::of_groups(&measured));
    print!("### Targets\n\n{of_targets}{of_groups}");
    let target = target_dir();
    fs::write(target.join("bench-report.json"), serde_json::to_string_pretty(&table::report(&measured, &targets))?)?;
    let charts = target.join("bench-charts");
    fs::create_dir_all(&charts)?;
    for group in measured.groups() {
        fs::write(charts.join(chart::file_name(group)), chart::of_group(&measured, group))?;
    }
    match std::env::args().nth(1).as_deref() {
        None => Ok(()),
        Some("--keep") => keep(&measured, &[("targets", &of_targets), ("tables", &of_groups)]),
        Some(other) => Err(format!("report [--keep], not {other}").into()),
    }
}

/// Puts each text where the document has a place of that name, and the charts that it shows where it looks for them.
fn keep(measured: &Measured, texts: &[(&str, &str)]) -> Result<(), Box<dyn Error>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let (path, charts): (PathBuf, PathBuf) = (root.join("PERFORMANCE.md"), root.join("docs/performance"));
    let mut document = fs::read_to_string(&path)?;
    for (name, text) in texts {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let place = document.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let (before, after) = place.ok_or_else(|| format!("PERFORMANCE.md has no place for {name}"))?;
        document = format!("{before}{begin}\n{}\n\n{end}{after}", text.trim());
    }
    fs::write(path, &document)?;
    let _ = fs::remove_dir_all(&charts);
    fs::create_dir_all(&charts)?;
    for group in measured.groups() {
        let name = chart::file_name(group);
        if document.contains(&format!("docs/performance/{name}")) {
            fs::write(charts.join(name), chart::of_group(measured, group))?;
        }
    }
    Ok(())
}
