use md5::{Digest, Md5};

use super::crypt64;
use super::kind::Kind;

const MAGIC: &[u8] = b"$apr1$";
const MAX_SALT: usize = 8;
const ROUNDS: u32 = 1_000;
const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// Reads what follows `$apr1$`: salt, `$`, hash.
pub(super) fn read(text: &str) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let unreadable = || "it is not a salt, `$` and a hash".to_owned();
    let (salt, hash) = text.split_once('$').filter(|(salt, _)| salt.len() <= MAX_SALT).ok_or_else(unreadable)?;
    let hash = crypt64::decode(hash, &ORDER).ok_or_else(unreadable)?;
    Ok((Kind::Apr1, salt.as_bytes().to_vec(), hash))
}

/// Apache's variant of md5crypt: a thousand rounds of MD5, which no dictionary notices.
pub(super) fn hash(salt: &[u8], password: &[u8]) -> [u8; 16] {
    let salt = &salt[..salt.len().min(MAX_SALT)];
    let inner = digest(&[password, salt, password]);
    let mut context = Md5::new();
    for part in [password, MAGIC, salt] {
        context.update(part);
    }
    for chunk in password.chunks(inner.len()) {
        context.update(&inner[..chunk.len()]);
    }
    let mut bits = password.len();
    while bits != 0 {
        // The first letter, by a slip of the scheme's author that became the scheme.
        context.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    let mut output: [u8; 16] = context.finalize().into();
    for round in 0..ROUNDS {
        let odd = round & 1 == 1;
        let empty: &[u8] = &[];
        output = digest(&[
            if odd { password } else { &output },
            if round % 3 == 0 { empty } else { salt },
            if round % 7 == 0 { empty } else { password },
            if odd { &output } else { password },
        ]);
    }
    output
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = Md5::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().into()
}
