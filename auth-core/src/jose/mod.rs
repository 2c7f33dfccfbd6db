//! Strict JOSE: JSON Web Signatures in compact form, the keys that make and check them, and the claims inside.
//!
//! What is strict, and why: a token is hostile until its signature has been checked, and whatever two
//! implementations read differently becomes an attack.
//!
//! - Sizes are checked before anything is decoded; a token that is no JWS never reaches a signature check.
//! - Base64url is canonical: no padding, no white space, no stray bits (RFC 7515 section 2).
//! - JSON has unique member names in every object, bounded depth and bounded size; a registered member of
//!   the wrong type is an error, never "absent" (RFC 7515 section 4, RFC 7519 section 4).
//! - The set of algorithms is closed and has no `none`. A key carries its algorithms; a token only names one
//!   of them (RFC 8725 sections 3.1 and 3.2).
//! - Keys found in a token (`jwk`, `jku`, `x5u`, `x5c`) are never used (RFC 8725 section 3.10). A DPoP proof is no token:
//!   it proves the possession of the key in it, and is read by code of its own.
//!
//! All cryptography is done by aws-lc-rs. Nothing here decides who may call: issuer, audience and lifetime are
//! the business of whoever uses this module.
//!
//! ```
//! use tower_auth_core::jose::{Algorithm, Jws, SigningKey, TokenHeader, MAX_TOKEN_LEN};
//!
//! let signer = SigningKey::generate(Algorithm::Es256)?;
//! let claims = std::collections::BTreeMap::from([("sub", "alice")]);
//! let token = signer.sign(&TokenHeader::new().typ("at+jwt").kid("k1"), &claims)?;
//!
//! let mut buffer = Vec::new();
//! let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer)?;
//! jws.verify(&signer.verifying_key(Some("k1"))?)?;
//! assert_eq!(jws.claims()?.sub.as_deref(), Some("alice"));
//! # Ok::<(), tower_auth_core::jose::JoseError>(())
//! ```

mod algorithm;
mod algorithm_set;
mod base64url;
mod claims;
mod compact;
mod confirmation;
mod curve;
mod der;
#[cfg(feature = "dpop")]
mod dpop_proof;
mod error;
mod header;
mod hmac_secret;
mod json;
mod jwk;
mod jwk_set;
mod jws;
mod last_header;
mod names;
mod numeric_date;
mod pem;
mod public_numbers;
mod roca;
mod signing_key;
mod text;
mod token_header;
mod verifying_key;

pub use self::algorithm::Algorithm;
pub use self::algorithm_set::AlgorithmSet;
pub use self::claims::{Claims, Marker, string_or_list};
pub use self::confirmation::Confirmation;
pub use self::error::JoseError;
pub use self::header::Header;
pub use self::jwk::Jwk;
pub use self::jwk_set::{Candidates, JwkSet, Skipped};
pub use self::jws::{Jws, MAX_TOKEN_LEN};
pub use self::numeric_date::NumericDate;
pub use self::signing_key::SigningKey;
pub use self::text::StringOrList;
pub use self::token_header::TokenHeader;
pub use self::verifying_key::VerifyingKey;

#[cfg(feature = "dpop")]
pub(crate) use self::dpop_proof::DpopProof;
pub(crate) use self::last_header::LastHeader;
