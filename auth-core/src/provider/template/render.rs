use std::fmt::Write as _;
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::ast::{Expr, Function, MacHash, Name, Part, Template};
use super::calendar;
use crate::{Clock, Secret};

/// What templates are filled with.
pub(crate) trait Context {
    /// The value of a name; `None` or an empty one if there is none.
    fn value(&self, name: &Name) -> Option<Secret>;
}

/// What stays the same while one thing is made: the time, and where chance comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    now: SystemTime,
    fill: fn(&mut [u8]) -> bool,
}

/// A context and the time.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'a> {
    context: &'a dyn Context,
    chance: Chance,
}

impl Chance {
    /// The time of `clock` and the system's randomness.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { now: clock.wall(), fill: |bytes| aws_lc_rs::rand::fill(bytes).is_ok() }
    }
}

/// Bytes that may be a secret; a text unless a digest made them.
enum Made {
    Text(Zeroizing<String>),
    Digest(Zeroizing<Vec<u8>>),
}

impl<'a> Filling<'a> {
    pub(crate) fn new(context: &'a dyn Context, clock: &Clock) -> Self {
        Self { context, chance: Chance::new(clock) }
    }

    /// The text with every place filled, as it is.
    ///
    /// # Errors
    /// What cannot be made.
    pub(crate) fn text(&self, template: &Template) -> Result<Secret, String> {
        let mut pieces = Vec::with_capacity(template.parts.len());
        for part in &template.parts {
            pieces.push(match part {
                Part::Text(text) => Zeroizing::new(text.clone()),
                Part::Place(expr) => self.place(expr)?,
            });
        }
        // Joined at once, so that no outgrown buffer is left behind.
        let mut whole = String::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        pieces.iter().for_each(|piece| whole.push_str(piece));
        Ok(Secret::new(whole))
    }

    /// The text as the value of a header.
    ///
    /// # Errors
    /// When it has a character that must not be there.
    pub(crate) fn header(&self, template: &Template) -> Result<Secret, String> {
        let text = self.text(template)?;
        if text.expose_secret().bytes().all(|byte| byte >= b' ' && byte != 0x7f || byte == b'\t') {
            Ok(text)
        } else {
            Err("a value has a line break or another control character, which no header may have".to_owned())
        }
    }

    /// What stands in the place of `expr`.
    pub(super) fn place(&self, expr: &Expr) -> Result<Zeroizing<String>, String> {
        Ok(match self.make(expr)? {
            Made::Text(text) => text,
            Made::Digest(bytes) => hex(&bytes),
        })
    }

    fn make(&self, expr: &Expr) -> Result<Made, String> {
        let text = |text: &str| Made::Text(Zeroizing::new(text.to_owned()));
        Ok(match expr {
            Expr::Text(own) => text(own),
            Expr::Name(name) => text(self.context.value(name).as_ref().map_or("", Secret::expose_secret)),
            Expr::Any(alternatives) => {
                for alternative in alternatives {
                    let made = self.make(alternative)?;
                    if !made.is_empty() {
                        return Ok(made);
                    }
                }
                text("")
            }
            Expr::Call(function, arguments) => self.call(function, arguments)?,
        })
    }

    fn call(&self, function: &Function, arguments: &[Expr]) -> Result<Made, String> {
        let joined = || -> Result<Zeroizing<Vec<u8>>, String> {
            let made: Vec<_> = arguments.iter().map(|argument| self.make(argument)).collect::<Result<_, _>>()?;
            let mut bytes = Zeroizing::new(Vec::with_capacity(made.iter().map(|one| one.bytes().len()).sum()));
            made.iter().for_each(|one| bytes.extend_from_slice(one.bytes()));
            Ok(bytes)
        };
        let lone = |change: fn(&mut str)| -> Result<Made, String> {
            let mut text = arguments.first().map_or(Ok(Zeroizing::default()), |own| self.place(own))?;
            change(&mut text);
            Ok(Made::Text(text))
        };
        let text = |text: String| Made::Text(Zeroizing::new(text));
        Ok(match function {
            Function::Base64 => text(STANDARD.encode(&*joined()?)),
            Function::Base64Url => text(URL_SAFE_NO_PAD.encode(&*joined()?)),
            Function::Hex => Made::Text(hex(&joined()?)),
            Function::Sha256 => {
                Made::Digest(Zeroizing::new(digest::digest(&digest::SHA256, &joined()?).as_ref().to_vec()))
            }
            Function::Hmac(hash) => {
                let algorithm = match hash {
                    MacHash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    MacHash::Sha256 => hmac::HMAC_SHA256,
                    MacHash::Sha384 => hmac::HMAC_SHA384,
                    MacHash::Sha512 => hmac::HMAC_SHA512,
                };
                let (key, message) = arguments.split_first().ok_or("hmac has no key")?;
                let key = self.make(key)?;
                let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key.bytes()));
                for part in message {
                    context.update(self.make(part)?.bytes());
                }
                Made::Digest(Zeroizing::new(context.sign().as_ref().to_vec()))
            }
            Function::Now { format, ahead, offset } => {
                let now = self.chance.now;
                let moved = if *ahead { now.checked_add(*offset) } else { now.checked_sub(*offset) };
                text(calendar::write(moved.unwrap_or(now), format))
            }
            Function::Random(length) => text(self.letters(*length)?),
            Function::Uuid => text(self.uuid()?),
            Function::Lower => lone(str::make_ascii_lowercase)?,
            Function::Upper => lone(str::make_ascii_uppercase)?,
        })
    }

    /// Letters and digits, each as likely as the others.
    fn letters(&self, length: usize) -> Result<String, String> {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut letters = String::with_capacity(length);
        let mut bytes = [0; 64];
        while letters.len() < length {
            self.random(&mut bytes)?;
            // 248 is the largest multiple of 62 in a byte; what is above would favour the first letters.
            let fair = bytes.iter().filter(|byte| **byte < 248);
            let chosen = fair.filter_map(|byte| ALPHABET.get(usize::from(*byte % 62)));
            letters.extend(chosen.map(|byte| char::from(*byte)).take(length - letters.len()));
        }
        Ok(letters)
    }

    /// A random UUID (RFC 9562 section 5.4).
    fn uuid(&self) -> Result<String, String> {
        let mut bytes = [0; 16];
        self.random(&mut bytes)?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits = hex(&bytes);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
        Ok(parts.join("-"))
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), String> {
        if (self.chance.fill)(bytes) { Ok(()) } else { Err("the system has no randomness".to_owned()) }
    }
}

