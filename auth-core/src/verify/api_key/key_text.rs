/// An API key of the form `<prefix>_<id>_<secret>`, taken apart.
///
/// Only letters, digits and `_`, so that a double click selects all of it, and a scanner finds it by
/// `\b<prefix>_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\b`. The secret is 43 letters of chance (256 bits) and six of a checksum over
/// all that stands before them, by which a scanner tells a key from what only looks like one, and a verifier one that was
/// copied badly, without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyText<'a> {
    pub(super) prefix: &'a str,
    pub(super) id: &'a str,
}

pub(super) const ID_LEN: usize = 16;
pub(super) const CHANCE_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;
const MAX_PREFIX: usize = 32;

pub(super) const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl<'a> KeyText<'a> {
    /// The parts of `text`, if it has this form and its checksum is right.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (rest, secret) = text.rsplit_once('_')?;
        let (prefix, id) = rest.rsplit_once('_')?;
        let is_word =
            |part: &str, len: usize| part.len() == len && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_prefix(prefix) || !is_word(id, ID_LEN) || !is_word(secret, CHANCE_LEN + CHECKSUM_LEN) {
            return None;
        }
        // All of it is ASCII by now.
        let (body, sum) = text.split_at_checked(text.len() - CHECKSUM_LEN)?;
        (checksum(body) == sum).then_some(Self { prefix, id })
    }
}

/// Whether keys can begin with it: a lower-case letter, then such letters, digits and `_`, the last of which is not last.
pub(super) fn is_prefix(text: &str) -> bool {
    (1..=MAX_PREFIX).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !text.ends_with('_')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The CRC-32 (as in zlib) of what stands before it, in base 62.
pub(super) fn checksum(body: &str) -> String {
    let mut rest = crc32(body.as_bytes());
    let mut letters = [b'0'; CHECKSUM_LEN];
    for letter in letters.iter_mut().rev() {
        *letter = LETTERS[(rest % 62) as usize];
        rest /= 62;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(prefix: &str, id: &str, chance: &str) -> String {
        let body = format!("{prefix}_{id}_{chance}");
        format!("{body}{}", checksum(&body))
    }

    #[test]
    fn the_checksum_is_the_crc_that_everybody_has() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32/ISO-HDLC");
        assert_eq!(checksum("").len(), CHECKSUM_LEN);
        assert_eq!(checksum(""), "000000");
    }

    #[test]
    fn a_key_is_taken_apart_from_its_end() {
        let (id, chance) = ("0123456789abcdef", "x".repeat(CHANCE_LEN));
        for prefix in ["acme", "acme_live", "a1", "k"] {
            let text = key(prefix, id, &chance);
            assert_eq!(KeyText::parse(&text), Some(KeyText { prefix, id }));
        }
        let good = key("acme", id, &chance);
        for bad in [
            String::new(),
            "___".to_owned(),
            good[1..].to_uppercase(),
            good.replace('x', "y"),
            good.replace("acme", "acne"),
            good.replace('f', "g"),
            format!("{good}0"),
            good[..good.len() - 1].to_owned(),
            key("Acme", id, &chance),
            key("", id, &chance),
            key("_", id, &chance),
            key(&"a".repeat(MAX_PREFIX + 1), id, &chance),
            key("acme", &id[1..], &chance),
            key("acme", id, &chance.replace('x', "\u{e9}")),
            key("acme", id, &chance[1..]),
            format!(" {good}"),
        ] {
            assert_eq!(KeyText::parse(&bad), None, "{bad:?}");
        }
    }
}
