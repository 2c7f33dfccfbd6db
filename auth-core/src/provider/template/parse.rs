use std::time::Duration;

use super::ast::{Expr, Function, MacHash, Name, Part, Template, TimeFormat};
use super::calendar;
use crate::config::{parse_duration, unknown};
use crate::provider::path::Path;

const FUNCTIONS: &[&str] = &["base64", "base64url", "hex", "sha256", "hmac", "now", "random", "uuid", "lower", "upper"];

/// How deep functions may stand in each other.
const MAX_DEPTH: usize = 8;

pub(super) fn template(source: &str) -> Result<Template, String> {
    let mut parser = Parser { source, at: 0 };
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(next) = parser.next() {
        match next {
            '{' if parser.eat("{") => text.push('{'),
            '}' if parser.eat("}") => text.push('}'),
            '}' => return Err(parser.error_at(parser.at - 1, "this brace closes nothing; a single one is written }}")),
            '{' => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                let start = parser.at - 1;
                let expr = parser.alternatives(MAX_DEPTH)?;
                if !parser.eat("}") {
                    return Err(match parser.peek() {
                        None => parser.error_at(start, "this brace is not closed; a single one is written {{"),
                        Some(_) => parser.error("a brace or || must follow here"),
                    });
                }
                parts.push(Part::Place(expr));
            }
            other => text.push(other),
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(Template { parts })
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
}

impl Parser<'_> {
    /// Alternatives, with the blanks around them.
    fn alternatives(&mut self, depth: usize) -> Result<Expr, String> {
        let mut alternatives = vec![self.operand(depth)?];
        while self.eat("||") {
            alternatives.push(self.operand(depth)?);
        }
        Ok(match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Expr::Any(alternatives),
        })
    }

    /// A name, a fixed text, a number or a call.
    fn operand(&mut self, depth: usize) -> Result<Expr, String> {
        self.blanks();
        let start = self.at;
        let operand = match self.peek() {
            Some('"') => Expr::Text(self.quoted()?),
            Some(c) if c.is_ascii_digit() => Expr::Text(self.take_while(|c| c.is_ascii_digit())),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                match self.peek() {
                    Some('(') => {
                        let depth =
                            depth.checked_sub(1).ok_or_else(|| self.error_at(start, "functions nest too deep"))?;
                        self.call(&name, start, depth)?
                    }
                    Some('.' | '[') => self.step(&name, start)?,
                    _ => Expr::Name(Name::Plain(name)),
                }
            }
            _ => return Err(self.error("the name of a field, a function or a \"text\" is missing")),
        };
        self.blanks();
        Ok(operand)
    }

    /// What follows `stepN`: a path, to the end of the place.
    fn step(&mut self, name: &str, start: usize) -> Result<Expr, String> {
        let number = name.strip_prefix("step").and_then(|digits| digits.parse::<usize>().ok()).filter(|n| *n > 0);
        let Some(number) = number else {
            return Err(self.error_at(start, "only step1, step2, … have something behind a dot"));
        };
        self.eat(".");
        let begin = self.at;
        let mut quoted = false;
        self.take_while(|c| {
            quoted ^= c == '"';
            quoted || !matches!(c, '}' | '|' | ',' | ')' | ' ')
        });
        let path = self.source.get(begin..self.at).unwrap_or_default();
        if path.is_empty() {
            return Err(self.error_at(begin, "a path is missing"));
        }
        match Path::parse(path) {
            Ok(path) => Ok(Expr::Name(Name::Step(number, path))),
            Err((column, what)) => Err(self.error_at(begin + column - 1, &what)),
        }
    }

    fn call(&mut self, name: &str, start: usize, depth: usize) -> Result<Expr, String> {
        if !FUNCTIONS.contains(&name) {
            return Err(self.error_at(start, &unknown(&format!("function {name:?}"), name, FUNCTIONS)));
        }
        self.eat("(");
        let mut arguments = Vec::new();
        self.blanks();
        if !self.eat(")") {
            loop {
                arguments.push(self.alternatives(depth)?);
                if self.eat(")") {
                    break;
                }
                if !self.eat(",") {
                    return Err(self.error("a comma or ) must follow here"));
                }
            }
        }
        function(name, arguments).map_err(|what| self.error_at(start, &format!("{name}: {what}")))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let start = self.at;
        self.eat("\"");
        let text = self.take_while(|c| c != '"');
        if self.eat("\"") { Ok(text) } else { Err(self.error_at(start, "this quote is not closed")) }
    }

    fn blanks(&mut self) {
        self.take_while(|c| c == ' ');
    }

    fn take_while(&mut self, mut fits: impl FnMut(char) -> bool) -> String {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.source.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if there {
            self.at += text.len();
        }
        there
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn error(&self, what: &str) -> String {
        self.error_at(self.at, what)
    }

    fn error_at(&self, at: usize, what: &str) -> String {
        let column = self.source.get(..at).unwrap_or_default().chars().count() + 1;
        format!("column {column}: {what}")
    }
}

