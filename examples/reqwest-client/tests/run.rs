//! The example does what it says.

use std::process::Command;

// SYS-L6
#[test]
fn the_example_runs_to_its_end_and_recovers() {
    let output = Command::new(env!("CARGO_BIN_EXE_reqwest-client")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}{complaints}");
    let said: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).map(str::trim).collect();
    let (calls, reason) = said.split_at(6);
    assert_eq!(calls, ["200 OK", "200 OK", "token requests: 1", "200 OK", "token requests: 2", "401 Unauthorized"]);
    assert!(reason[0].contains("[token."), "{text}");
    assert_eq!(reason[1], "worth another try later: true");
    assert_eq!(reason.len(), 2);
}
