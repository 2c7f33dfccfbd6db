//! Everything that was measured, by group.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tower_auth_bench::{Figure, target_dir};

/// What was measured, in the order of the groups' names and of the measuring.
pub(crate) struct Measured {
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: String,
    value_str: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// Reads what criterion and the other programs wrote.
pub(crate) fn read() -> Result<Measured, Box<dyn Error>> {
    let mut figures = Vec::new();
    collect(&target_dir().join("criterion"), &mut figures)?;
    let folder = target_dir().join("bench-figures");
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let own: Vec<Figure> = serde_json::from_str(&fs::read_to_string(entry?.path())?)?;
            figures.extend(own);
        }
    }
    figures.sort_by(|a, b| (&a.group, rank(&a.name), a.threads).cmp(&(&b.group, rank(&b.name), b.threads)));
    Ok(Measured { figures })
}

/// The floor first, then ours, then everybody else.
fn rank(name: &str) -> (u8, &str) {
    let kind = name.split_once(": ").map_or("", |(kind, _)| kind);
    (["floor", "ours", "design", "peer"].iter().position(|known| *known == kind).map_or(9, |at| at as u8), name)
}

fn collect(folder: &Path, figures: &mut Vec<Figure>) -> Result<(), Box<dyn Error>> {
    let (benchmark, estimates) = (folder.join("new/benchmark.json"), folder.join("new/estimates.json"));
    if benchmark.exists() && estimates.exists() {
        let benchmark: Benchmark = serde_json::from_str(&fs::read_to_string(benchmark)?)?;
        let estimates: Estimates = serde_json::from_str(&fs::read_to_string(estimates)?)?;
        figures.push(Figure {
            group: benchmark.group_id,
            name: benchmark.function_id,
            threads: benchmark.value_str.parse()?,
            value: estimates.median.point_estimate,
            unit: "ns".to_owned(),
        });
        return Ok(());
    }
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                collect(&path, figures)?;
            }
        }
    }
    Ok(())
}

impl Measured {
    pub(crate) fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// The names of the groups.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<_> = self.figures.iter().map(|figure| figure.group.as_str()).collect();
        groups.dedup();
        groups
    }

    /// The figures of a group.
    pub(crate) fn of_group(&self, group: &str) -> Vec<&Figure> {
        self.figures.iter().filter(|figure| figure.group == group).collect()
    }

    /// One figure.
    pub(crate) fn value(&self, group: &str, name: &str, threads: usize) -> Option<f64> {
        let is_it = |figure: &&Figure| figure.group == group && figure.name == name && figure.threads == threads;
        self.figures.iter().find(is_it).map(|figure| figure.value)
    }

    /// What the group's figures are held against: its floor at one thread, or its first figure.
    pub(crate) fn floor(&self, group: &str) -> Option<f64> {
        let figures = self.of_group(group);
        let floor = figures.iter().find(|figure| figure.name.starts_with("floor: ") && figure.threads == 1);
        floor.or(figures.first()).map(|figure| figure.value)
    }
}
