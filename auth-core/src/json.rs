//! A strict look at JSON text before anything is read from it.

use std::collections::BTreeSet;
use std::fmt;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    NotUtf8,
    Syntax,
    TooDeep,
    TooManyMembers,
    DuplicateName,
}

/// Checks that `bytes` is one JSON value (RFC 8259) in UTF-8, that arrays and objects nest at most `max_depth` deep,
/// that they have at most `max_members` members and elements in all, and that no object names a member twice (after
/// escapes).
///
/// Parsers differ in which of two members they take, so a repeated name is refused rather than interpreted. The size of
/// a number does not matter here.
pub(crate) fn check_strict(bytes: &[u8], max_depth: usize, max_members: usize) -> Result<(), JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let mut scanner = Scanner { text, at: 0, members_left: max_members };
    scanner.value(max_depth)?;
    scanner.skip_space();
    if scanner.at == text.len() { Ok(()) } else { Err(JsonError::Syntax) }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "it is not UTF-8",
            Self::Syntax => "it is not well-formed",
            Self::TooDeep => "it nests too deep",
            Self::TooManyMembers => "it has too many members",
            Self::DuplicateName => "it names a member twice",
        })
    }
}

impl std::error::Error for JsonError {}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    members_left: usize,
}

impl Scanner<'_> {
    /// One value; recursion ends at `depth_left`.
    fn value(&mut self, depth_left: usize) -> Result<(), JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?),
            Some(b'[') => self.array(depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?),
            Some(b'"') => self.string(None),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => ["true", "false", "null"]
                .into_iter()
                .find(|literal| self.text[self.at..].starts_with(literal))
                .map(|literal| self.at += literal.len())
                .ok_or(JsonError::Syntax),
        }
    }

    fn object(&mut self, depth_left: usize) -> Result<(), JsonError> {
        self.at += 1;
        let mut names = BTreeSet::new();
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            self.count_member()?;
            self.skip_space();
            let mut name = String::new();
            self.string(Some(&mut name))?;
            if !names.insert(name) {
                return Err(JsonError::DuplicateName);
            }
            self.skip_space();
            self.expect(b':')?;
            self.value(depth_left)?;
            if self.closes(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth_left: usize) -> Result<(), JsonError> {
        self.at += 1;
        if self.closes(b']') {
            return Ok(());
        }
        loop {
            self.count_member()?;
            self.value(depth_left)?;
            if self.closes(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// A string, decoded into `sink` if that is wanted.
    fn string(&mut self, mut sink: Option<&mut String>) -> Result<(), JsonError> {
        self.expect(b'"')?;
        loop {
            let next = self.text[self.at..].chars().next().ok_or(JsonError::Syntax)?;
            self.at += next.len_utf8();
            let decoded = match next {
                '"' => return Ok(()),
                '\\' => self.escape()?,
                '\0'..='\u{1f}' => return Err(JsonError::Syntax),
                other => other,
            };
            if let Some(sink) = &mut sink {
                sink.push(decoded);
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let decoded = match self.peek().ok_or(JsonError::Syntax)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(JsonError::Syntax),
        };
        self.at += 1;
        Ok(decoded)
    }

    /// Four digits, and the second half of a surrogate pair. A half alone is no character.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(JsonError::Syntax);
        }
        self.expect(b'\\')?;
        self.expect(b'u')?;
        let second = self.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(JsonError::Syntax);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(JsonError::Syntax)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonError::Syntax)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonError::Syntax);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| JsonError::Syntax)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn count_member(&mut self) -> Result<(), JsonError> {
        self.members_left = self.members_left.checked_sub(1).ok_or(JsonError::TooManyMembers)?;
        Ok(())
    }

    /// Whether `byte` comes next; it is taken then.
    fn closes(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.expect(byte).is_ok()
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(JsonError::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), JsonError> {
        check_strict(text.as_bytes(), 16, 1000)
    }

    #[test]
    fn it_agrees_with_a_parser_on_what_is_json() {
        for text in [
            "{}",
            "[]",
            " [1, -0, 0.5, 1e9, 1E-2, -1.5e+3] ",
            r#"{"a":{"b":[true,false,null,"x"]}}"#,
            r#""\ud83d\ude00\u00e4\n""#,
            "\"ä\u{1f600}\"",
            "",
            "{",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "\"",
            "tru",
            "nul",
            "[1 2]",
            "{} {}",
            "\u{feff}{}",
            "NaN",
            "'a'",
            "[1}",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\u+123\"",
        ] {
            let parsed = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(check(text).is_ok(), parsed, "{text:?}");
        }
    }

    // THREAT-A5
    #[test]
    fn names_are_compared_after_escapes_and_per_object() {
        for twice in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"x":{"b":1,"c":1,"b":1}}]"#] {
            assert_eq!(check(twice), Err(JsonError::DuplicateName), "{twice}");
        }
        assert_eq!(check(r#"{"a":{"a":1},"b":{"a":1},"A":1}"#), Ok(()));
    }

    // THREAT-A5
    #[test]
    fn depth_and_members_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&nested(16)), Ok(()));
        assert_eq!(check(&nested(17)), Err(JsonError::TooDeep));
        assert_eq!(check(&"[".repeat(100_000)), Err(JsonError::TooDeep));
        let many = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(check(&many(1000)), Ok(()));
        assert_eq!(check(&many(1001)), Err(JsonError::TooManyMembers));
    }

    // THREAT-A6
    #[test]
    fn a_number_may_be_of_any_size() {
        assert_eq!(check("1e400"), Ok(()));
        assert_eq!(check(&"9".repeat(1000)), Ok(()));
    }

    #[test]
    fn text_must_be_utf_8() {
        assert_eq!(check_strict(b"\"\xff\"", 16, 1000), Err(JsonError::NotUtf8));
    }
}
