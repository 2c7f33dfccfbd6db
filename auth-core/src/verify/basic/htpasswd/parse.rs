use std::collections::HashMap;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use crate::verify::basic::{PasswordHash, UserAccount};

/// The users of a file, by their user-id in Normalization Form C.
pub(super) type Users = HashMap<Box<str>, Arc<UserAccount>>;

/// So many mistakes are named; more help nobody.
const MAX_NAMED: usize = 10;

/// Reads the text of a password file: in each line a user-id, a colon and a hash. Empty lines and those that begin with
/// `#` are comments; what follows a second colon is one too.
///
/// # Errors
/// What is wrong, by line. Nothing of the text is quoted: what is no hash may be a password.
pub(super) fn parse(text: &[u8], weak: bool) -> Result<Users, String> {
    let mut users = Users::new();
    let mut lines: HashMap<Box<str>, usize> = HashMap::new();
    let mut mistakes = Vec::new();
    for (number, line) in (1_usize..).zip(text.split(|byte| *byte == b'\n')) {
        match read_line(line, weak) {
            Ok(None) => {}
            Ok(Some((user, account))) => match lines.get(&user) {
                Some(earlier) => mistakes.push((number, format!("its user is also in line {earlier}"))),
                None => {
                    lines.insert(user.clone(), number);
                    users.insert(user, Arc::new(account));
                }
            },
            Err(problem) => mistakes.push((number, problem)),
        }
    }
    if mistakes.is_empty() {
        return Ok(users);
    }
    let mut named: Vec<_> =
        mistakes.iter().take(MAX_NAMED).map(|(number, problem)| format!("line {number}: {problem}")).collect();
    if mistakes.len() > MAX_NAMED {
        named.push(format!("and {} more", mistakes.len() - MAX_NAMED));
    }
    Err(named.join("; "))
}

fn read_line(line: &[u8], weak: bool) -> Result<Option<(Box<str>, UserAccount)>, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?.trim_ascii();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (user, rest) = text.split_once(':').ok_or("it has no colon, so no user and hash")?;
    let hash = rest.split(':').next().unwrap_or_default();
    if user.chars().any(char::is_control) {
        return Err("its user has a control character".to_owned());
    }
    let hash = PasswordHash::read(hash, weak)?;
    Ok(Some((user.nfc().collect::<String>().into(), UserAccount::new(hash))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // THREAT-A1
        #[test]
        fn no_bytes_make_the_reader_panic_and_every_mistake_has_a_line(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            match parse(&bytes, true) {
                Ok(users) => prop_assert!(users.is_empty(), "chance has made a hash"),
                Err(problem) => prop_assert!(problem.starts_with("line "), "{}", problem),
            }
        }
    }
}
