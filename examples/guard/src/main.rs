//! `guard [--check] FILE`.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use guard::args::{Args, USAGE};
use guard::config::Config;
use guard::http::HttpService;
use guard::listen::Listener;
use guard::{check, grpc, http};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tower_auth::core::BoxError;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    let Some(args) = Args::parse(std::env::args_os().skip(1)) else { return fail(2, USAGE) };
    let config = match Config::read(&args.file) {
        Ok(config) => config,
        Err(mistakes) => return fail(2, &mistakes),
    };
    let file = args.file.display();
    let routes = match http::routes(&config) {
        Ok(routes) => routes,
        Err(error) => return fail(2, &format!("{file}: {error}")),
    };
    let done =
        if args.check { say(&check::effective(&config)).map_err(BoxError::from) } else { serve(config, routes).await };
    done.map_or_else(|error| fail(1, &format!("guard: {error}")), |()| ExitCode::SUCCESS)
}

/// Our own events from debug up, since that is the level of refusals; of the libraries below only warnings.
fn log_to_stderr() {
    let ours = ["tower_auth", "tower_auth_core", "tower_auth_axum", "tower_auth_tonic", "guard"];
    let levels = Targets::new().with_default(Level::WARN).with_targets(ours.map(|target| (target, Level::DEBUG)));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

/// Serves both protocols until a signal ends them.
async fn serve(config: Config, routes: HttpService) -> Result<(), BoxError> {
    // Before the ready line, so that whoever reads it may send a signal.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = &config.server;
    let tls = config.tls.as_ref().map(|tls| Arc::clone(&tls.config));
    let http = Listener::bind(server.http, tls.clone()).await?;
    let grpc = Listener::bind(server.grpc, tls).await?;
    let admin = match server.admin {
        Some(address) => Some(Listener::bind(address, None).await?),
        None => None,
    };
    let validate = config.grpc.layer(config.verifier.clone())?;
    let mut ready = json!({ "http": http.address()?.to_string(), "grpc": grpc.address()?.to_string() });
    if let Some(admin) = &admin {
        ready["admin"] = json!(admin.address()?.to_string());
    }
    say(&ready.to_string())?;

    let (end, ended) = watch::channel(());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        drop(end);
    });
    let until = || {
        let mut ended = ended.clone();
        async move {
            // Nothing is ever sent: the channel closes.
            let _ = ended.changed().await;
        }
    };
    let admin = async {
        if let Some(admin) = admin {
            admin.serve(http::health(config.verifier.clone()), until(), server.grace).await;
        }
    };
    tokio::join!(
        http.serve(routes, until(), server.grace),
        grpc.serve(grpc::service(&validate), until(), server.grace),
        admin,
    );
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn fail(code: u8, message: &str) -> ExitCode {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(code)
}
