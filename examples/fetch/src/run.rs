use std::fs;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Uri};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_auth::core::{AuthKind, FilledProvider, ProviderSpec, RequestLog, Secret, TokenError};

use crate::args::Args;
use crate::call::{Answer, Call};
use crate::catalogue::provider;
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::login;
use crate::meter::{Meter, Outcome};
use crate::origins::Origins;
use crate::output::{Output, complain};
use crate::prompt;
use crate::session::{Session, Setup, is_absolute};
use crate::state::StateFile;
use crate::values::{Environment, Sources};

/// Does what the command line asks for, and says how to end.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let output = Output { json: args.json };
    let session = open(&args, &environment).await?;
    let session = Arc::new(session);
    let result = act(&session, &args, output).await;
    if let Some(cache) = session.cache() {
        // A refresh that is under way must not lose its tokens, also if something else failed.
        cache.close().await;
    }
    result
}

/// Does everything, in its order.
async fn act(session: &Arc<Session>, args: &Args, output: Output) -> Result<Exit, Failure> {
    if args.logout {
        if let Some(cache) = session.cache() {
            // No refresh may write new tokens after the old ones are gone.
            cache.close().await;
        }
        return match session.setup.state.clone() {
            Some(state) => login::logout(session, &state).await,
            None => Err(Failure::usage("--logout: this method keeps no tokens between runs")),
        };
    }
    if args.login {
        login::login(session, args).await?;
    }
    if args.verify || args.urls.iter().any(|url| !is_absolute(url)) {
        session.locate().await?;
    }
    let calls = calls(args, session)?;
    let mut exit = Exit::Success;
    if args.token {
        show_token(session, output, args.reveal).await?;
    }
    if args.verify {
        exit = exit.max(verify(session, output).await?);
    }
    if let Some(address) = &args.grpc_health {
        let health = session.health(address, &args.grpc_service, session.timeout()).await?;
        output.health(&health);
        exit = exit.max(health.exit());
    }
    Ok(exit.max(send_all(session, calls, args).await))
}

/// Reads every file, fills every value, checks every URL.
async fn open(args: &Args, environment: &Environment) -> Result<Session, Failure> {
    let spec = provider(&args.provider, args.providers.as_deref())?;
    let origins = Origins::allow_plaintext(&args.plaintext)?;
    let sources = Sources { spec: &spec, args, environment };
    let mut setup = Setup {
        origins,
        roots: roots(args)?,
        timeout: args.timeout,
        targets: args.urls.iter().filter_map(|url| url.parse().ok()).collect(),
        scopes: args.scopes.clone(),
        log: args.explain.then(|| RequestLog::new(|exchange| complain(&exchange.to_string()))),
        ..Setup::new()
    };
    let mut filled = sources.resumed().await?;
    if args.verify && !filled.method().can_verify() {
        return Err(Failure::usage(format!("{} has no verification request", spec.display_name())));
    }
    if args.login && !explain::needs_a_person(&filled) {
        return Err(Failure::usage(format!(
            "--login: the method {:?} of {} needs nobody to sign in",
            filled.method().key(),
            spec.display_name()
        )));
    }
    if explain::needs_a_person(&filled) || args.state.is_some() {
        let state = StateFile::of_run(&filled, args, environment).await?;
        if !args.login {
            setup.resumed = state.read(setup.clock.wall())?;
        }
        setup.state = Some(Arc::new(state));
    }
    if filled.method().kind() == AuthKind::OAuth2StaticCode && setup.resumed.is_none() && !args.logout {
        let code = if args.login { ask_for_code(&spec, &filled, environment).await? } else { None };
        filled = sources.first(code).await?;
    }
    Session::open(filled, setup)
}

/// The code that somebody types in, unless the environment has it.
async fn ask_for_code(
    spec: &ProviderSpec,
    filled: &FilledProvider,
    environment: &Environment,
) -> Result<Option<Secret>, Failure> {
    if environment(&spec.variable("code")).is_some_and(|code| !code.is_empty()) {
        return Ok(None);
    }
    let about = filled.method().field("code").map(|field| field.about()).filter(|about| !about.is_empty());
    let about = about.map_or_else(String::new, |about| format!(" ({about})"));
    let question = format!("code of {}{about}", spec.display_name());
    let typed = tokio::task::spawn_blocking(move || prompt::secret(&question)).await;
    typed.map_err(|error| Failure::usage(format!("nobody could be asked: {error}")))?.map(Some)
}

fn roots(args: &Args) -> Result<Option<Vec<u8>>, Failure> {
    match &args.ca {
        None => Ok(None),
        Some(path) => match fs::read(path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => Err(Failure::usage(format!("--ca {path} cannot be read: {error}"))),
        },
    }
}

/// The calls of the command line, each with its URL as it was given.
fn calls(args: &Args, session: &Session) -> Result<Vec<(String, Call)>, Failure> {
    let body = match args.data.as_deref() {
        None => None,
        Some(data) => Some(match data.strip_prefix('@') {
            None => Bytes::from(data.to_owned()),
            Some(path) => fs::read(path)
                .map(Bytes::from)
                .map_err(|error| Failure::usage(format!("--data @{path} cannot be read: {error}")))?,
        }),
    };
    let usual = if body.is_some() { Method::POST } else { Method::GET };
    let mut headers = args.headers.clone();
    if let Some(body) = body.as_ref().filter(|_| !headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_TYPE, content_type(body));
    }
    let call = |text: &String| {
        let uri = session.resolve(text)?;
        let call = Call {
            method: args.method.clone().unwrap_or(usual.clone()),
            uri: uri.clone(),
            headers: headers.clone(),
            body: body.clone().unwrap_or_default(),
        };
        Ok((uri.to_string(), call))
    };
    args.urls.iter().map(call).collect()
}

