//! The page about presets.

use tower_auth_core::Preset;

const PAGE: &str = include_str!("../../../docs/presets.md");

#[test]
fn every_preset_has_its_row_and_no_other_has_one() {
    let rows: Vec<_> = PAGE.lines().filter(|line| line.starts_with("| `")).skip(1).collect();
    let names: Vec<_> = rows.iter().filter_map(|row| row.split('`').nth(1)).collect();
    let presets: Vec<_> = Preset::ALL.iter().map(|preset| preset.name()).collect();
    assert_eq!(names, presets);
    for (row, preset) in rows.iter().zip(Preset::ALL) {
        // A parameter that is not known is answered with those that are; the row has just these.
        let error = preset.issuer(&[("§", "x")]).unwrap_err().to_string();
        let known = error.split("known are ").nth(1).map_or("", |known| known.split(" [").next().unwrap());
        for parameter in known.split(", ").filter(|name| !name.is_empty()) {
            assert!(row.contains(&format!("`{parameter}`")), "{preset}: {parameter}");
        }
    }
}
