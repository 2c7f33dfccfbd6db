use std::fmt;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::form;
use crate::Secret;
use crate::error::printable;

/// Takes our own secrets out of what a server sends back: some repeat the request in an error description.
///
/// Each secret is known as it is, form-encoded, escaped as JSON has it, and in base64. That is worked out when it is first
/// needed, which most requests never do.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Vec<Secret>,
    forms: OnceLock<Vec<Zeroizing<String>>>,
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self { secrets: secrets.into_iter().map(Secret::from).collect(), forms: OnceLock::new() }
    }

    /// One that knows `more` besides.
    pub(crate) fn and(&self, more: impl IntoIterator<Item = Secret>) -> Self {
        Self { secrets: self.secrets.iter().cloned().chain(more).collect(), forms: OnceLock::new() }
    }

    fn forms(&self) -> Vec<Zeroizing<String>> {
        let mut forms = Vec::new();
        for secret in self.secrets.iter().map(Secret::expose_secret).filter(|secret| !secret.is_empty()) {
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
        forms
    }

    /// What may be shown of `text`: printable ASCII, without our secrets, at most `max` characters.
    pub(crate) fn clean(&self, text: &str, max: usize) -> String {
        // Filtered first, since a filter that comes later could join the parts of a secret.
        let mut text = printable(text, usize::MAX);
        let forms = self.forms.get_or_init(|| self.forms());
        for form in forms {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), "[redacted]");
            }
        }
        for form in forms.iter().filter(|form| form.len() >= MIN_CUT) {
            text = without_beginnings(text, form);
        }
        printable(text.trim(), max)
    }
}

impl Clone for Redactor {
    fn clone(&self) -> Self {
        self.and([])
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The shortest rest of a text without its characters beyond ASCII that is still looked for.
const MIN_REST: usize = 6;

/// The shortest secret whose beginning alone is looked for, because a server may have cut its text in the middle of it, and how
/// much of it that is at least.
const MIN_CUT: usize = 20;
const CUT: usize = 12;

/// `text` without what `form` begins with.
fn without_beginnings(text: String, form: &str) -> String {
    let Some(beginning) = form.get(..CUT).filter(|beginning| text.contains(*beginning)) else { return text };
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, found)) = rest.split_once(beginning) {
        kept.push_str(before);
        kept.push_str("[redacted]");
        let same = found.bytes().zip(form.bytes().skip(CUT)).take_while(|(theirs, ours)| theirs == ours).count();
        rest = found.get(same..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

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

    // THREAT-L2, THREAT-L4
    #[test]
    fn a_secret_that_the_server_cut_is_found_by_its_beginning() {
        let redactor = Redactor::default().and([Secret::from("rt-0123456789abcdefghij")]);
        assert_eq!(redactor.clean("bad rt-0123456789abc", 200), "bad [redacted]");
        assert_eq!(
            redactor.clean("rt-0123456789abXY rt-012345678, rt-01234567", 200),
            "[redacted]XY [redacted], rt-01234567"
        );
        assert_eq!(Redactor::new(["https://a.example"]).clean("see https://a.exam", 200), "see https://a.exam");
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