/// JSON if it is JSON, else plain text.
fn content_type(body: &[u8]) -> HeaderValue {
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
    HeaderValue::from_static(if is_json { "application/json" } else { "text/plain; charset=utf-8" })
}

async fn show_token(session: &Session, output: Output, reveal: bool) -> Result<(), Failure> {
    let Some(cache) = session.cache() else {
        if reveal {
            return Err(Failure::usage("--reveal: there is no token to show; the credential is sent as it is"));
        }
        output.fixed(session.filled().method().kind().as_str());
        return Ok(());
    };
    let token = cache.token().await.map_err(|error| session.no_token(&error))?;
    output.token(&token, &cache.status(), &session.setup.clock, reveal);
    Ok(())
}

/// Runs the provider's verification requests, in their order, up to the first that fails.
async fn verify(session: &Session, output: Output) -> Result<Exit, Failure> {
    session.ready().await.map_err(|error| session.no_token(&error))?;
    let generation = session.cache().and_then(|cache| cache.status().generation).map(|generation| generation.as_u64());
    session.tap.open();
    let result = session.connection.verify().await;
    let heard = session.tap.close();
    let heard_count = heard.len();
    let mut exit = Exit::Success;
    let name = session.filled().spec().display_name();
    let mut failure = result.err();
    for (index, heard) in heard.iter().enumerate() {
        let shown = shown(&heard.uri, &session.secrets());
        let answer = Answer { status: heard.status, body: heard.body.clone(), sends: 1, generation, note: None };
        output.answer(&shown, &answer);
        let line = format!("{} {shown} answered {}", heard.method, heard.status.as_u16());
        let is_about = |error: &mut TokenError| error.status() == Some(heard.status.as_u16());
        let own = if index + 1 == heard_count { failure.take_if(is_about) } else { None };
        match own {
            Some(error) => {
                complain(&format!("{line}: {}", explain::chain(&error)));
                exit = Exit::CallFailed;
            }
            None => complain(&format!("{name} verified: {line}")),
        }
    }
    if let Some(error) = failure {
        complain(&explain::chain(&error));
        exit = Exit::CallFailed;
    }
    Ok(exit)
}

/// A URL without its query, and without its path if that has a secret.
fn shown(uri: &Uri, secrets: &[Secret]) -> String {
    let path = decoded(uri.path());
    let site = explain::site(uri);
    let tells = secrets.iter().any(|secret| !secret.is_empty() && path.contains(secret.expose_secret()));
    if tells { site } else { format!("{site}{}", uri.path()) }
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex.filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends every call as often as asked, by as many workers as asked. Answers are printed as they come.
async fn send_all(session: &Arc<Session>, calls: Vec<(String, Call)>, args: &Args) -> Exit {
    if calls.is_empty() {
        return Exit::Success;
    }
    let output = Output { json: args.json };
    let total = u64::from(args.repeat).saturating_mul(calls.len().try_into().unwrap_or(u64::MAX));
    let meter = Arc::new(Meter::new(total));
    let repeated = (0..args.repeat).flat_map(move |_| calls.clone());
    let queue = Arc::new(Mutex::new(repeated));
    let mut workers = JoinSet::new();
    for _ in 0..args.concurrency {
        let worker =
            Worker { session: Arc::clone(session), meter: Arc::clone(&meter), output, interval: args.interval };
        workers.spawn(worker.work(Arc::clone(&queue)));
    }
    let exit = workers.join_all().await.into_iter().fold(Exit::Success, Exit::max);
    meter.end();
    if args.summary || args.repeat > 1 && io::stderr().is_terminal() {
        output.summary(&meter);
    }
    exit
}

struct Worker {
    session: Arc<Session>,
    meter: Arc<Meter>,
    output: Output,
    interval: Duration,
}

impl Worker {
    async fn work(self, queue: Arc<Mutex<impl Iterator<Item = (String, Call)>>>) -> Exit {
        let mut exit = Exit::Success;
        let mut first = true;
        loop {
            let next = queue.lock().await.next();
            let Some((shown, call)) = next else { return exit };
            if !std::mem::take(&mut first) && !self.interval.is_zero() {
                tokio::time::sleep(self.interval).await;
            }
            exit = exit.max(self.send(&shown, &call).await);
        }
    }

    async fn send(&self, shown: &str, call: &Call) -> Exit {
        let started = Instant::now();
        let result = self.session.send(call).await;
        let took = started.elapsed();
        let (exit, sends, generation) = match &result {
            Ok(answer) if answer.status.as_u16() < 400 => (Exit::Success, answer.sends, answer.generation),
            Ok(answer) => (Exit::CallFailed, answer.sends, answer.generation),
            Err(failure) => (failure.exit, 0, None),
        };
        self.meter.add(Outcome { took, failed: exit != Exit::Success, sends, generation });
        match result {
            Ok(answer) => {
                self.output.answer(shown, &answer);
                if exit != Exit::Success {
                    complain(&explain::refused(call.method.as_str(), shown, &answer));
                }
            }
            Err(failure) => self.output.failed(shown, &failure),
        }
        exit
    }
}
