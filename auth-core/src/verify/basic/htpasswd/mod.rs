//! Apache's password files.

mod htpasswd_file;
mod parse;

pub(super) use self::htpasswd_file::HtpasswdFile;
