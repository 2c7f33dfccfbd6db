//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// How the program is called.
pub const USAGE: &str = "usage: guard [--check] FILE";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Args {
    /// Print the effective configuration instead of serving.
    pub check: bool,
    /// The configuration file.
    pub file: PathBuf,
}

impl Args {
    /// Reads the arguments that follow the program's name; `None` if they are not as [`USAGE`] says.
    #[must_use]
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let (mut check, mut file) = (false, None);
        for arg in args {
            if arg == "--check" {
                check = true;
            } else if arg.to_string_lossy().starts_with('-') || file.replace(PathBuf::from(arg)).is_some() {
                return None;
            }
        }
        Some(Self { check, file: file? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_needed_and_unknown_options_are_refused() {
        let parse = |args: &[&str]| Args::parse(args.iter().map(OsString::from));
        assert_eq!(parse(&["a.toml", "--check"]), Some(Args { check: true, file: "a.toml".into() }));
        for wrong in [&[][..], &["--chek", "a.toml"], &["a.toml", "b.toml"]] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
