//! The configuration file.

use std::fmt;
use std::path::Path;

use tower_auth::core::{Verifier, VerifierSpec};

use crate::server_spec::{Plaintext, ServerSpec};

/// What a configuration file describes.
#[non_exhaustive]
pub struct Config {
    /// Whose credentials are accepted.
    pub verifier: Verifier,
    /// Where to listen.
    pub server: ServerSpec,
    /// The file without its section `[server]`. It may hold secrets in place; [`check`](crate::check) masks them.
    pub(crate) callers: toml::Table,
}

impl Config {
    /// Reads and builds everything in `file`.
    ///
    /// # Errors
    /// Every mistake there is, one to a line, each with file, line and key path.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let text =
            std::fs::read_to_string(file).map_err(|error| format!("{name}: the file cannot be read: {error}"))?;
        let mut mistakes = Vec::new();
        let server = ServerSpec::read(&text, &mut mistakes);
        let mut report: Vec<String> = mistakes.iter().map(|(line, text)| format!("{name}:{line}: {text}")).collect();

        let mut spec = VerifierSpec::from_toml_beside(&text, &["server"]);
        match &server.plaintext {
            Plaintext::Never => {}
            Plaintext::Loopback => spec = spec.allow_loopback_http(),
            Plaintext::Origins(origins) => {
                spec = origins.iter().fold(spec, |spec, origin| spec.dangerous().allow_plaintext(origin));
            }
        }
        match spec.build() {
            Ok(verifier) if report.is_empty() => {
                let mut callers: toml::Table = text.parse().map_err(|_| format!("{name}: the file is not TOML"))?;
                callers.remove("server");
                return Ok(Self { verifier, server, callers });
            }
            Ok(_) => {}
            Err(errors) => report.extend(errors.iter().map(|mistake| {
                let line = mistake.line().map_or_else(String::new, |line| format!(":{line}"));
                let key = if mistake.key().is_empty() { String::new() } else { format!("{}: ", mistake.key()) };
                format!("{name}{line}: {key}{}", mistake.error())
            })),
        }
        Err(report.join("\n"))
    }
}

impl fmt::Debug for Config {
    /// Without the file's text: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("server", &self.server).finish_non_exhaustive()
    }
}
