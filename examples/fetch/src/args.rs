use std::ffi::OsString;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::document::parse_duration;
use crate::failure::Failure;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Args {
    pub(crate) provider: String,
    pub(crate) auth: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) values: Option<String>,
    pub(crate) method: Option<Method>,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Option<String>,
    pub(crate) json: bool,
    pub(crate) token: bool,
    pub(crate) reveal: bool,
    pub(crate) verify: bool,
    pub(crate) repeat: u32,
    pub(crate) concurrency: u32,
    pub(crate) interval: Duration,
    pub(crate) grpc_health: Option<String>,
    pub(crate) grpc_service: String,
    pub(crate) plaintext: Vec<String>,
    pub(crate) ca: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) verbose: bool,
    pub(crate) urls: Vec<String>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// The usual case.
    Fetch(Box<Args>),
    /// Print a text and end.
    Print(String),
}

/// The text of `--help`.
pub const HELP: &str = "\
fetch: curl with credentials. Calls an API whose authentication a provider file describes.

Usage: fetch --provider FILE [options] [URL...]

A URL is a whole one, or a path below the provider's base_url. Bodies go to standard output, all else to standard error.

What to authenticate with:
  -p, --provider FILE          the provider description (TOML)
  -a, --auth KEY               which of its methods; the first if not given
  -e, --environment NAME       which of its sets of URLs, such as sandbox
  -s, --set NAME=VALUE         the value of a field that is not secret, or of base_url or token_url
      --values FILE            values of fields (TOML): name = \"text\", { env = \"X\" }, { file = \"F\" },
                               { command = [\"C\", …] } or { value = \"text\" }
      A value is taken from --set, else from the environment (ID__FIELD in upper case, such as ALVYS__CLIENT_SECRET), else
      from the values file, else from the provider file's default.

What to do:
  -X, --method METHOD          GET if not given, or POST with --data
  -H, --header 'NAME: VALUE'   a header; may be repeated
  -d, --data TEXT              the body, or @FILE
  -n, --repeat N               call each URL N times
  -c, --concurrency N          up to N calls at once
      --interval DURATION      wait between the calls of each of these, such as 2s
      --token                  print what is known of the token
      --reveal                 with --token: print the token itself too
      --verify                 run the provider's own verification requests
      --grpc-health ADDRESS    ask the gRPC health service at host:port, https://… or an allowed http://…
      --grpc-service NAME      ask it about this service
      --json                   print one JSON object per call, with URL, status, body, number of sends, token generation

How to connect:
      --allow-plaintext ORIGIN allow plain http to this origin, such as http://127.0.0.1:8080; may be repeated
      --ca FILE                trust these certificates (PEM) too
      --timeout DURATION       how long one exchange may take, such as 30s; 15 s if not given
  -v, --verbose                log what happens
  -h, --help  -V, --version

Exit codes: 0 success; 1 an API answered 400 or above, or not at all; 2 configuration or usage; 3 no token could be had.";

impl Args {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Failure> {
        read(arguments).map_err(|error| Failure::usage(format!("{error}; see fetch --help")))
    }

    /// Whether what happens is to be logged.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether something is to be done beside calling URLs.
    pub(crate) fn has_other_work(&self) -> bool {
        self.token || self.verify || self.grpc_health.is_some()
    }
}

fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut args = Args {
        provider: String::new(),
        auth: None,
        environment: None,
        set: Vec::new(),
        values: None,
        method: None,
        headers: HeaderMap::new(),
        data: None,
        json: false,
        token: false,
        reveal: false,
        verify: false,
        repeat: 1,
        concurrency: 1,
        interval: Duration::ZERO,
        grpc_health: None,
        grpc_service: String::new(),
        plaintext: Vec::new(),
        ca: None,
        timeout: None,
        verbose: false,
        urls: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('p') | Long("provider") => args.provider = parser.value()?.string()?,
            Short('a') | Long("auth") => args.auth = Some(parser.value()?.string()?),
            Short('e') | Long("environment") => args.environment = Some(parser.value()?.string()?),
            Short('s') | Long("set") => args.set.push(parser.value()?.parse_with(pair)?),
            Long("values") => args.values = Some(parser.value()?.string()?),
            Short('X') | Long("method") => args.method = Some(parser.value()?.parse()?),
            Short('H') | Long("header") => {
                let (name, value) = parser.value()?.parse_with(header)?;
                args.headers.append(name, value);
            }
            Short('d') | Long("data") => args.data = Some(parser.value()?.string()?),
            Long("json") => args.json = true,
            Long("token") => args.token = true,
            Long("reveal") => args.reveal = true,
            Long("verify") => args.verify = true,
            Short('n') | Long("repeat") => args.repeat = parser.value()?.parse_with(count)?,
            Short('c') | Long("concurrency") => args.concurrency = parser.value()?.parse_with(count)?,
            Long("interval") => args.interval = parser.value()?.parse_with(duration)?,
            Long("grpc-health") => args.grpc_health = Some(parser.value()?.string()?),
            Long("grpc-service") => args.grpc_service = parser.value()?.string()?,
            Long("allow-plaintext") => args.plaintext.push(parser.value()?.string()?),
            Long("ca") => args.ca = Some(parser.value()?.string()?),
            Long("timeout") => args.timeout = Some(parser.value()?.parse_with(duration)?),
            Short('v') | Long("verbose") => args.verbose = true,
            Short('h') | Long("help") => return Ok(Command::Print(HELP.to_owned())),
            Short('V') | Long("version") => {
                return Ok(Command::Print(concat!("fetch ", env!("CARGO_PKG_VERSION")).to_owned()));
            }
            Value(url) => args.urls.push(url.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    if args.provider.is_empty() {
        return Err("--provider FILE is missing".into());
    }
    if args.urls.is_empty() && !args.has_other_work() {
        return Err("there is nothing to do: give a URL, --token, --verify or --grpc-health".into());
    }
    if args.reveal && !args.token {
        return Err("--reveal goes with --token".into());
    }
    Ok(Command::Fetch(Box::new(args)))
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("this must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("this must be 'NAME: VALUE'")?;
    let name = name.trim().parse().map_err(|_| "this is not the name of a header")?;
    let mut value =
        HeaderValue::from_str(value.trim()).map_err(|_| "this header has a character that cannot be sent")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn count(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|count| *count > 0).ok_or("this must be a whole number from 1")
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or("this must be a duration such as 30, 30s or 250ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, String> {
        match Args::parse(line.split_whitespace().map(OsString::from)) {
            Ok(Command::Fetch(args)) => Ok(*args),
            Ok(Command::Print(text)) => Err(text),
            Err(failure) => Err(failure.text),
        }
    }

    #[test]
    fn options_and_urls_may_be_mixed() {
        let args = parsed("/a -p x.toml -sa=b=c --set d= -XPUT -H x:1 -H X:2 -n3 --concurrency=2 /b").unwrap();
        assert_eq!(args.urls, ["/a", "/b"]);
        assert_eq!(args.set, [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())]);
        assert_eq!((args.method, args.repeat, args.concurrency), (Some(Method::PUT), 3, 2));
        assert_eq!(args.headers.get_all("x").iter().count(), 2);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, text) in [
            ("/a", "--provider FILE is missing"),
            ("-p x", "nothing to do"),
            ("-p x /a --reveal", "--reveal goes with --token"),
            ("-p x /a -n 0", "whole number from 1"),
            ("-p x /a --nonsense", "--nonsense"),
            ("-p x /a -s a", "NAME=VALUE"),
            ("-p x /a --timeout 0", "a duration"),
            ("--help", "Usage: fetch"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(text), "{line}: {error}");
        }
    }
}
