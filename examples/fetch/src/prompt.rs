//! Questions to whoever sits at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tower_auth::core::Secret;

use crate::failure::Failure;

/// Asks for a secret on standard error and reads a line of standard input; on a terminal without showing it.
///
/// # Errors
/// When nothing is typed in.
pub(crate) fn secret(question: &str) -> Result<Secret, Failure> {
    let stdin = io::stdin();
    let hidden = if stdin.is_terminal() { Hidden::begin() } else { None };
    let _ = write!(io::stderr().lock(), "{question}: ");
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    let text = line.trim().to_owned();
    // What was typed is not left behind in the buffer.
    drop(Secret::new(line));
    if hidden.is_some() {
        let _ = writeln!(io::stderr().lock());
    }
    drop(hidden);
    read.map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
    if text.is_empty() || text.contains('\u{3}') {
        Err(Failure::usage(format!("{question}: nothing was typed in")))
    } else {
        Ok(Secret::new(text))
    }
}

/// A terminal that does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> Option<Self> {
        let usual = tcgetattr(io::stdin()).ok()?;
        let mut changed = usual.clone();
        // An interrupt would end the program with the terminal as it is now; it is read as a character instead.
        changed.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &changed).ok()?;
        Some(Self(usual))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
