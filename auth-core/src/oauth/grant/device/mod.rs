//! The device authorization grant (RFC 8628): a program shows a code, a person confirms it in a browser elsewhere, and the
//! program asks until it has happened.

mod answer;
mod authorization;
mod code;
mod login;
mod pace;
mod source;
mod verification;

pub use self::authorization::DeviceAuthorization;
pub use self::code::DeviceCode;
pub use self::login::DeviceLogin;
pub use self::source::DeviceCodeSource;
