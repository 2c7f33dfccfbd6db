//! Signers of requests that many APIs want: an HMAC over a text of the API's design, and AWS Signature Version 4.

#[cfg(feature = "sign-aws")]
mod aws;
#[cfg(any(feature = "sign-aws", feature = "provider"))]
mod date;
#[cfg(any(feature = "sign-hmac", feature = "sign-aws"))]
mod hex;
#[cfg(feature = "sign-hmac")]
mod hmac;

#[cfg(feature = "sign-aws")]
pub use self::aws::AwsSigner;
#[cfg(feature = "provider")]
pub(crate) use self::date::imf_fixdate;
#[cfg(feature = "sign-hmac")]
pub use self::hmac::{HmacAlgorithm, HmacSigner, SignatureEncoding};
