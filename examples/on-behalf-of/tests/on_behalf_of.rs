//! The program runs to its end.

use std::process::Command;

// R8693-2.1a, R8693-P1
#[test]
fn calls_go_out_in_the_name_of_whoever_called() {
    let output = Command::new(env!("CARGO_BIN_EXE_on-behalf-of")).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "3 pallets for alice, asked by orders",
        "3 pallets for bob, asked by orders",
        "gRPC served bob",
        "exchanges: 2",
        "nobody: 401; alice's token passed on: 401",
        "Done.",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}
