use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use subtle::{Choice, ConstantTimeEq};

/// A SHA-256 digest, compared in constant time.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; LEN]);

const LEN: usize = 32;

impl Digest {
    /// The digest of `parts`, one after the other.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// Reads `sha256:` and 64 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 2 * LEN)?.as_bytes();
        let mut bytes = [0; LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (hex(pair[0])? << 4) | hex(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// For look-ups that compare whole digests.
    #[cfg(feature = "introspection")]
    pub(super) fn into_bytes(self) -> [u8; LEN] {
        self.0
    }

    pub(super) fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    // THREAT-V11
    #[test]
    fn a_digest_is_written_read_and_compared() {
        let digest = Digest::of(&[b"a", b"bc"]);
        assert_eq!(digest.to_string(), ABC);
        assert!(bool::from(Digest::parse(ABC).unwrap().matches(&digest)));
        assert!(bool::from(Digest::parse(&ABC.to_uppercase().replace("SHA", "sha")).unwrap().matches(&digest)));
        assert!(!bool::from(Digest::of(&[b"abd"]).matches(&digest)));
        for bad in ["", "sha256:", &ABC[7..], &ABC[..70], &format!("{ABC}0"), &ABC.replace('b', "g"), "sha512:00"] {
            assert!(Digest::parse(bad).is_none(), "{bad}");
        }
    }
}
