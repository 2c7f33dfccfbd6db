use std::num::NonZeroU32;

use argon2::{Algorithm, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::kind::{Kind, Prf};

/// The parts of a PHC string after its name: `v=19$m=19456,t=2,p=1$salt$hash`.
struct Phc<'a> {
    version: Option<u32>,
    params: Vec<(&'a str, u32)>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

const UNREADABLE: &str = "it is not parameters, salt and hash, each after a `$`";

pub(super) fn read_argon2(text: &str, variant: Algorithm) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let phc = Phc::read(text)?;
    let version = match phc.version {
        // The first version wrote none.
        None | Some(16) => Version::V0x10,
        Some(19) => Version::V0x13,
        Some(other) => return Err(format!("its version {other} is not known")),
    };
    let [memory_kib, passes, lanes] = phc.params(["m", "t", "p"])?;
    let kind = Kind::Argon2 { variant, version, memory_kib, passes, lanes, len: phc.hash.len() };
    Ok((kind, phc.salt, phc.hash))
}

pub(super) fn read_scrypt(text: &str) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let phc = Phc::read(text)?.without_version()?;
    let [log_n, r, p] = phc.params(["ln", "r", "p"])?;
    let log_n = u8::try_from(log_n).map_err(|_| "its cost is out of all bounds".to_owned())?;
    Ok((Kind::Scrypt { log_n, r, p, len: phc.hash.len() }, phc.salt, phc.hash))
}

pub(super) fn read_pbkdf2(text: &str, prf: Prf) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let (iterations, salt, hash) = match bare_iterations(text)? {
        Some(read) => read,
        None => {
            let phc = Phc::read(text)?.without_version()?;
            // The length may be written, and is that of the hash.
            let iterations = match phc.params.iter().find(|(name, _)| *name == "l") {
                Some((_, len)) if usize::try_from(*len) == Ok(phc.hash.len()) => phc.params(["i", "l"])?[0],
                Some(_) => return Err("its length is not the one that it names".to_owned()),
                None => phc.params(["i"])?[0],
            };
            (iterations, phc.salt, phc.hash)
        }
    };
    let iterations = NonZeroU32::new(iterations).ok_or_else(|| "it has no iterations".to_owned())?;
    Ok((Kind::Pbkdf2 { prf, iterations, len: hash.len() }, salt, hash))
}

type Bare = (u32, Vec<u8>, Vec<u8>);

/// The older way of writing PBKDF2: `29000$salt$hash`, with `.` in the place of `+`.
fn bare_iterations(text: &str) -> Result<Option<Bare>, String> {
    let Some((first, rest)) = text.split_once('$') else { return Ok(None) };
    if !first.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Ok(None);
    }
    let iterations = number(first)?;
    let (salt, hash) = rest.split_once('$').ok_or(UNREADABLE)?;
    Ok(Some((iterations, decode(&salt.replace('.', "+"))?, decode(&hash.replace('.', "+"))?)))
}

impl<'a> Phc<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut parts: Vec<&str> = text.split('$').collect();
        let version = match parts.first().and_then(|first| first.strip_prefix("v=")) {
            Some(version) => {
                let version = number(version)?;
                parts.remove(0);
                Some(version)
            }
            None => None,
        };
        let [params, salt, hash] = parts.as_slice() else { return Err(UNREADABLE.to_owned()) };
        let params = params
            .split(',')
            .map(|param| {
                let (name, value) = param.split_once('=').ok_or(UNREADABLE)?;
                Ok((name, number(value)?))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { version, params, salt: decode(salt)?, hash: decode(hash)? })
    }

    fn without_version(self) -> Result<Self, String> {
        if self.version.is_some() { Err("it has a version, which its scheme has not".to_owned()) } else { Ok(self) }
    }

    /// The values of just these parameters, each of which is there once.
    fn params<const N: usize>(&self, names: [&str; N]) -> Result<[u32; N], String> {
        let mut values = [0; N];
        for (value, name) in values.iter_mut().zip(names) {
            let mut found = self.params.iter().filter(|(own, _)| *own == name);
            match (found.next(), found.next()) {
                (Some((_, only)), None) => *value = *only,
                (None, _) => return Err(format!("its parameter `{name}` is missing")),
                (Some(_), Some(_)) => return Err(format!("its parameter `{name}` is there twice")),
            }
        }
        if self.params.len() == N { Ok(values) } else { Err("it has a parameter that is not known".to_owned()) }
    }
}

/// A number in decimal, without sign or leading zeros.
fn number(text: &str) -> Result<u32, String> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| "one of its parameters is no number, or out of all bounds".to_owned())
}

/// Base64 without padding, and without bits left over.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD_NO_PAD.decode(text).map_err(|_| "its salt or hash is not base64 without padding".to_owned())
}
