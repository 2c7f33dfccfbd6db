//! The section `[server]`.

use std::net::{Ipv4Addr, SocketAddr};

use toml::de::{DeTable, DeValue};

/// Where to listen, and what `/scoped` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSpec {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// The scopes that `/scoped` needs, parted by spaces.
    pub scope: String,
    /// Which issuers may be reached over plain `http`.
    pub plaintext: Plaintext,
}

/// Which issuers may be reached over plain `http`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plaintext {
    /// None.
    #[default]
    Never,
    /// Those on a literal loopback address.
    Loopback,
    /// These origins.
    Origins(Vec<String>),
}

const KEYS: &[&str] = &["http", "grpc", "scope", "allow_plaintext_issuer"];

impl Default for ServerSpec {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { http: any, grpc: any, scope: "guard".to_owned(), plaintext: Plaintext::Never }
    }
}

impl ServerSpec {
    /// Reads the section out of a file. Mistakes are added as `(line, text)`. That the whole is not TOML is found by who reads
    /// the other sections.
    pub(crate) fn read(text: &str, mistakes: &mut Vec<(usize, String)>) -> Self {
        let line_of = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let mut spec = Self::default();
        let Ok(document) = DeTable::parse(text) else { return spec };
        let Some((key, section)) = document.get_ref().get_key_value("server") else { return spec };
        let DeValue::Table(section) = section.get_ref() else {
            mistakes.push((line_of(key.span().start), "server: the value is not a table".to_owned()));
            return spec;
        };
        for (key, value) in section {
            let name: &str = key.get_ref();
            if let Err(message) = spec.set(name, value.get_ref()) {
                // Escaped, because it goes to a terminal.
                mistakes.push((line_of(key.span().start), format!("server.{}: {message}", name.escape_debug())));
            }
        }
        mistakes.sort_by_key(|(line, _)| *line);
        spec
    }

    fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), String> {
        match name {
            "http" => self.http = address(value)?,
            "grpc" => self.grpc = address(value)?,
            "scope" => self.scope = value.as_str().ok_or("the value is not a text")?.to_owned(),
            "allow_plaintext_issuer" => self.plaintext = plaintext(value)?,
            _ => {
                let near = KEYS.iter().find(|known| near(name, known));
                return Err(near.map_or_else(
                    || format!("unknown key; known are {}", KEYS.join(", ")),
                    |near| format!("unknown key; did you mean {near:?}?"),
                ));
            }
        }
        Ok(())
    }
}

fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "the value is no address such as 127.0.0.1:0".into())
}

fn plaintext(value: &DeValue<'_>) -> Result<Plaintext, String> {
    let origins = match value {
        DeValue::Boolean(true) => return Ok(Plaintext::Loopback),
        DeValue::Boolean(false) => return Ok(Plaintext::Never),
        DeValue::Array(list) => list.iter().map(|one| one.get_ref().as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    origins.map(Plaintext::Origins).ok_or_else(|| "the value is neither a truth value nor a list of origins".into())
}

/// Whether two names begin or end alike for all but two of their characters.
fn near(name: &str, known: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    start + end + 2 >= a.len().max(b.len()) && start + end > 0
}
