use super::crypt64;
use super::kind::Kind;

/// Without `rounds=` there are so many.
const DEFAULT_ROUNDS: u32 = 5_000;
const MAX_SALT: usize = 16;

#[rustfmt::skip]
const NARROW: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29, 19, 9, 30, 31,
];
#[rustfmt::skip]
const WIDE: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51, 30, 9, 10, 52,
    31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59, 60, 39, 18, 19, 61, 40, 41,
    20, 62, 63,
];

/// Reads what follows `$5$` or `$6$`: `rounds=5000$` if that is written, salt, `$`, hash.
pub(super) fn read(text: &str, wide: bool) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let unreadable = || "it is not a salt, `$` and a hash".to_owned();
    let (rounds, rest) = match text.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or_else(unreadable)?;
            (rounds.parse().map_err(|_| "its rounds are no number".to_owned())?, rest)
        }
        None => (DEFAULT_ROUNDS, text),
    };
    let (salt, hash) = rest.split_once('$').filter(|(salt, _)| salt.len() <= MAX_SALT).ok_or_else(unreadable)?;
    let (kind, order): (_, &[usize]) =
        if wide { (Kind::Sha512Crypt { rounds }, &WIDE) } else { (Kind::Sha256Crypt { rounds }, &NARROW) };
    let hash = crypt64::decode(hash, order).ok_or_else(unreadable)?;
    Ok((kind, salt.as_bytes().to_vec(), hash))
}

pub(super) fn narrow(rounds: u32, salt: &[u8], password: &[u8]) -> [u8; 32] {
    sha_crypt::sha256_crypt(password, salt, params(rounds))
}

pub(super) fn wide(rounds: u32, salt: &[u8], password: &[u8]) -> [u8; 64] {
    sha_crypt::sha512_crypt(password, salt, params(rounds))
}

/// The rounds were checked when they were read.
fn params(rounds: u32) -> sha_crypt::Params {
    sha_crypt::Params::new(rounds).unwrap_or_default()
}
