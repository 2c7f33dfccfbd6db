use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Uri};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::call::Call;
use crate::explain;
use crate::failure::{Exit, Failure, Mistake};
use crate::fill::{Filled, Selection};
use crate::origins::Origins;
use crate::output::{Output, complain};
use crate::provider::{Provider, Verify};
use crate::session::{Session, Setup, is_absolute};
use crate::template::BASE_URL;
use crate::values::{Environment, Values};

/// Does what the command line asks for, and says how to end.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let output = Output { json: args.json };
    let session = open(&args, environment).await?;
    let calls = calls(&args, &session)?;
    let mut exit = Exit::Success;
    if args.token {
        show_token(&session, output, args.reveal).await?;
    }
    if args.verify {
        exit = exit.max(verify(&session, output).await?);
    }
    if let Some(address) = &args.grpc_health {
        let health = session.health(address, &args.grpc_service, session.timeout()).await?;
        output.health(&health);
        exit = exit.max(health.exit());
    }
    Ok(exit.max(send_all(Arc::new(session), calls, &args).await))
}

/// Reads every file, fills every value, checks every URL.
async fn open(args: &Args, environment: Environment) -> Result<Session, Failure> {
    let provider = Provider::load(&args.provider)?;
    let origins = Origins::allow_plaintext(&args.plaintext).map_err(one)?;
    let values = Values::new(&provider, &args.set, args.values.as_deref(), environment)?;
    let method = provider.method(args.auth.as_deref()).map_err(one)?;
    if args.verify && method.verify.is_empty() {
        return Err(Failure::usage(format!("{} has no verification request", provider.display_name)));
    }
    let verifies_below =
        args.verify && method.verify.iter().any(|one| one.url.value.names().any(|name| name == BASE_URL));
    let selection = Selection {
        auth: args.auth.as_deref(),
        environment: args.environment.as_deref(),
        needs_base_url: verifies_below || args.urls.iter().any(|url| !is_absolute(url)),
    };
    let filled = Filled::gather(&provider, selection, &values, &origins).await?;
    let mut targets: Vec<Uri> = args.urls.iter().filter_map(|url| url.parse().ok()).collect();
    if args.verify {
        targets.extend(filled.method.verify.iter().filter_map(|one| filled.url(&one.url.value).ok()?.parse().ok()));
    }
    let roots = match &args.ca {
        None => None,
        Some(path) => {
            Some(fs::read(path).map_err(|error| Failure::usage(format!("--ca {path} cannot be read: {error}")))?)
        }
    };
    Session::open(filled, Setup { origins, roots, timeout: args.timeout, targets, ..Setup::new() })
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
        output.fixed(session.filled.method.kind.as_str());
        return Ok(());
    };
    let token = cache.token().await.map_err(|error| explain::no_token(&session.filled, &error))?;
    output.token(&token, &cache.status(), &session.setup.clock, reveal);
    Ok(())
}

/// Runs the provider's verification requests, in their order.
async fn verify(session: &Session, output: Output) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for check in &session.filled.method.verify {
        let call = verification(session, check)?;
        let shown = &call.uri.to_string();
        let answer = match session.send(&call).await {
            Ok(answer) => answer,
            Err(failure) if failure.exit == Exit::CallFailed => {
                output.failed(shown, &failure);
                exit = exit.max(failure.exit);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        output.answer(shown, &answer);
        let status = answer.status.as_u16();
        let fine = if check.expect.is_empty() { status < 400 } else { check.expect.contains(&status) };
        if fine {
            complain(&format!("{} verified: {} {shown} answered {status}", session.filled.provider, check.method));
        } else {
            complain(&explain::refused(check.method.as_str(), shown, &answer));
            exit = Exit::CallFailed;
        }
    }
    Ok(exit)
}

fn verification(session: &Session, check: &Verify) -> Result<Call, Failure> {
    let wrong = |why: String| Failure::mistakes(&[Mistake::at(&check.url.place, why)]);
    let url = session.filled.url(&check.url.value).map_err(wrong)?;
    let mut headers = HeaderMap::new();
    for (name, template) in &check.headers {
        let value = HeaderValue::from_str(&session.filled.text(template))
            .map_err(|_| wrong(format!("the value of the header {name} has a character that cannot be sent")))?;
        headers.insert(name, value);
    }
    let body = check.body.as_ref().map(|body| Bytes::copy_from_slice(session.filled.text(body).as_bytes()));
    if let Some(body) = body.as_ref().filter(|_| !headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_TYPE, content_type(body));
    }
    Ok(Call { method: check.method.clone(), uri: session.resolve(&url)?, headers, body: body.unwrap_or_default() })
}

/// Sends every call as often as asked, by as many workers as asked. Answers are printed as they come.
async fn send_all(session: Arc<Session>, calls: Vec<(String, Call)>, args: &Args) -> Exit {
    let output = Output { json: args.json };
    let repeated = (0..args.repeat).flat_map(move |_| calls.clone());
    let queue = Arc::new(Mutex::new(repeated));
    let mut workers = JoinSet::new();
    for _ in 0..args.concurrency {
        workers.spawn(work(Arc::clone(&session), Arc::clone(&queue), output, args.interval));
    }
    workers.join_all().await.into_iter().fold(Exit::Success, Exit::max)
}

async fn work(
    session: Arc<Session>,
    queue: Arc<Mutex<impl Iterator<Item = (String, Call)>>>,
    output: Output,
    interval: Duration,
) -> Exit {
    let mut exit = Exit::Success;
    let mut first = true;
    loop {
        let next = queue.lock().await.next();
        let Some((shown, call)) = next else { return exit };
        if !std::mem::take(&mut first) && !interval.is_zero() {
            tokio::time::sleep(interval).await;
        }
        exit = exit.max(send_one(&session, &shown, &call, output).await);
    }
}

async fn send_one(session: &Session, shown: &str, call: &Call, output: Output) -> Exit {
    match session.send(call).await {
        Ok(answer) => {
            output.answer(shown, &answer);
            if answer.status.as_u16() < 400 {
                return Exit::Success;
            }
            complain(&explain::refused(call.method.as_str(), shown, &answer));
            Exit::CallFailed
        }
        Err(failure) => {
            output.failed(shown, &failure);
            failure.exit
        }
    }
}

fn one(mistake: Mistake) -> Failure {
    Failure::mistakes(&[mistake])
}
