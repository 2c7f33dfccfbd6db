use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use zeroize::Zeroizing;

use super::kind::Kind;

/// Longest password that bcrypt reads, in bytes. What follows it would not matter, so that longer ones are refused.
pub(super) const MAX_PASSWORD: usize = 72;

/// Bcrypt yields 24 bytes; its text has never had the last one.
pub(super) const OUTPUT_LEN: usize = 23;

const SALT_LEN: usize = 16;

/// 22 letters for 16 bytes leave four bits over, which some writers fill.
const TEXT: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Reads what follows `$2b$`: `10$`, 22 letters of salt, 31 of hash.
pub(super) fn read(text: &str) -> Result<(Kind, Vec<u8>, Vec<u8>), String> {
    let unreadable = || "it is not a cost of two digits, `$` and 53 letters".to_owned();
    let (cost, rest) =
        text.split_once('$').filter(|(cost, rest)| cost.len() == 2 && rest.len() == 53).ok_or_else(unreadable)?;
    let (salt, hash) = rest.split_at_checked(22).ok_or_else(unreadable)?;
    if !cost.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(unreadable());
    }
    let cost = cost.parse().map_err(|_| unreadable())?;
    let decode = |text: &str| TEXT.decode(text).map_err(|_| unreadable());
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    if salt.len() != SALT_LEN || hash.len() != OUTPUT_LEN {
        return Err(unreadable());
    }
    Ok((Kind::Bcrypt { cost }, salt, hash))
}

/// The hash of the first 72 bytes of `password`; that there are no more is the caller's to check.
pub(super) fn hash(cost: u32, salt: &[u8], password: &[u8]) -> [u8; OUTPUT_LEN] {
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD + 1));
    key.extend_from_slice(&password[..password.len().min(MAX_PASSWORD)]);
    key.push(0);
    key.truncate(MAX_PASSWORD);
    let mut own_salt = [0; SALT_LEN];
    let len = salt.len().min(SALT_LEN);
    own_salt[..len].copy_from_slice(&salt[..len]);
    let full = bcrypt::bcrypt(cost, own_salt, &key);
    let mut output = [0; OUTPUT_LEN];
    output.copy_from_slice(&full[..OUTPUT_LEN]);
    output
}
