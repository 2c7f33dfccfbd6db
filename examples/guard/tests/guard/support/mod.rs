mod answer;
mod guard;
mod upstream;

pub(crate) use self::answer::Answer;
pub(crate) use self::guard::{Guard, bearer, file, free_address, run, send};
pub(crate) use self::upstream::Upstream;

/// The SHA-256 of the API key `abc`.
pub(crate) const KEY_DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Callers of all kinds: tokens of `issuer`, the user `a` with the password `b`, and the API key `abc`.
pub(crate) fn callers(issuer: &str) -> String {
    format!(
        "realm = \"orders\"\n[[issuer]]\nurl = \"{issuer}\"\naudience = \"orders\"\nroles_claim = \"roles\"\n\
         [[basic]]\nuser = \"a\"\npassword = {{ value = \"b\" }}\n\
         [[api_key]]\nid = \"partner\"\ndigest = \"{KEY_DIGEST}\"\n"
    )
}

/// The user `a` alone, for tests that are about something else.
pub(crate) const USER: &str = "[[basic]]\nuser = \"a\"\npassword = { value = \"b\" }\n";

/// The credential of the user `a`.
pub(crate) const BASIC: &str = "authorization: Basic YTpi\r\n";
