use std::fmt;

/// Which rule of JOSE a token, a key or a key set broke.
///
/// It names the rule and, at most, a registered member; never any content of the token or key. Trying again
/// with the same input never helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JoseError {
    /// The token or document is longer than its limit.
    TooLong,
    /// Not three parts parted by dots (RFC 7515 section 7.1): a JWE, a JSON serialization, or no token at all.
    NotCompact,
    /// Not canonical base64url without padding (RFC 7515 section 2).
    BadBase64Url,
    /// The decoded header is longer than 2 KiB.
    HeaderTooLong,
    /// Not JSON in UTF-8, or followed by more data.
    BadJson,
    /// JSON, but not an object at the top.
    NotAnObject,
    /// An object has two members of one name (RFC 7515 section 4, RFC 7519 section 4).
    DuplicateMember,
    /// The JSON is nested deeper than 16 levels.
    TooDeep,
    /// The JSON has more than 1,000 members.
    TooManyMembers,
    /// The named member has the wrong type or a value it cannot have.
    BadMember(&'static str),
    /// The named member is required and absent.
    MissingMember(&'static str),
    /// The algorithm is not one of [`Algorithm`](super::Algorithm).
    UnknownAlgorithm,
    /// The key id is longer than 256 bytes.
    KidTooLong,
    /// The header has a critical extension; none is understood (RFC 7515 section 4.1.11).
    CriticalExtension,
    /// `b64` is false: the payload is not encoded (RFC 7797), which is not supported.
    UnencodedPayload,
    /// The key is not for this algorithm.
    AlgorithmMismatch,
    /// The signature is not that of this key over these bytes.
    BadSignature,
    /// The key type or curve is not one we have.
    UnsupportedKey,
    /// The key's numbers are not a key: coordinates off the curve, an even modulus, parts that contradict each other.
    InvalidKey,
    /// The key is too short to be safe (RFC 7518 sections 3.2 and 3.3), or an RSA key that can be factored because
    /// its generator was broken (CVE-2017-15361).
    WeakKey,
    /// The RSA key has more than 8192 bits, or its exponent more than 64.
    OversizedKey,
    /// A private key where a public one belongs.
    PrivateKey,
    /// A public key where a private one is needed.
    PublicKey,
    /// A symmetric key where an asymmetric one belongs.
    SymmetricKey,
    /// `use` or `key_ops` keeps the key from this use (RFC 7517 sections 4.2 and 4.3).
    UseNotAllowed,
    /// A public key, certificate or key document was given as an HMAC secret.
    KeyAsSecret,
    /// The key set has more than 64 keys.
    TooManyKeys,
    /// Not an unencrypted PKCS#8 private key in PEM.
    BadPem,
    /// The claims or header fields cannot be written as a JSON object.
    Unserializable,
    /// The cryptographic library could not generate the key or make the signature.
    CryptoFailed,
}

impl JoseError {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.parts().0
    }

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::TooLong => ("jose.too_long", "longer than the limit"),
            Self::NotCompact => ("jose.not_compact", "not three parts parted by dots"),
            Self::BadBase64Url => ("jose.bad_base64url", "not canonical base64url"),
            Self::HeaderTooLong => ("jose.header_too_long", "the header is longer than the limit"),
            Self::BadJson => ("jose.bad_json", "not well-formed JSON in UTF-8"),
            Self::NotAnObject => ("jose.not_an_object", "not a JSON object"),
            Self::DuplicateMember => ("jose.duplicate_member", "two members of one name in a JSON object"),
            Self::TooDeep => ("jose.too_deep", "JSON nested deeper than the limit"),
            Self::TooManyMembers => ("jose.too_many_members", "JSON with more members than the limit"),
            Self::BadMember(_) => ("jose.bad_member", "a member has the wrong type or an impossible value"),
            Self::MissingMember(_) => ("jose.missing_member", "a required member is absent"),
            Self::UnknownAlgorithm => ("jose.unknown_algorithm", "the algorithm is not supported"),
            Self::KidTooLong => ("jose.kid_too_long", "the key id is longer than the limit"),
            Self::CriticalExtension => ("jose.critical_extension", "the header has a critical extension"),
            Self::UnencodedPayload => ("jose.unencoded_payload", "an unencoded payload is not supported"),
            Self::AlgorithmMismatch => ("jose.algorithm_mismatch", "the key is not for this algorithm"),
            Self::BadSignature => ("jose.bad_signature", "the signature does not match"),
            Self::UnsupportedKey => ("jose.unsupported_key", "the key type or curve is not supported"),
            Self::InvalidKey => ("jose.invalid_key", "the key is not valid"),
            Self::WeakKey => ("jose.weak_key", "the key is too short, or known to be weak"),
            Self::OversizedKey => ("jose.oversized_key", "the key is larger than the limit"),
            Self::PrivateKey => ("jose.private_key", "a private key where a public key belongs"),
            Self::PublicKey => ("jose.public_key", "a public key where a private key is needed"),
            Self::SymmetricKey => ("jose.symmetric_key", "a symmetric key where an asymmetric key belongs"),
            Self::UseNotAllowed => ("jose.use_not_allowed", "the key's `use` or `key_ops` forbids this use"),
            Self::KeyAsSecret => ("jose.key_as_secret", "a key document was given as an HMAC secret"),
            Self::TooManyKeys => ("jose.too_many_keys", "the key set has more keys than the limit"),
            Self::BadPem => ("jose.bad_pem", "not an unencrypted PKCS#8 private key in PEM"),
            Self::Unserializable => ("jose.unserializable", "not serializable as a JSON object"),
            Self::CryptoFailed => ("jose.crypto_failed", "the cryptographic library failed"),
        }
    }
}

impl fmt::Display for JoseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, text) = self.parts();
        match self {
            Self::BadMember(name) | Self::MissingMember(name) => write!(f, "{text}: `{name}` [{code}]"),
            _ => write!(f, "{text} [{code}]"),
        }
    }
}

impl std::error::Error for JoseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_the_rule_the_member_and_the_code() {
        assert_eq!(JoseError::BadBase64Url.to_string(), "not canonical base64url [jose.bad_base64url]");
        assert_eq!(
            JoseError::BadMember("exp").to_string(),
            "a member has the wrong type or an impossible value: `exp` [jose.bad_member]"
        );
        assert_eq!(JoseError::MissingMember("alg").code(), "jose.missing_member");
    }
}
