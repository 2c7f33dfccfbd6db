//! What the sources of statements look like.

use std::fs;
use std::path::Path;

// THREAT-S5
#[test]
fn no_statement_is_put_together_from_parts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql");
    let verbs =
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", " WHERE ", " FROM {", "VALUES", "PRAGMA ", "NOTIFY", "LISTEN "];
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The last explains statements, in tests alone.
        if path.extension().is_none_or(|extension| extension != "rs") || name == "plans.rs" {
            continue;
        }
        files += 1;
        let source = fs::read_to_string(&path).unwrap();
        for call in ["format!(", "push_str(", "concat!(", "write!("] {
            for (at, _) in source.match_indices(call) {
                let call = arguments(&source[at + call.len()..]);
                let found = verbs.iter().find(|verb| call.contains(**verb));
                assert!(found.is_none(), "{name}: {call}");
            }
        }
        // What is not a constant would have to be asserted to be safe; the one writer of constants is where that is done.
        let asserted = source.matches("AssertSqlSafe(").count();
        assert!(asserted == 0 || name == "pool.rs", "{name} asserts that a text of its own is safe");
        assert_eq!(asserted, source.matches("AssertSqlSafe(self.texts.of(statement").count(), "{name}");
    }
    assert!(files > 10, "{files}");
}

/// What stands within the parentheses that are open.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}