impl Made {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Digest(bytes) => bytes,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        // A text takes whatever is written into it.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::provider::path::Path;

    struct Known;

    impl Context for Known {
        fn value(&self, name: &Name) -> Option<Secret> {
            match name {
                Name::Plain(name) => match name.as_str() {
                    "user" => Some(Secret::from("Aladdin")),
                    "password" => Some(Secret::from("open sesame")),
                    "key" => Some(Secret::from("key")),
                    "empty" => Some(Secret::from("")),
                    "hostile" => Some(Secret::from("a\r\nx-evil: 1")),
                    _ => None,
                },
                Name::Step(1, path) if *path == Path::parse("a[0].b").unwrap() => Some(Secret::from("deep")),
                Name::Step(..) => None,
            }
        }
    }

    fn filling(fill: fn(&mut [u8]) -> bool) -> Filling<'static> {
        Filling { context: &Known, chance: Chance { now: UNIX_EPOCH + Duration::from_secs(784_111_777), fill } }
    }

    fn text(source: &str) -> String {
        let counting = |bytes: &mut [u8]| {
            bytes.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
            true
        };
        filling(counting).text(&Template::parse(source).unwrap()).unwrap().expose_secret().to_owned()
    }

    #[test]
    fn names_alternatives_and_steps_are_filled() {
        assert_eq!(text("a {user} {{b}} {step1.a[0].b}"), "a Aladdin {b} deep");
        assert_eq!(text("{absent||empty||user}"), "Aladdin");
        assert_eq!(text(r#"{absent||"x"}{absent||empty}"#), "x");
        assert_eq!(text(r#"{step2.a||step1.a[0].b}"#), "deep");
    }

    // Values of RFC 7617 section 2, FIPS 180-2 and the usual HMAC example.
    #[test]
    fn functions_make_what_others_make() {
        assert_eq!(text(r#"Basic {base64(user, ":", password)}"#), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(text(r#"{base64url("a?>")}"#), "YT8-");
        assert_eq!(text(r#"{hex("az")}"#), "617a");
        assert_eq!(text(r#"{sha256("abc")}"#), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text(r#"{sha256("a", "bc")}"#), text(r#"{sha256("abc")}"#));
        assert_eq!(text(r#"{base64(sha256("abc"))}"#), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(
            text(r#"{hmac("sha256", key, "The quick brown fox jumps over the lazy dog")}"#),
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
        );
        assert_eq!(
            text(r#"{hmac("sha1", key, "The quick brown fox ", "jumps over the lazy dog")}"#),
            "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"
        );
        assert_eq!(
            text(r#"{now()} {now("unix_ms", "+1s")} {now("rfc3339", "-7s")}"#),
            "784111777 784111778000 1994-11-06T08:49:30Z"
        );
        assert_eq!(text(r#"{now("http")}"#), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text("{lower(user)}{upper(user)}"), "aladdinALADDIN");
        assert_eq!(text("{uuid()}"), "00010203-0405-4607-8809-0a0b0c0d0e0f");
        assert_eq!(text("{random(5)}"), "ABCDE");
    }

    #[test]
    fn chance_is_used_fairly_and_its_failure_is_no_value() {
        let template = Template::parse("{random(100)}").unwrap();
        let high_then_low = |bytes: &mut [u8]| {
            bytes.iter_mut().zip(0..).for_each(|(byte, number)| *byte = if number % 2 == 0 { 255 } else { 61 });
            true
        };
        assert_eq!(filling(high_then_low).text(&template).unwrap().expose_secret(), "9".repeat(100));
        assert!(filling(|_| false).text(&template).is_err());
        let system = Filling::new(&Known, &Clock::system());
        let one = || system.text(&Template::parse("{uuid()}{random(40)}").unwrap()).unwrap();
        assert_ne!(one(), one());
    }

    // THREAT-T7
    #[test]
    fn no_value_breaks_a_header_line() {
        let header = |source: &str| filling(|_| true).header(&Template::parse(source).unwrap());
        assert!(header("Token {hostile}").is_err());
        assert!(header("{base64(hostile)}").is_ok());
        assert_eq!(header("Token {user}").unwrap().expose_secret(), "Token Aladdin");
    }

    // THREAT-L1
    #[test]
    fn what_was_filled_in_is_a_secret() {
        let filled = filling(|_| true).text(&Template::parse("x {password}").unwrap()).unwrap();
        assert_eq!(format!("{filled:?}"), "Secret([redacted])");
    }
}
