//! Compares the instructions that callgrind counted with those of `bench/instructions.json`, and hands them to the report.
//!
//! `instructions FOLDER [--keep]`: FOLDER is where gungraun left its summaries; `--keep` makes these counts the new ones.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_auth_bench::{Figures, TIMES};

/// How many more instructions than before are taken for noise of the compiler, in parts of the whole.
const TOLERANCE: f64 = 0.03;

type Counts = BTreeMap<String, f64>;

/// What is compared with. Another compiler counts otherwise.
#[derive(Serialize, Deserialize)]
struct Kept {
    compiler: String,
    counts: Counts,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("which folder? scripts/instructions says it")?;
    let keeps = arguments.next().is_some_and(|argument| argument == "--keep");
    let mut counted = Counts::new();
    collect(Path::new(&folder), &mut counted)?;
    if counted.is_empty() {
        return Err("nothing was counted".into());
    }
    let mut figures = Figures::new("instructions");
    for (name, count) in &counted {
        let (group, case) = name.split_once('/').ok_or("a name without a group")?;
        figures.add(&format!("instructions: {group}"), title(case), 1, *count, "instructions");
    }
    figures.save()?;

    let compiler = String::from_utf8(Command::new("rustc").arg("--version").output()?.stdout)?.trim().to_owned();
    let kept = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json"));
    if keeps {
        fs::write(kept, serde_json::to_string_pretty(&Kept { compiler, counts: counted })? + "\n")?;
        println!("kept: {}", kept.display());
        return Ok(ExitCode::SUCCESS);
    }
    let Kept { compiler: known, counts: before } = serde_json::from_str(&fs::read_to_string(kept)?)?;
    if known != compiler {
        println!("not compared: the counts kept are those of {known}, and this is {compiler}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut code = ExitCode::SUCCESS;
    for name in before.keys().chain(counted.keys().filter(|name| !before.contains_key(*name))) {
        let (old, new) = (before.get(name), counted.get(name));
        let verdict = match (old, new) {
            (Some(old), Some(new)) if *new > old * (1.0 + TOLERANCE) => Some("more than before"),
            (Some(old), Some(new)) if *new < old * (1.0 - TOLERANCE) => {
                println!("fewer than before, to be kept with --keep: {name}: {old:.0} before, {new:.0} now");
                None
            }
            (Some(_), Some(_)) => None,
            (None, _) => Some("not in instructions.json"),
            (_, None) => Some("not counted"),
        };
        if let Some(verdict) = verdict {
            let text = |count: Option<&f64>| count.map_or("none".to_owned(), |count| format!("{count:.0}"));
            eprintln!("{name}: {verdict}: {} before, {} now", text(old), text(new));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// What the report calls a case.
fn title(case: &str) -> &str {
    match case {
        "floor" => "floor: clone a prebuilt value and insert it",
        "long_lived" => "ours: long-lived reader",
        "cloned" => "ours: reader cloned per request",
        "add_authorization" => "floor: tower-http `AddAuthorization`",
        "recovery_off" => "ours: recovery off",
        "recovery_on" => "ours: recovery on, known body",
        "raw_check" => "floor: aws-lc-rs, parsed key",
        "first_sight" => "ours: first sight",
        "memo_hit" => "ours: memo hit, one hot token",
        other => other,
    }
}

/// Instructions of one repetition, by group and function.
fn collect(folder: &Path, counts: &mut Counts) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, counts)?;
        } else if path.file_name().is_some_and(|name| name == "summary.json") {
            let summary: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
            let module = summary["module_path"].as_str().ok_or("a summary without its module")?;
            let parts: Vec<_> = module.split("::").collect();
            let [.., group, function] = parts[..] else { return Err(format!("an unknown module: {module}").into()) };
            let count = instructions(&summary).ok_or_else(|| format!("no count in {}", path.display()))?;
            counts.insert(format!("{group}/{function}"), (count / f64::from(TIMES)).round());
        }
    }
    Ok(())
}

fn instructions(summary: &Value) -> Option<f64> {
    let profiles = summary["profiles"].as_array()?;
    let callgrind = profiles.iter().find(|profile| profile["tool"] == "Callgrind")?;
    let value = &callgrind["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    value.as_f64().or_else(|| value["Int"].as_f64())
}
