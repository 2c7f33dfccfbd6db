use std::ffi::OsString;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::failure::Failure;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Args {
    pub(crate) provider: String,
    pub(crate) providers: Option<String>,
    pub(crate) auth: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) values: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) method: Option<Method>,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Option<String>,
    pub(crate) json: bool,
    pub(crate) token: bool,
    pub(crate) reveal: bool,
    pub(crate) verify: bool,
    pub(crate) login: bool,
    pub(crate) logout: bool,
    pub(crate) device: bool,
    pub(crate) no_browser: bool,
    pub(crate) redirect: Option<Redirect>,
    pub(crate) login_timeout: Duration,
    pub(crate) state: Option<String>,
    pub(crate) explain: bool,
    pub(crate) summary: bool,
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

/// Where the answer of a login comes to, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) localhost: bool,
    /// 0: any free one.
    pub(crate) port: u16,
    pub(crate) path: String,
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
  -p, --provider FILE|ID       the provider file (TOML or JSON), or the id of one in the catalogue
      --providers DIR          where the catalogue is
  -a, --auth KEY               which of its methods; the first if not given
  -e, --environment NAME       which of its sets of URLs, such as sandbox
  -s, --set NAME=VALUE         the value of a field that is not secret, or of base_url or token_url
      --scope SCOPE            ask for this scope instead of the file's default ones; may be repeated
      --values FILE            values of fields (TOML or JSON): name = \"text\", { env = \"X\" }, { file = \"F\" },
                               { command = [\"C\", …] } or { value = \"text\" }
      A value is taken from --set, else from the environment (ID__FIELD in upper case, such as ALVYS__CLIENT_SECRET), else
      from the values file, else from the provider file's default.

Signing in, where a person must:
      --login                  sign in by the browser, or with a code that is typed in; the tokens are kept for later runs
      --device                 sign in with a code that is entered in a browser elsewhere
      --no-browser             only print the URL
      --redirect-uri URI       http://127.0.0.1:PORT/PATH or http://localhost:PORT/PATH, if the provider knows it beforehand
      --login-timeout DURATION how long that may take; 5m if not given
      --logout                 revoke the tokens at the provider and remove them here
      --state FILE             keep the tokens here, not below $XDG_STATE_HOME

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

      --explain                print token requests and their answers on standard error, without secrets
      --summary                at the end: count, errors, latencies; on a terminal also without this

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
        self.token || self.verify || self.login || self.logout || self.grpc_health.is_some()
    }
}

fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut args = Args {
        provider: String::new(),
        providers: None,
        auth: None,
        environment: None,
        set: Vec::new(),
        values: None,
        scopes: Vec::new(),
        method: None,
        headers: HeaderMap::new(),
        data: None,
        json: false,
        token: false,
        reveal: false,
        verify: false,
        login: false,
        logout: false,
        device: false,
        no_browser: false,
        redirect: None,
        login_timeout: Duration::from_secs(300),
        state: None,
        explain: false,
        summary: false,
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
            Long("providers") => args.providers = Some(parser.value()?.string()?),
            Short('a') | Long("auth") => args.auth = Some(parser.value()?.string()?),
            Short('e') | Long("environment") => args.environment = Some(parser.value()?.string()?),
            Short('s') | Long("set") => args.set.push(parser.value()?.parse_with(pair)?),
            Long("values") => args.values = Some(parser.value()?.string()?),
            Long("scope") => args.scopes.push(parser.value()?.string()?),
            Long("login") => args.login = true,
            Long("logout") => args.logout = true,
            Long("device") => {
                args.login = true;
                args.device = true;
            }
            Long("no-browser") => args.no_browser = true,
            Long("redirect-uri") => args.redirect = Some(parser.value()?.parse_with(redirect)?),
            Long("login-timeout") => args.login_timeout = parser.value()?.parse_with(duration)?,
            Long("state") => args.state = Some(parser.value()?.string()?),
            Long("explain") => args.explain = true,
            Long("summary") => args.summary = true,
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
        return Err("there is nothing to do: give a URL, --token, --verify, --login, --logout or --grpc-health".into());
    }
    if args.reveal && !args.token {
        return Err("--reveal goes with --token".into());
    }
    if (args.no_browser || args.redirect.is_some()) && !args.login {
        return Err("--no-browser and --redirect-uri go with --login".into());
    }
    if args.device && args.redirect.is_some() {
        return Err("--device needs no --redirect-uri".into());
    }
    if args.logout && (args.login || args.token || args.verify || args.grpc_health.is_some() || !args.urls.is_empty()) {
        return Err("--logout goes alone".into());
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
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let length = number.parse::<u64>().ok().zip(millis).and_then(|(number, unit)| number.checked_mul(unit));
    length
        .filter(|millis| *millis > 0)
        .map(Duration::from_millis)
        .ok_or("this must be a duration such as 30, 30s, 5m or 250ms")
}

/// A redirect URI on this machine.
fn redirect(text: &str) -> Result<Redirect, &'static str> {
    let wrong = "this must be http://127.0.0.1:PORT/PATH or http://localhost:PORT/PATH";
    let uri: http::Uri = text.parse().map_err(|_| wrong)?;
    let (host, port) = uri.host().zip(uri.port_u16()).ok_or(wrong)?;
    let plain = uri.scheme_str() == Some("http") && uri.query().is_none() && !text.contains(['@', '#']);
    if !plain || !matches!(host, "127.0.0.1" | "localhost") {
        return Err(wrong);
    }
    Ok(Redirect { localhost: host == "localhost", port, path: uri.path().to_owned() })
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
    fn a_redirect_uri_is_on_this_machine() {
        let args = parsed("-p x --login --redirect-uri http://localhost:8976/cb --login-timeout 2m").unwrap();
        assert_eq!(args.redirect, Some(Redirect { localhost: true, port: 8976, path: "/cb".to_owned() }));
        assert_eq!(args.login_timeout, Duration::from_secs(120));
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
            ("-p x --logout /a", "--logout goes alone"),
            ("-p x /a --no-browser", "go with --login"),
            ("-p x --login --redirect-uri https://localhost:1/", "http://127.0.0.1:PORT/PATH"),
            ("-p x --login --redirect-uri http://a.test:1/", "http://127.0.0.1:PORT/PATH"),
            ("-p x /a --timeout 0", "a duration"),
            ("--help", "Usage: fetch"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(text), "{line}: {error}");
        }
    }
}
