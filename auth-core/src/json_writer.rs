//! JSON objects of a few texts, written without a serializer.

use std::fmt::Write;

/// An object that is being written. Members that say nothing are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonObject(String);

impl JsonObject {
    /// A text; left out if it is empty.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.name(name);
            push_text(&mut self.0, value);
        }
        self
    }

    /// A list of texts; left out if it is empty.
    pub(crate) fn texts<S: AsRef<str>>(&mut self, name: &str, values: &[S]) -> &mut Self {
        if values.is_empty() {
            return self;
        }
        self.name(name);
        for (index, value) in values.iter().enumerate() {
            self.0.push(if index == 0 { '[' } else { ',' });
            push_text(&mut self.0, value.as_ref());
        }
        self.0.push(']');
        self
    }

    /// `true`; left out if it is false.
    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        if value {
            self.name(name);
            self.0.push_str("true");
        }
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        // Writing into a `String` does not fail.
        let _ = write!(self.0, "{value}");
        self
    }

    /// The text of the object.
    pub(crate) fn finish(&mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        std::mem::take(&mut self.0)
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_text(&mut self.0, name);
        self.0.push(':');
    }
}

fn push_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            control if control.is_control() => {
                for unit in control.encode_utf16(&mut [0; 2]) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(all(test, feature = "jwt"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_what_says_nothing_is_left_out() {
        let odd = "a\"b\\c\n\u{7f}\u{85}\u{1f600}ä/";
        let json = JsonObject::default()
            .text("empty", "")
            .text(odd, odd)
            .texts::<&str>("none", &[])
            .texts("list", &["x", odd])
            .flag("no", false)
            .flag("yes", true)
            .number("n", 7)
            .finish();
        let expected = serde_json::json!({ odd: odd, "list": ["x", odd], "yes": true, "n": 7 });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), expected);
        assert_eq!(JsonObject::default().finish(), "{}");
    }
}
