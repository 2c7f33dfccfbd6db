use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::{Alloy, Aluma, Alvys, Server};

/// A run of the program, with nothing in its environment but what the test puts there.
pub(crate) struct Run {
    command: Command,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// With the provider file at `path`.
    pub(crate) fn with(path: impl Into<PathBuf>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetch"));
        command.env_clear().current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).kill_on_drop(true);
        command.arg("--provider").arg(path.into());
        Self { command }
    }

    /// With a provider file of the given text.
    pub(crate) fn with_text(text: &str) -> Self {
        Self::with(scratch_file("provider.toml", text))
    }

    /// Alloy with the right values.
    pub(crate) fn alloy(alloy: &Alloy) -> Self {
        Self::with("providers/alloy.toml")
            .env("ALLOY__BASE_URL", &format!("{}/v1", alloy.server.origin))
            .env("ALLOY__CLIENT_ID", Alloy::ID)
            .env("ALLOY__CLIENT_SECRET", Alloy::SECRET)
            .allow(&alloy.server)
    }

    /// Alvys with the right values for the tenant `acme`.
    pub(crate) fn alvys(alvys: &Alvys) -> Self {
        Self::with("providers/alvys.toml").alvys_values(alvys)
    }

    pub(crate) fn alvys_values(self, alvys: &Alvys) -> Self {
        self.env("ALVYS__BASE_URL", &alvys.api.origin)
            .env("ALVYS__TOKEN_URL", &alvys.token_url())
            .env("ALVYS__CLIENT_ID", Alvys::ID)
            .env("ALVYS__CLIENT_SECRET", Alvys::SECRET)
            .env("ALVYS__TENANT_ID", "acme")
            .allow(&alvys.api)
            .allow(&alvys.login)
    }

    /// Aluma with the right values.
    pub(crate) fn aluma(aluma: &Aluma) -> Self {
        Self::with("providers/aluma.toml").aluma_values(aluma)
    }

    pub(crate) fn aluma_values(self, aluma: &Aluma) -> Self {
        self.env("ALUMA__BASE_URL", &aluma.server.origin)
            .env("ALUMA__TOKEN_URL", &format!("{}/oauth/token", aluma.server.origin))
            .env("ALUMA__CLIENT_ID", Aluma::ID)
            .env("ALUMA__CLIENT_SECRET", Aluma::SECRET)
            .allow(&aluma.server)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn allow(self, server: &Server) -> Self {
        self.args(&["--allow-plaintext", &server.origin])
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Begins the run, to be watched; `input` is what is typed in.
    pub(crate) async fn start(mut self, input: &str) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let err = BufReader::new(child.stderr.take().unwrap());
        Running { child, err, seen: String::new() }
    }

    pub(crate) async fn run(mut self) -> Outcome {
        let output = self.command.output().await.unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A run under way.
pub(crate) struct Running {
    child: Child,
    err: BufReader<ChildStderr>,
    seen: String,
}

impl Running {
    /// Waits for a line of standard error with `mark`, and gives what is behind it.
    pub(crate) async fn line(&mut self, mark: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.err.read_line(&mut line).await.unwrap(), 0, "no {mark:?} in {:?}", self.seen);
            self.seen.push_str(&line);
            if let Some((_, rest)) = line.split_once(mark) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn end(mut self) -> Outcome {
        let mut out = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        let (read, rest) = tokio::join!(stdout.read_to_string(&mut out), async {
            let mut rest = String::new();
            self.err.read_to_string(&mut rest).await.map(|_| rest)
        });
        read.unwrap();
        let code = self.child.wait().await.unwrap().code().unwrap();
        Outcome { code, out, err: self.seen + &rest.unwrap() }
    }
}

impl Outcome {
    /// Expects success, and gives the standard output.
    #[track_caller]
    pub(crate) fn success(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        &self.out
    }

    /// Expects an exit code, and gives the standard error.
    #[track_caller]
    pub(crate) fn failure(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:#?}");
        &self.err
    }

    /// The objects on standard output.
    #[track_caller]
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A file of its own in the folder for tests.
pub(crate) fn scratch_file(name: &str, text: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fetch-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
