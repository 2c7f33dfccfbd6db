//! The program `fetch`; see the README.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

use fetch::{Args, Command, Exit};

fn main() -> ExitCode {
    let exit = match Args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => {
            fetch::print(&text);
            Exit::Success
        }
        Ok(Command::Fetch(args)) => fetch(*args),
        Err(failure) => {
            fetch::complain(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

fn fetch(args: Args) -> Exit {
    if args.is_verbose() {
        fetch::log_to_stderr();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(fetch::run(args, Arc::new(variable))),
        Err(error) => Err(fetch::Failure::new(Exit::CallFailed, format!("there is no runtime: {error}"))),
    };
    result.unwrap_or_else(|failure| {
        fetch::complain(&failure);
        failure.exit
    })
}

#[allow(clippy::disallowed_methods, reason = "values of fields may stand in the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
