use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use super::compact::after_header;
use super::header::Header;

/// The header of a token that was verified, as text and as what it says. An issuer's tokens all have the same one until its
/// key changes, so that it need not be read again and again: equal texts say the same.
#[derive(Clone, Default)]
pub(crate) struct LastHeader(Arc<ArcSwapOption<Known>>);

pub(super) struct Known {
    /// As it stands in the token.
    pub(super) text: Box<str>,
    pub(super) header: Header<'static>,
}

/// What is known while one token is read.
pub(crate) struct KnownHeader(Guard<Option<Arc<Known>>>);

/// Of so many tokens with another header one is taken note of, so that issuers that take turns do not wear each other out.
const ONE_OF: u8 = 16;

impl LastHeader {
    pub(crate) fn load(&self) -> KnownHeader {
        KnownHeader(self.0.load())
    }

    /// Takes note of the header of a token whose signature was right. `text` is the token.
    pub(crate) fn learn(&self, known: &KnownHeader, token: &str, header: &Header<'_>) {
        let is_due = match known.get() {
            None => true,
            Some(known) => after_header(token, &known.text).is_none() && fastrand::u8(..) < u8::MAX / ONE_OF,
        };
        if let Some((text, _)) = is_due.then(|| token.split_once('.')).flatten() {
            self.0.store(Some(Arc::new(Known { text: text.into(), header: header.to_static() })));
        }
    }
}

impl KnownHeader {
    pub(super) fn get(&self) -> Option<&Known> {
        self.0.as_deref()
    }
}

impl fmt::Debug for LastHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastHeader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::{JoseError, Jws, MAX_TOKEN_LEN};

    /// `{"alg":"HS256","kid":"k1","typ":"at+jwt"}`
    const HEADER: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0";

    fn learned(token: &str) -> LastHeader {
        let (last, mut buffer) = (LastHeader::default(), Vec::new());
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        last.learn(&last.load(), token, jws.header());
        last
    }

    /// All that is read of a token.
    type Read = Result<(String, Vec<u8>, Vec<u8>, Vec<u8>), JoseError>;

    fn read(jws: Result<Jws<'_>, JoseError>) -> Read {
        let jws = jws?;
        let bytes = [jws.signing_input(), jws.payload(), jws.signature()].map(<[u8]>::to_vec);
        let [input, payload, signature] = bytes;
        Ok((format!("{:?}", jws.header()), input, payload, signature))
    }

    fn both(last: &LastHeader, token: &str) -> [Read; 2] {
        let known = last.load();
        let (mut one, mut other) = (Vec::new(), Vec::new());
        [
            read(Jws::parse(token, MAX_TOKEN_LEN, &mut one)),
            read(Jws::parse_beside(&known, token, MAX_TOKEN_LEN, &mut other)),
        ]
    }

    // R7515-5.2a
    #[test]
    fn a_token_is_read_the_same_beside_a_known_header() {
        let last = learned(&format!("{HEADER}.Zm9v.YmFy"));
        for token in [
            format!("{HEADER}.e30.AAAA"),
            format!("{HEADER}.e30."),
            format!("{HEADER}..AAAA"),
            format!("{HEADER}.e30"),
            HEADER.to_owned(),
            format!("{HEADER}.e30.AA.AA"),
            format!("{HEADER}.e3=.AAAA"),
            format!("{HEADER}A.e30.AAAA"),
            format!("{}.e30.AAAA", &HEADER[..20]),
            "eyJhbGciOiJSUzI1NiJ9.e30.AAAA".to_owned(),
            ".e30.AAAA".to_owned(),
            "..".to_owned(),
            format!("{HEADER}.{}.AA", "A".repeat(MAX_TOKEN_LEN)),
        ] {
            let [own, beside] = both(&last, &token);
            assert_eq!(own, beside, "{token}");
        }
        let [_, fresh] = both(&LastHeader::default(), &format!("{HEADER}.e30.AAAA"));
        assert!(fresh.unwrap().0.contains("Hs256"));
    }

    #[test]
    fn another_header_is_learned_in_time() {
        let last = learned(&format!("{HEADER}.Zm9v.YmFy"));
        let other = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA";
        let mut buffer = Vec::new();
        let jws = Jws::parse(other, MAX_TOKEN_LEN, &mut buffer).unwrap();
        for _ in 0..10_000 {
            last.learn(&last.load(), other, jws.header());
        }
        assert_eq!(last.load().get().map(|known| &*known.text), Some("eyJhbGciOiJSUzI1NiJ9"));
    }

    proptest! {
        // THREAT-A1
        #[test]
        fn no_text_is_read_otherwise_beside_a_known_header(start in "[a-zA-Z0-9]{0,3}", rest in "[A-Za-z0-9_.=\\-]{0,60}") {
            let last = learned(&format!("{HEADER}.Zm9v.YmFy"));
            for token in [format!("{HEADER}{rest}"), format!("{start}{HEADER}{rest}"), format!("{start}{rest}")] {
                let [own, beside] = both(&last, &token);
                prop_assert_eq!(own, beside);
            }
        }
    }
}
