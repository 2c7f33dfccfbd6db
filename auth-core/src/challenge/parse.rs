use super::Challenge;
use super::model::Data;

/// The longest field value that is read, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// The most parameters one challenge may have.
const MAX_PARAMS: usize = 32;

/// Parses one field line (RFC 9110 section 11.6.1): a list of challenges in which commas part both the
/// challenges and the parameters of each.
pub(super) fn parse_line(line: &[u8], challenges: &mut Vec<Challenge>) {
    if line.len() > MAX_LINE {
        return;
    }
    let mut cursor = Cursor { line, at: 0 };
    // What parameters belong to: `None` before the first challenge and after a broken one.
    let mut current: Option<Challenge> = None;
    loop {
        cursor.skip_separators();
        if cursor.is_end() {
            break;
        }
        let start = cursor.at;
        match cursor.element() {
            Ok(Element::Challenge(challenge)) => {
                challenges.extend(current.replace(challenge));
            }
            Ok(Element::Param(name, value)) => {
                current = current.and_then(|challenge| with_param(challenge, name, value));
            }
            Err(broken) => {
                match broken {
                    // It was `current`'s, which is thereby invalid.
                    Broken::Param => current = None,
                    // Parameters that follow are those of the broken challenge, not of the one before it.
                    Broken::Challenge => challenges.extend(current.take()),
                }
                cursor.at = start;
                cursor.skip_element();
            }
        }
    }
    challenges.extend(current);
}

/// The challenge with one parameter more; `None` if it must not have it, which spoils the challenge.
fn with_param(mut challenge: Challenge, name: String, value: String) -> Option<Challenge> {
    let Data::Params(params) = &mut challenge.data else { return None };
    if params.len() >= MAX_PARAMS || params.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name)) {
        return None;
    }
    params.push((name, value));
    Some(challenge)
}

/// One element between commas. A challenge carries at most the first of its parameters here; the others
/// follow as elements of their own.
enum Element {
    Challenge(Challenge),
    Param(String, String),
}

/// Which kind of element breaks the grammar.
enum Broken {
    Challenge,
    Param,
}

struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn element(&mut self) -> Result<Element, Broken> {
        let name = self.token().ok_or(Broken::Challenge)?;
        let after_name = self.at;
        self.skip_space();
        if self.peek() == Some(b'=') {
            let value = self.param_value().ok_or(Broken::Param)?;
            return Ok(Element::Param(name, value));
        }
        let data = if self.at > after_name && !self.at_comma_or_end() {
            self.challenge_data().ok_or(Broken::Challenge)?
        } else {
            self.end_of_element().ok_or(Broken::Challenge)?;
            Data::Params(Vec::new())
        };
        Ok(Element::Challenge(Challenge { scheme: name, data }))
    }

    /// What follows `scheme SP`: a token68, or the first parameter.
    fn challenge_data(&mut self) -> Option<Data> {
        let start = self.at;
        if let Some(token) = self.token68() {
            self.skip_space();
            if self.at_comma_or_end() {
                return Some(Data::Token68(token));
            }
        }
        self.at = start;
        let name = self.token()?;
        self.skip_space();
        let value = self.param_value()?;
        Some(Data::Params(vec![(name, value)]))
    }

    /// The value behind a parameter's name, up to the end of the element.
    fn param_value(&mut self) -> Option<String> {
        if self.next() != Some(b'=') {
            return None;
        }
        self.skip_space();
        let value = if self.peek() == Some(b'"') { self.quoted_string() } else { self.token() }?;
        self.end_of_element()?;
        Some(value)
    }

    fn quoted_string(&mut self) -> Option<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                Some(b'\\') => bytes.push(self.next().filter(|byte| is_text(*byte))?),
                Some(byte) if is_text(byte) => bytes.push(byte),
                _ => return None,
            }
        }
    }

    fn token(&mut self) -> Option<String> {
        self.take_while(is_token_byte)
    }

    fn token68(&mut self) -> Option<String> {
        let start = self.at;
        self.take_while(is_token68_byte)?;
        while self.peek() == Some(b'=') {
            self.at += 1;
        }
        Some(String::from_utf8_lossy(&self.line[start..self.at]).into_owned())
    }

    fn take_while(&mut self, accept: fn(u8) -> bool) -> Option<String> {
        let rest = &self.line[self.at..];
        let length = rest.iter().position(|byte| !accept(*byte)).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn end_of_element(&mut self) -> Option<()> {
        self.skip_space();
        self.at_comma_or_end().then_some(())
    }

    /// Moves behind a broken element: to the next comma that is not inside quotes.
    fn skip_element(&mut self) {
        let mut quoted = false;
        while let Some(byte) = self.peek() {
            match byte {
                b',' if !quoted => return,
                b'"' => quoted = !quoted,
                b'\\' if quoted => self.at += 1,
                _ => {}
            }
            self.at = (self.at + 1).min(self.line.len());
        }
    }

    fn skip_separators(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b',')) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn at_comma_or_end(&self) -> bool {
        matches!(self.peek(), None | Some(b','))
    }

    fn is_end(&self) -> bool {
        self.at >= self.line.len()
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }
}

