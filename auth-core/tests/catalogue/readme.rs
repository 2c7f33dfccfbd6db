use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::FOLDER;
use crate::files::{tables, texts};
use crate::quirks::{Method, QUIRKS, SINGLE};

const HEAD: &str = "\
# Provider files

Each file describes one API: how it authenticates, which values that needs, where the credential goes. The keys are those of
[How a provider file works](../docs/provider-files.md).

The files are written from what the providers publish. No provider was called: a file says so in its first lines, with what is odd
about the provider. What a provider changes after that is not in its file; an operator can override every URL, and correct a file.
`generic-oauth2` and `generic-http` are for systems without a file.

The tables are made of the files by a test; `UPDATE_README=1 cargo test -p tower-auth-core --features provider --test catalogue` writes them.
";

/// Set `UPDATE_README` to write the file.
#[test]
fn the_tables_are_those_of_the_files() {
    let path = format!("{FOLDER}/README.md");
    let text = readme();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == text, "providers/README.md is not up to date");
}

#[test]
fn every_quirk_has_two_providers_where_there_are_two() {
    let shown = shown();
    let mut wrong = Vec::new();
    for quirk in QUIRKS {
        let providers = shown.values().filter(|provider| provider.quirks.contains(quirk.name)).count();
        let fits = if SINGLE.contains(&quirk.name) { providers == 1 } else { providers >= 2 };
        if !fits {
            wrong.push(format!("{}: {providers}", quirk.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

struct Provider {
    name: String,
    kinds: BTreeSet<String>,
    quirks: BTreeSet<&'static str>,
}

fn shown() -> BTreeMap<String, Provider> {
    let one = |text: &str| {
        let file: toml::Table = text.parse().unwrap();
        let methods: Vec<_> = tables(&file, "auth").into_iter().map(|table| Method { file: &file, table }).collect();
        let kinds = methods.iter().filter_map(|method| method.table.get("kind")?.as_str().map(str::to_owned)).collect();
        let fits = |quirk: &&crate::quirks::Quirk| methods.iter().any(quirk.shown_by);
        let quirks = QUIRKS.iter().filter(fits).map(|quirk| quirk.name).collect();
        Provider { name: file["display_name"].as_str().unwrap().to_owned(), kinds, quirks }
    };
    texts().iter().map(|(id, text)| (id.clone(), one(text))).collect()
}

fn readme() -> String {
    let shown = shown();
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "\n## Providers\n\n{} files.\n\n| provider | kinds | what it shows |\n|---|---|---|\n",
        shown.len()
    );
    for (id, provider) in &shown {
        let kinds: Vec<_> = provider.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        // In the order of the other table, without what nearly all have.
        let quirks =
            QUIRKS.iter().filter(|quirk| quirk.group != "Fields and URLs" && provider.quirks.contains(quirk.name));
        let quirks: Vec<_> = quirks.map(|quirk| quirk.name).collect();
        let _ = writeln!(text, "| [{}]({id}.toml) | {} | {} |", provider.name, kinds.join(", "), quirks.join("; "));
    }
    let mut group = "";
    for quirk in QUIRKS {
        if quirk.group != group {
            group = quirk.group;
            let _ = write!(text, "\n## {group}\n\n| what differs | providers |\n|---|---|\n");
        }
        let ids: Vec<_> = shown
            .iter()
            .filter(|(_, provider)| provider.quirks.contains(quirk.name))
            .map(|(id, _)| id.as_str())
            .collect();
        let _ = match ids.len() {
            0..=12 => writeln!(text, "| {} | {} |", quirk.name, ids.join(", ")),
            many => writeln!(text, "| {} | {} and {} more |", quirk.name, ids[..12].join(", "), many - 12),
        };
    }
    text
}
