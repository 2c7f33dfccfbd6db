use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A variant of this program in a process of its own. It says its address and the token that it wants in its first line.
pub(crate) struct Process {
    child: Child,
    address: String,
    token: Option<String>,
}

impl Process {
    /// Starts it on one processor.
    pub(crate) fn start(arguments: &[&str], processor: usize) -> Self {
        let mut child = pinned(processor, std::env::current_exe().unwrap().to_str().unwrap())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is there");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (address, token) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        assert!(!address.is_empty(), "{arguments:?} has started");
        let (address, token) = (address.to_owned(), Some(token.to_owned()).filter(|token| !token.is_empty()));
        Self { child, address, token }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// How long its threads have run.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time_of(&self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long the threads of a process have run: of its number, or of `self`.
pub(crate) fn processor_time_of(process: &str) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let run = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(run.sum())
}

/// A command that stays on one processor.
pub(crate) fn pinned(processor: usize, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string(), program]);
    command
}