/// The function `name` with its arguments; those that must be fixed are taken out of them.
fn function(name: &str, mut arguments: Vec<Expr>) -> Result<Expr, String> {
    let count = arguments.len();
    let function = match name {
        "base64" | "base64url" | "hex" | "sha256" => {
            if count == 0 {
                return Err("it needs an argument".to_owned());
            }
            match name {
                "base64" => Function::Base64,
                "base64url" => Function::Base64Url,
                "hex" => Function::Hex,
                _ => Function::Sha256,
            }
        }
        "lower" | "upper" => {
            if count != 1 {
                return Err("it has one argument".to_owned());
            }
            if name == "lower" { Function::Lower } else { Function::Upper }
        }
        "hmac" => {
            if count < 3 {
                return Err("it needs a hash, a key and a message".to_owned());
            }
            Function::Hmac(match fixed(arguments.remove(0))?.as_str() {
                "sha1" => MacHash::Sha1,
                "sha256" => MacHash::Sha256,
                "sha384" => MacHash::Sha384,
                "sha512" => MacHash::Sha512,
                other => {
                    return Err(unknown(&format!("hash {other:?}"), other, &["sha256", "sha384", "sha512", "sha1"]));
                }
            })
        }
        "now" => now(std::mem::take(&mut arguments))?,
        "random" => {
            let length = match count {
                1 => fixed(arguments.remove(0))?.parse().ok().filter(|length| (1..=256).contains(length)),
                _ => None,
            };
            Function::Random(length.ok_or("it has one argument: how many characters, 1 to 256")?)
        }
        _ => {
            if count > 0 {
                return Err("it has no argument".to_owned());
            }
            Function::Uuid
        }
    };
    Ok(Expr::Call(function, arguments))
}

fn now(arguments: Vec<Expr>) -> Result<Function, String> {
    let mut arguments = arguments.into_iter();
    let format = match arguments.next().map(fixed).transpose()?.as_deref() {
        None | Some("unix") => TimeFormat::Unix,
        Some("unix_ms") => TimeFormat::UnixMillis,
        Some("rfc3339") => TimeFormat::Rfc3339,
        Some("http") => TimeFormat::Http,
        Some(pattern) => {
            calendar::check_pattern(pattern)?;
            TimeFormat::Pattern(pattern.to_owned())
        }
    };
    let (ahead, offset) = match arguments.next().map(fixed).transpose()? {
        None => (true, Duration::ZERO),
        Some(text) => {
            let sign = text.chars().next();
            let offset = text.get(1..).and_then(parse_duration).filter(|_| matches!(sign, Some('+' | '-')));
            (sign == Some('+'), offset.ok_or("an offset is written \"+1h\" or \"-5m\"")?)
        }
    };
    match arguments.next() {
        None => Ok(Function::Now { format, ahead, offset }),
        Some(_) => Err("it has a format and an offset, and no more".to_owned()),
    }
}

fn fixed(argument: Expr) -> Result<String, String> {
    match argument {
        Expr::Text(text) => Ok(text),
        _ => Err("this argument must be a fixed text or number".to_owned()),
    }
}