/// A byte of a `token` (RFC 9110 section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token68_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// A byte that may stand in a quoted-string, by itself or escaped.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::{HeaderValue, WWW_AUTHENTICATE};

    use super::*;

    fn shape(value: &str) -> Vec<String> {
        Challenge::parse(value)
            .iter()
            .map(|challenge| match challenge.token68() {
                Some(token) => format!("{} {token}", challenge.scheme()),
                None => {
                    let params: Vec<_> = challenge.params().map(|(name, value)| format!("{name}<{value}>")).collect();
                    format!("{}({})", challenge.scheme(), params.join(" "))
                }
            })
            .collect()
    }

    // R9110-11.1a, R9110-11.2a
    #[test]
    fn scheme_and_parameter_names_compare_without_case() {
        let challenges = Challenge::parse("bEARER ReAlM=x");
        assert!(challenges[0].is_scheme("Bearer"));
        assert_eq!(challenges[0].param("realm"), Some("x"));
        assert!(!challenges[0].is_scheme("Basic"));
    }

    // R9110-11.2a, R6750-3b
    #[test]
    fn a_repeated_parameter_spoils_its_challenge_only() {
        assert_eq!(shape("Bearer realm=a, REALM=b, error=c, Basic realm=d"), ["Basic(realm<d>)"]);
    }

    // R9110-11.2b, R9110-11.5a
    #[test]
    fn values_are_tokens_or_quoted_strings_with_space_around_the_sign() {
        assert_eq!(shape(r#"X a=1, b = "2" ,c= 3,d ="4""#), ["X(a<1> b<2> c<3> d<4>)"]);
        assert_eq!(shape(r#"X a="q\"uo\\te, Y b=1""#), [r#"X(a<q"uo\te, Y b=1>)"#]);
        assert_eq!(shape(r#"X a="""#), ["X(a<>)"]);
    }

    // R9110-11.2c
    #[test]
    fn token68_stands_alone() {
        assert_eq!(shape("Negotiate YII+/-._~=="), ["Negotiate YII+/-._~=="]);
        assert_eq!(shape("Negotiate abc="), ["Negotiate abc="]);
        assert_eq!(shape("Negotiate abc, Basic realm=x"), ["Negotiate abc", "Basic(realm<x>)"]);
        assert_eq!(shape("Negotiate abc==, realm=x, Basic realm=y"), ["Basic(realm<y>)"]);
        assert_eq!(shape("Negotiate a==b, Basic realm=y"), ["Basic(realm<y>)"]);
    }

    // R9110-11.3b
    #[test]
    fn a_challenge_may_be_only_a_scheme() {
        assert_eq!(shape("Bearer"), ["Bearer()"]);
        assert_eq!(shape("Negotiate , Bearer ,NTLM"), ["Negotiate()", "Bearer()", "NTLM()"]);
    }

    // R9110-11.6.1a
    #[test]
    fn challenges_share_a_line_or_spread_over_lines() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="a, b", Bearer error=x"#));
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(",, DPoP algs=\"ES256 PS256\" ,"));
        let schemes: Vec<_> = Challenge::from_headers(&headers).iter().map(|c| c.scheme().to_owned()).collect();
        assert_eq!(schemes, ["Basic", "Bearer", "DPoP"]);
    }

    // R9110-11.6.1b
    #[test]
    fn a_broken_challenge_does_not_hide_its_neighbours() {
        for broken in ["Foo a=;", "Foo a=\"x\"y", "@@@", "Foo a b", "Foo a=1 b=2", "\"q,q\"", "Foo a=b=c"] {
            let line = format!("Basic realm=x, {broken}, Bearer error=\"y\"");
            let parsed = shape(&line);
            assert!(parsed.contains(&"Bearer(error<y>)".to_owned()), "{line}: {parsed:?}");
            assert!(parsed.contains(&"Basic(realm<x>)".to_owned()), "{line}: {parsed:?}");
            assert!(!parsed.iter().any(|c| c.starts_with("Foo")), "{line}: {parsed:?}");
        }
        assert_eq!(shape("Basic realm=x, Foo a=\"never closed, Bearer x=y"), ["Basic(realm<x>)"]);
        assert_eq!(shape("Basic realm=x, opaque=\"never closed"), [""; 0]);
        assert_eq!(shape("Unknown q=1, Bearer strange=1, error=e"), ["Unknown(q<1>)", "Bearer(strange<1> error<e>)"]);
    }

    // THREAT-A1
    #[test]
    fn sizes_are_bounded() {
        let long = format!("Bearer realm=\"{}\"", "x".repeat(MAX_LINE));
        assert!(shape(&long).is_empty());
        let fits = format!("Bearer realm=\"{}\"", "x".repeat(MAX_LINE - "Bearer realm=\"\"".len()));
        assert_eq!(shape(&fits).len(), 1);
        let params = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join(", ");
        assert_eq!(Challenge::parse(&format!("X {}", params(MAX_PARAMS))).len(), 1);
        assert_eq!(Challenge::parse(&format!("X {}", params(MAX_PARAMS + 1))).len(), 0);
    }

    // R7617-2.1a
    #[test]
    fn charset_means_something_only_if_it_is_utf8() {
        assert!(Challenge::parse("Basic realm=x, charset=\"utf-8\"")[0].wants_utf8());
        assert!(Challenge::parse("Basic realm=x, charset=UTF-8")[0].wants_utf8());
        assert!(!Challenge::parse("Basic realm=x, charset=latin1")[0].wants_utf8());
        assert!(!Challenge::parse("Basic realm=x")[0].wants_utf8());
    }

    // R9110-5.5a
    #[test]
    fn control_bytes_inside_quotes_break_the_challenge() {
        let mut challenges = Vec::new();
        parse_line(b"X a=\"b\0c\", Y d=1", &mut challenges);
        assert_eq!(challenges.len(), 1);
        assert!(challenges[0].is_scheme("Y"));
    }
}
