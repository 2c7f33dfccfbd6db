//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::*;

/// Shown for `--help`, and after a mistake.
pub const USAGE: &str = "\
connect [COMMAND] [OPTIONS]

  serve            the page and two emulated providers (if no command is named)
  list             the credentials of all users, without secrets
  test             asks each provider whether its credentials work
  rotate-keys      wraps every credential with the newest key
  audit            what was done, by whom, with what result

  --database FILE  an SQLite file; if not set, connect.db
  --listen ADDRESS where the page is; if not set, 127.0.0.1:4800
  --public-url URL where browsers find it; if not set, http:// and the address
  --providers PORT the port of the first provider, the other has the next one; if not set, 4810
  --quiet          no progress bars

  DATABASE_URL     a PostgreSQL database in place of the file
  STORE_KEYS       the keys, newest first: id:base64,id:base64; if not set, they are in connect.keys beside the file
";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, clippy::exhaustive_enums, reason = "the names say it; a program of its own")]
pub enum Command {
    Serve,
    List,
    Test,
    RotateKeys,
    Audit,
}

/// The command line.
#[derive(Clone, Debug)]
#[allow(missing_docs, clippy::exhaustive_structs, reason = "the usage says it; a program of its own")]
pub struct Args {
    pub command: Command,
    pub database: PathBuf,
    /// In place of the file; from the environment.
    pub database_url: Option<String>,
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    pub providers: u16,
    pub quiet: bool,
}

impl Args {
    /// Reads the command line; `None` if only help is wanted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Option<Self>, lexopt::Error> {
        let mut parsed = Self {
            command: Command::Serve,
            database: PathBuf::from("connect.db"),
            database_url: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 4800)),
            public_url: None,
            providers: 4810,
            quiet: false,
        };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("database") => parsed.database = parser.value()?.into(),
                Long("listen") => parsed.listen = parser.value()?.parse()?,
                Long("public-url") => parsed.public_url = Some(parser.value()?.string()?),
                Long("providers") => parsed.providers = parser.value()?.parse()?,
                Long("quiet") => parsed.quiet = true,
                Short('h') | Long("help") => return Ok(None),
                Value(word) => {
                    parsed.command = match word.string()?.as_str() {
                        "serve" => Command::Serve,
                        "list" => Command::List,
                        "test" => Command::Test,
                        "rotate-keys" => Command::RotateKeys,
                        "audit" => Command::Audit,
                        other => return Err(format!("there is no command {other}").into()),
                    }
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(parsed))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, lexopt::Error> {
        Args::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn a_command_line_is_read_and_a_wrong_one_refused() {
        let args = parse("rotate-keys --database a.db --quiet").unwrap().unwrap();
        assert_eq!((args.command, args.quiet), (Command::RotateKeys, true));
        assert_eq!(parse("").unwrap().unwrap().command, Command::Serve);
        assert!(parse("list --help").unwrap().is_none());
        for bad in ["other", "--nothing", "--listen here", "--providers 70000", "--database"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
