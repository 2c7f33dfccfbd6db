//! Signers of requests that many APIs want: an HMAC over a text of the API's design, and AWS Signature Version 4.

#[cfg(feature = "sign-aws")]
mod aws;
#[cfg(feature = "sign-aws")]
mod date;
mod hex;
#[cfg(feature = "sign-hmac")]
mod hmac;

#[cfg(feature = "sign-aws")]
pub use self::aws::AwsSigner;
#[cfg(feature = "sign-hmac")]
pub use self::hmac::{HmacAlgorithm, HmacSigner, SignatureEncoding};
