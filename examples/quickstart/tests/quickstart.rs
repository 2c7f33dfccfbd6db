//! The quickstart runs to its end.

use std::process::Command;

#[test]
fn the_quickstart_shows_each_step_and_exits_with_success() {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart")).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "401 Unauthorized, WWW-Authenticate: Bearer realm=\"orders\"",
        "\"hello orders-client\"",
        "SERVING",
        "sent 2 times",
        "Done.",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}
