//! `connect [COMMAND] [OPTIONS]`; see `--help`.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a program reads its environment, as its usage says")]

use std::io::{self, Write};
use std::process::ExitCode;

use connect::args::{Args, Command, USAGE};
use connect::emulated::Emulated;
use connect::{app, operate, storage};
use tokio::net::TcpListener;
use tower_auth_store::Connect;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let levels = Targets::new().with_default(Level::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
    let args = match Args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => {
            Args { database_url: std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()), ..args }
        }
        Ok(None) => return say(USAGE).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            let _ = writeln!(io::stderr(), "connect: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "connect: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let url = args.public_url.clone().unwrap_or_else(|| format!("http://{}", args.listen));
    let page = format!("{url}/connect");
    let emulated = Emulated::start(args.providers, &page).await?;
    let store = storage::open(&args, emulated.connectors()?, &[format!("{url}/connected")]).await?;
    match args.command {
        Command::Serve => serve(&args, &url, &page, &emulated, store).await,
        Command::List => operate::list(&store, &mut io::stdout()).await,
        Command::Test => operate::test(&store, args.quiet, &mut io::stdout()).await,
        Command::RotateKeys => operate::rotate_keys(&store, args.quiet, &mut io::stdout()).await,
        Command::Audit => operate::audit(&store, &mut io::stdout()).await,
    }
}

async fn serve(
    args: &Args,
    url: &str,
    page: &str,
    emulated: &Emulated,
    store: tower_auth_store::CredentialStore,
) -> Result<(), Failure> {
    let connect = Connect::builder(store.clone(), page).application("Example application").build()?;
    emulated.allow(&connect);
    let listener = TcpListener::bind(args.listen).await?;
    tokio::spawn(store.run());
    say(&format!("open {url}\n"))?;
    if let Some(key) = &emulated.api_key {
        say(&format!("Acme Drive signs you in; Weather Desk wants this API key: {key}\n"))?;
    }
    let stop = async {
        // Without signals it runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app::router(store.clone(), connect, url)).with_graceful_shutdown(stop).await?;
    store.close().await;
    Ok(())
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
