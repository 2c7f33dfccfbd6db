//! Password hashes: what is read, what it may cost, and what we make.

mod apr1;
mod bcrypt;
mod crypt64;
mod kind;
mod password_cost;
mod password_hash;
mod phc;
mod sha_crypt;
#[cfg(test)]
mod tests;

pub use self::password_cost::PasswordCost;
pub use self::password_hash::PasswordHash;

#[cfg(test)]
pub(super) use self::kind::runs;
pub(super) use self::kind::{Kind, OutOfMemory};
