//! The page that says which test proves what.

use std::path::Path;

const PAGE: &str = include_str!("../../../docs/quirks.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands between backticks in the cells of that column.
fn quoted(column: usize) -> Vec<String> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| feature"));
    let cells = rows.filter_map(|row| row.split(" | ").nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let named = quoted(1);
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        let (module, test) = name.split_once("::").unwrap_or_else(|| panic!("{name} names no module"));
        let source = std::fs::read_to_string(format!("{ROOT}/tests/quirks/{module}.rs")).unwrap();
        assert!(source.contains(&format!("fn {test}()")), "{name}");
        let (before, _) = source.split_once(&format!("fn {test}()")).unwrap();
        let attribute = before.lines().rev().find(|line| line.starts_with("#["));
        assert!(attribute.is_some_and(|line| line.ends_with("test]")), "{name}");
    }
}

#[test]
fn every_example_of_the_page_is_in_the_catalogue() {
    let named = quoted(2);
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(Path::new(&format!("{ROOT}/../providers/{name}.toml")).exists(), "{name}");
    }
}
