//! Figures of programs that criterion does not run, kept where the report finds them.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One measured figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What is compared with what: ratios are within a group.
    pub group: String,
    /// The case. It begins with `floor: `, `ours: ` or `peer: `.
    pub name: String,
    /// How many threads did it at once.
    pub threads: usize,
    /// The median.
    pub value: f64,
    /// `ns`, `us`, `ms`, `/s`, `bytes`, `instructions`, `crates`, `s`.
    pub unit: String,
}

/// The figures of one program.
#[derive(Debug)]
pub struct Figures {
    program: &'static str,
    figures: Vec<Figure>,
}

impl Figures {
    /// Those of `program`, none yet.
    #[must_use]
    pub const fn new(program: &'static str) -> Self {
        Self { program, figures: Vec::new() }
    }

    /// Notes a figure, and prints it.
    #[allow(clippy::print_stdout, reason = "programs that measure print what they measure")]
    pub fn add(&mut self, group: &str, name: &str, threads: usize, value: f64, unit: &str) {
        println!("{group:<40} {name:<60} {threads:>2}t {value:>14.2} {unit}");
        let (group, name, unit) = (group.to_owned(), name.to_owned(), unit.to_owned());
        self.figures.push(Figure { group, name, threads, value, unit });
    }

    /// Keeps them for the report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let folder = target_dir().join("bench-figures");
        std::fs::create_dir_all(&folder)?;
        let text = serde_json::to_string_pretty(&self.figures)?;
        std::fs::write(folder.join(self.program).with_extension("json"), text)
    }
}

/// Where cargo builds, and where figures and the report go.
#[must_use]
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from)
}
