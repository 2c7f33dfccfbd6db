use super::base64url;
use super::error::JoseError;

/// Longest decoded header, in bytes.
const MAX_HEADER_LEN: usize = 2 * 1024;

/// The parts of a token in JWS compact form (RFC 7515 section 7.1), decoded and not yet read.
pub(super) struct Compact<'a> {
    pub(super) header: &'a [u8],
    /// Whether the text of the header is the known one. Then it is not decoded.
    pub(super) is_known: bool,
    /// Header and payload as received, with the dot between them.
    pub(super) signing_input: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Compact<'a> {
    /// Takes `token` apart. The decoded parts go into `buffer`, whose old content is overwritten.
    #[inline]
    pub(super) fn decode(token: &'a str, max_len: usize, buffer: &'a mut Vec<u8>) -> Result<Self, JoseError> {
        Self::decode_beside(None, token, max_len, buffer)
    }

    /// The same, without a header whose text is `known`: it was decoded before, and keeps all the rules.
    #[inline]
    pub(super) fn decode_beside(
        known: Option<&str>,
        token: &'a str,
        max_len: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self, JoseError> {
        if token.len() > max_len {
            return Err(JoseError::TooLong);
        }
        let after_known = known.and_then(|known| after_header(token, known));
        let is_known = after_known.is_some();
        // The first dot and the last one: a dot between them is no base64url, so there are exactly three parts
        // or an error, however many dots there are.
        let (header, rest) = match (known, after_known) {
            (Some(known), Some(rest)) => (known, rest),
            _ => token.split_once('.').ok_or(JoseError::NotCompact)?,
        };
        let (payload, signature) = rest.rsplit_once('.').ok_or(JoseError::NotCompact)?;
        let signing_input = &token[..header.len() + 1 + payload.len()];
        if header.len() * 3 / 4 > MAX_HEADER_LEN {
            return Err(JoseError::HeaderTooLong);
        }
        let header = if is_known { "" } else { header };

        let sizes = [header, payload, signature].map(|part| base64url::decoded_len(part.len()));
        buffer.clear();
        buffer.resize(sizes.iter().sum(), 0);
        let header_end = base64url::decode_into(header, buffer)?;
        let payload_end = header_end
            + base64url::decode_into(payload, &mut buffer[header_end..])
                .map_err(|error| if payload.contains('.') { JoseError::NotCompact } else { error })?;
        let signature_end = payload_end + base64url::decode_into(signature, &mut buffer[payload_end..])?;
        let decoded: &'a [u8] = buffer;

        Ok(Self {
            header: &decoded[..header_end],
            is_known,
            signing_input,
            payload: &decoded[header_end..payload_end],
            signature: &decoded[payload_end..signature_end],
        })
    }
}

/// What follows the dot in a `token` whose header has this text.
pub(super) fn after_header<'a>(token: &'a str, header: &str) -> Option<&'a str> {
    token.strip_prefix(header)?.strip_prefix('.')
}
