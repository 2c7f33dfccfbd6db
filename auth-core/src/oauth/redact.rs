use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::form;
use crate::error::printable;

/// Takes our own secrets out of what a server sends back: some repeat the request in an error description.
#[derive(Clone, Default)]
pub(super) struct Redactor(Vec<Zeroizing<String>>);

impl Redactor {
    /// Knows every text of `secrets` as it is, form-encoded, escaped as JSON has it, and in base64.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            forms.push(Zeroizing::new(secret.to_owned()));
            let encoded = form::encoded(secret);
            let percent_spaces = Zeroizing::new(encoded.replace('+', "%20"));
            for text in [encoded, percent_spaces] {
                forms.push(Zeroizing::new(lower_escapes(&text)));
                forms.push(text);
            }
            forms.extend(json_escaped(secret));
            // What the filter of `clean` leaves of it. Too short a rest is no secret any more, and would spoil messages.
            forms.extend(Some(Zeroizing::new(printable(secret, usize::MAX))).filter(|rest| rest.len() >= MIN_REST));
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                forms.push(Zeroizing::new(engine.encode(secret)));
            }
        }
        // The longest first: a secret may be part of another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self(forms)
    }

    /// What may be shown of `text`: printable ASCII, without our secrets, at most `max` characters.
    pub(super) fn clean(&self, text: &str, max: usize) -> String {
        // Filtered first, since a filter that comes later could join the parts of a secret.
        let mut text = printable(text, usize::MAX);
        for form in &self.0 {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), "[redacted]");
            }
        }
        printable(text.trim(), max)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The shortest rest of a text without its characters beyond ASCII that is still looked for.
const MIN_REST: usize = 6;

/// `text` as it stands within a JSON string, with slashes as they are and escaped.
fn json_escaped(text: &str) -> [Zeroizing<String>; 2] {
    // Reserved in full, so that no outgrown buffer with half a secret is left behind.
    let mut plain = Zeroizing::new(String::with_capacity(text.len() * 2));
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            plain.push('\\');
        }
        plain.push(c);
    }
    let slashes = Zeroizing::new(plain.replace('/', "\\/"));
    [plain, slashes]
}

/// `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut after_percent = 0;
    text.chars()
        .map(|c| {
            let in_escape = after_percent > 0;
            after_percent = if c == '%' { 2 } else { usize::saturating_sub(after_percent, 1) };
            if in_escape { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-L2, SYS-V10
    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "s3cr t/+%";
        let redactor = Redactor::new([secret, "id:s3cr t/+%", ""]);
        for form in [
            secret.to_owned(),
            "s3cr+t%2F%2B%25".to_owned(),
            "s3cr%20t%2f%2b%25".to_owned(),
            STANDARD.encode(secret),
            STANDARD.encode(format!("id:{secret}")),
            URL_SAFE_NO_PAD.encode(secret),
            "s3c\u{0}r t\u{200b}/+%".to_owned(),
        ] {
            assert_eq!(redactor.clean(&format!("wrong: {form}!"), 200), "wrong: [redacted]!", "{form}");
        }
    }

    // THREAT-L2
    #[test]
    fn a_secret_is_found_in_json_that_stands_in_a_text() {
        let redactor = Redactor::new([r#"s3"cr\et/x"#]);
        for form in [r#"s3\"cr\\et/x"#, r#"s3\"cr\\et\/x"#] {
            assert_eq!(
                redactor.clean(&format!(r#"{{"client_secret":"{form}"}}"#), 200),
                r#"{"client_secret":"[redacted]"}"#
            );
        }
    }

    // THREAT-L2
    #[test]
    fn a_secret_beyond_ascii_is_found_in_what_is_left_of_it() {
        let redactor = Redactor::new(["pässwörd-sésame"]);
        for form in ["pässwörd-sésame", "p\u{c3}\u{a4}ssw\u{c3}\u{b6}rd-s\u{c3}\u{a9}same"] {
            assert_eq!(redactor.clean(&format!("wrong: {form}!"), 200), "wrong: [redacted]!", "{form}");
        }
    }

    // THREAT-T7
    #[test]
    fn what_remains_is_printable_and_bounded() {
        let redactor = Redactor::default();
        assert_eq!(redactor.clean(" a\r\nb\u{202e}c ", 200), "abc");
        assert_eq!(redactor.clean(&"x".repeat(500), 200).len(), 200);
        // Cut after redaction, so that no half of a secret is left at the end.
        assert_eq!(Redactor::new(["abcdef"]).clean("12abcdef", 5), "12[re");
    }
}
