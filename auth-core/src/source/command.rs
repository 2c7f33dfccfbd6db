use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{SourceRequest, TokenSource};
use crate::clock::within;
use crate::oauth::read_document;
use crate::{Clock, Secret, Token, TokenError, TokenErrorKind, TokenResponse};

/// A token that a program prints: a cloud provider's command-line tool, a vault client.
///
/// The program is run whenever the cache asks, directly and not through a shell, with no input. Output that starts with `{` is read
/// as JSON with the members of a token response (`access_token` or `token`, `expires_in`, …); any other is the token itself.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::{CommandToken, TokenCache};
///
/// let source = CommandToken::new("gcloud").args(["auth", "print-access-token"]).timeout(Duration::from_secs(5));
/// let cache = TokenCache::builder(source).default_lifetime(Duration::from_secs(3600)).build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Security
/// Arguments stand in the machine's process list: give no secret as one. What the program writes to its error output is thrown
/// away, since nobody knows what is in it.
#[derive(Clone)]
pub struct CommandToken {
    program: OsString,
    args: Vec<OsString>,
    timeout: Duration,
    clock: Clock,
}

/// The most that is read of a program's output, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;

impl CommandToken {
    /// Runs `program`, found as the system finds programs.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            timeout: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets how long the program may run before it is killed; 10 seconds if not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets where the time comes from; the system if not set.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The program's output. Dropping the future kills the program.
    async fn run(&self) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.failed(TokenErrorKind::Misconfigured, "cannot be run").with_source(error))?;
        // Reserved in full, so that no outgrown buffer with half a token is left behind.
        let mut output = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_OUTPUT + 1).unwrap_or(0)));
        if let Some(stdout) = child.stdout.take() {
            let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output).await;
            read.map_err(|error| self.failed(TokenErrorKind::Unreachable, "broke off").with_source(error))?;
        }
        if output.len() as u64 > MAX_OUTPUT {
            return Err(self.failed(TokenErrorKind::Unparsable, "printed more than 64 KiB"));
        }
        let status = child
            .wait()
            .await
            .map_err(|error| self.failed(TokenErrorKind::Unreachable, "was lost").with_source(error))?;
        if status.success() {
            Ok(output)
        } else {
            Err(self.failed(TokenErrorKind::Unreachable, &format!("failed ({status}); run it by hand to see why")))
        }
    }

    fn read(&self, output: &[u8]) -> Result<TokenResponse, TokenError> {
        if output.trim_ascii_start().first() == Some(&b'{') {
            return read_document(output, self.clock.wall()).map_err(|what| {
                self.failed(TokenErrorKind::Unparsable, &format!("printed JSON that is no token: {what}"))
            });
        }
        let token = Secret::from_file_bytes(output).and_then(|secret| Token::new(secret).ok());
        token.map(TokenResponse::new).ok_or_else(|| self.failed(TokenErrorKind::Unparsable, "printed no usable token"))
    }

    fn failed(&self, kind: TokenErrorKind, what: &str) -> TokenError {
        TokenError::new(kind, format!("the token command {} {what}", self.program.to_string_lossy()))
    }
}

impl TokenSource for CommandToken {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let output = within(&self.clock, self.timeout, self.run()).await.unwrap_or_else(|| {
            let what = format!("did not end within {:.1} s", self.timeout.as_secs_f64());
            Err(self.failed(TokenErrorKind::TimedOut, &what))
        })?;
        self.read(&output)
    }
}

impl fmt::Debug for CommandToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandToken")
            .field("program", &self.program)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The secret that a program prints, for configurations: `words` are the program and its arguments.
///
/// # Errors
/// What went wrong, without anything that was printed.
#[cfg(feature = "provider")]
pub(crate) async fn run_command(words: &[String]) -> Result<Secret, String> {
    let (program, args) = words.split_first().ok_or("the command is empty")?;
    let command = CommandToken::new(program).args(args).timeout(Duration::from_secs(30));
    let fail = |what: &str| format!("the command {program} {what}");
    match within(&command.clock, command.timeout, command.run()).await {
        None => Err(fail("did not end within 30 s")),
        Some(Err(error)) => Err(fail(match error.kind() {
            TokenErrorKind::Misconfigured => "cannot be run",
            TokenErrorKind::Unparsable => "printed more than 64 KiB",
            _ => "failed; run it by hand to see why",
        })),
        Some(Ok(output)) => Secret::from_file_bytes(&output).ok_or_else(|| fail("printed no text")),
    }
}
