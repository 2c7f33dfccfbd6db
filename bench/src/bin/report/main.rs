//! Reads what the benchmarks left, prints it as tables with ratios, holds it against the targets, and writes `bench-report.json` and charts
//! into cargo's target folder.
//!
//! `report [FOLDER]` also writes the tables (Markdown) and the charts into that folder.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program that prints")]

mod chart;
mod measured;
mod table;
mod targets;

use std::error::Error;
use std::fs;
use std::path::Path;

use tower_auth_bench::target_dir;

fn main() -> Result<(), Box<dyn Error>> {
    let measured = measured::read()?;
    if measured.is_empty() {
        return Err("nothing was measured yet: scripts/bench does that, and calls this".into());
    }
    let targets = targets::held(&measured);
    let text = format!("{}{}", table::of_targets(&targets), table::of_groups(&measured));
    print!("{text}");
    let target = target_dir();
    fs::write(target.join("bench-report.json"), serde_json::to_string_pretty(&table::report(&measured, &targets))?)?;
    write_charts(&target.join("bench-charts"), &measured)?;
    if let Some(folder) = std::env::args_os().nth(1) {
        let folder = Path::new(&folder);
        write_charts(folder, &measured)?;
        fs::write(folder.join("tables.md"), text)?;
    }
    Ok(())
}

fn write_charts(folder: &Path, measured: &measured::Measured) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for group in measured.groups() {
        let name: String = group.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        fs::write(folder.join(name).with_extension("svg"), chart::of_group(measured, group))?;
    }
    Ok(())
}
