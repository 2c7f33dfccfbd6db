use proptest::prelude::*;

use super::{Kind, PasswordCost, PasswordHash};
use crate::Secret;

const PASSWORD: &str = "correct horse";

/// Made by the reference implementation of argon2, by Python's `hashlib`, and by its `bcrypt`.
const STRONG: [&str; 14] = [
    "$argon2id$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwMvzgLeFFFEb+oaTMHycsgU",
    "$argon2i$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$M0oEKvALZLqWKXzMK4TdNzZJKBvHzZlBDoRLTKBoAg4",
    "$argon2d$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$Ip49LU+1KPMhxnua75o+f4iiJfwbptgIZEgKHaMzglc",
    "$argon2id$v=16$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$3gGnVO0jcZRlIiftUe9LEaSHv0XBZAQ5/FZwo4t1bJg",
    "$argon2id$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$3gGnVO0jcZRlIiftUe9LEaSHv0XBZAQ5/FZwo4t1bJg",
    "$scrypt$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$I4YuHpx/6xJJ4+sk74hQU+KhW++gPE8aHzXbHijxgzg",
    "$pbkdf2$i=2000$MDEyMzQ1Njc4OWFiY2RlZg$gX9RUpE8JhvDclKGUCPgeeMQAOE",
    "$pbkdf2-sha256$i=2000$MDEyMzQ1Njc4OWFiY2RlZg$MGoh2Ym969nMJuWoRTjFXPmoi5ptqegZ9PzZ3FTIVOM",
    "$pbkdf2-sha256$i=2000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$MGoh2Ym969nMJuWoRTjFXPmoi5ptqegZ9PzZ3FTIVOM",
    "$pbkdf2-sha256$2000$MDEyMzQ1Njc4OWFiY2RlZg$MGoh2Ym969nMJuWoRTjFXPmoi5ptqegZ9PzZ3FTIVOM",
    "$pbkdf2-sha512$i=2000$MDEyMzQ1Njc4OWFiY2RlZg$JLIbHS/a1pwkuwB4YMVsxfgHL1RpHXfp7kAkuCcl9dhDgXytdhKp4KRA1tfCbROFYAyWs7Bgy1B82eY2dKJ0Uw",
    "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
];

/// Made by `openssl passwd`, the last one by Python's `hashlib`.
const WEAK: [&str; 6] = [
    "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/",
    "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC",
    "$5$rounds=2000$saltstring$5Jm.h69KcY3fwMRMDAl4nQEUgGCOAjLPwKGTGaww3l8",
    "$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
    "$6$rounds=2000$saltstring$CWO3pnVxqUMtdDqk7gJ84eEXL8QmMHeR9YxuP4Paplo1mBQb5V0Ln8er866OPJvzQPpjkyb5T.TzFaWTZL7yx/",
    "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
];

/// The same for passwords of one byte, and of more than one block.
const WEAK_LENGTHS: [(&str, &str); 6] = [
    ("$apr1$saltsalt$Q17bmANhIA7pctgRGqF/S0", "x"),
    ("$apr1$saltsalt$Uv3GEWhIekf2NTKhEiPbV1", LONG),
    ("$5$saltstring$8lNOPUYH/6hNVwI72WGU4WW1KQqblnIzRCd9nWOKs5A", "x"),
    ("$5$saltstring$GB7y4tZ4MxtzajbkRScUEILjGsR8lJpCcenjniZxbn2", LONG),
    ("$6$saltstring$nk7Qohr7tOmwY2mX639VRP.Lyvj3uhcgpatqHuLC867qfSHKq1LDuKa/h7Es9Nv0aL08pbF.cnQlRqhaoKT/D.", "x"),
    ("$6$saltstring$DzqqjszC79.vqySm7tl.OS9QidbHyamMAlVpWwJ/s5H9.YAUSX/Sjr19yD7LKZZbFPkdHwRIRdCSbb3uRQdwa/", LONG),
];
const LONG: &str = "longer than sixty-four bytes: 0123456789 0123456789 0123456789 0123456789";

/// Hashes of 71 and of 72 times `x`.
const BCRYPT_71: &str = "$2b$04$abcdefghijklmnopqrstuu.gc7UY/21CSNJGJg21jJzx9QiOpJ9bO";
const BCRYPT_72: &str = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";

fn verify(hash: &str, password: &str) -> bool {
    PasswordHash::read(hash, true).unwrap().verify(&Secret::from(password))
}

fn problem(text: &str) -> String {
    PasswordHash::parse(text).unwrap_err().to_string()
}

// R7617-4a, THREAT-V13
#[test]
fn hashes_that_others_made_are_read() {
    for hash in STRONG {
        assert!(PasswordHash::parse(hash).is_ok(), "{hash}");
    }
    for hash in STRONG.iter().chain(&WEAK) {
        assert!(verify(hash, PASSWORD), "{hash}");
        for wrong in ["correct horsf", "correct hors", "correct horse ", "", "Correct horse"] {
            assert!(!verify(hash, wrong), "{hash} {wrong:?}");
        }
    }
    for (hash, password) in WEAK_LENGTHS {
        assert!(verify(hash, password), "{hash}");
        assert!(!verify(hash, &password.replace('x', "y").replace('9', "8")), "{hash}");
    }
}

// R7617-4a
#[test]
fn a_new_hash_is_argon2id_of_the_recommended_cost_with_a_salt_of_its_own() {
    let password = Secret::from(PASSWORD);
    let (one, other) = (PasswordHash::hash(&password).unwrap(), PasswordHash::hash(&password).unwrap());
    assert!(one.expose_hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose_hash());
    assert_ne!(one.expose_hash(), other.expose_hash());
    let read = PasswordHash::parse(one.expose_hash()).unwrap();
    assert!(read.verify(&password) && !read.needs_rehash() && read.scheme() == "argon2id");
    assert!(read.is_same(&one) && !read.is_same(&other));
    for bad in [String::new(), "x".repeat(1_025), "a\0".to_owned(), "a\n".to_owned()] {
        assert!(PasswordHash::hash(&Secret::from(bad)).is_err());
    }
    assert!(PasswordHash::hash(&Secret::from("x".repeat(1_024))).unwrap().verify(&Secret::from("x".repeat(1_024))));
}

// R7617-2.1b
#[test]
fn passwords_are_hashed_in_normalization_form_c() {
    let cost = PasswordCost::argon2id(8, 1, 1).unwrap();
    let hash = PasswordHash::hash_with(&Secret::from("A\u{30a}"), cost).unwrap();
    assert!(hash.verify(&Secret::from("\u{c5}")) && hash.verify(&Secret::from("A\u{30a}")));
    assert!(hash.matches("\u{c5}").unwrap());
}

// THREAT-V13
#[test]
fn two_passwords_that_differ_after_72_bytes_are_two_for_every_scheme() {
    let (seventy_one, seventy_two) = ("x".repeat(71), "x".repeat(72));
    assert!(verify(BCRYPT_71, &seventy_one) && verify(BCRYPT_72, &seventy_two));
    assert!(!verify(BCRYPT_71, &seventy_two) && !verify(BCRYPT_72, &seventy_one));
    assert!(!verify(BCRYPT_72, &"x".repeat(73)), "refused, not truncated");
    assert!(!verify(BCRYPT_72, &format!("{seventy_two}{}", "y".repeat(900))));
    assert!(!verify(BCRYPT_71, &format!("{seventy_one}\0")), "a zero byte is an end to bcrypt");

    let cost = PasswordCost::argon2id(8, 1, 1).unwrap();
    let hash = PasswordHash::hash_with(&Secret::from(format!("{seventy_two}a")), cost).unwrap();
    assert!(hash.verify(&Secret::from(format!("{seventy_two}a"))));
    assert!(!hash.verify(&Secret::from(format!("{seventy_two}b"))) && !hash.verify(&Secret::from(seventy_two)));
}

// THREAT-V13, THREAT-A1
#[test]
fn a_text_that_would_use_gigabytes_or_hours_is_refused_before_it_is_tried() {
    let argon2 = |params: &str| {
        format!("$argon2id$v=19${params}$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwMvzgLeFFFEb+oaTMHycsgU")
    };
    let scrypt =
        |params: &str| format!("$scrypt${params}$MDEyMzQ1Njc4OWFiY2RlZg$I4YuHpx/6xJJ4+sk74hQU+KhW++gPE8aHzXbHijxgzg");
    let pbkdf2 = |params: &str| {
        format!("$pbkdf2-sha256${params}$MDEyMzQ1Njc4OWFiY2RlZg$MGoh2Ym969nMJuWoRTjFXPmoi5ptqegZ9PzZ3FTIVOM")
    };
    for fits in [argon2("m=262144,t=4,p=1"), argon2("m=65536,t=3,p=4"), scrypt("ln=17,r=8,p=1"), pbkdf2("i=10000000")] {
        assert!(PasswordHash::parse(&fits).is_ok(), "{fits}");
    }
    for (text, reason) in [
        (argon2("m=4294967295,t=1,p=1"), "the argon2id hash cannot be used: it would use 4294967295 KiB of memory"),
        (argon2("m=262145,t=1,p=1"), "256 MiB"),
        (argon2("m=262144,t=5,p=1"), "1 GiB in all"),
        (argon2("m=1024,t=4294967295,p=1"), "1 GiB in all"),
        (argon2("m=1024,t=1,p=65"), "1 to 64 lanes"),
        (argon2("m=1024,t=1,p=0"), "1 to 64 lanes"),
        (argon2("m=15,t=1,p=2"), "at least 8 KiB for each lane"),
        (argon2("m=1024,t=0,p=1"), "at least one pass"),
        (argon2("m=99999999999,t=1,p=1"), "out of all bounds"),
        (scrypt("ln=63,r=8,p=1"), "the scrypt hash cannot be used: it must have ln 1 to 24"),
        (scrypt("ln=300,r=8,p=1"), "out of all bounds"),
        (scrypt("ln=19,r=8,p=1"), "256 MiB"),
        (scrypt("ln=10,r=4294967295,p=1"), "256 MiB"),
        (scrypt("ln=17,r=8,p=9"), "1 GiB in all"),
        (scrypt("ln=10,r=8,p=4294967295"), "p of 1 to 64"),
        (scrypt("ln=10,r=0,p=1"), "ln 1 to 24 and an r"),
        (pbkdf2("i=10000001"), "the pbkdf2-sha256 hash cannot be used: it must have 1,000 to 10,000,000 iterations"),
        (pbkdf2("i=1"), "1,000 to"),
        (pbkdf2("i=0"), "no iterations"),
        (
            "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".to_owned(),
            "the bcrypt hash cannot be used: its cost must be 4 to 16",
        ),
        ("$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".to_owned(), "4 to 16"),
        (format!("$argon2id$v=19$m=1024,t=1,p=1${}$gyAB", "A".repeat(500)), "at most 512 bytes"),
    ] {
        assert!(problem(&text).contains(reason), "{text}: {}", problem(&text));
    }
    let rounds = PasswordHash::read(
        "$6$rounds=999999999$salt$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
        true,
    );
    assert!(rounds.unwrap_err().contains("1,000 to 5,000,000 rounds"));
    assert!(PasswordCost::argon2id(1 << 20, 1, 1).is_err() && PasswordCost::argon2id(64, 1, 0).is_err());
}

// R7617-4a
#[test]
fn what_is_no_hash_is_refused_with_the_name_of_its_scheme_and_without_its_text() {
    for (text, reason) in [
        ("sentinel", "no password hash of a known scheme"),
        ("", "no password hash of a known scheme"),
        ("$sentinel$sentinel", "no password hash of a known scheme"),
        ("ab1sentinel2.", "DES crypt are not accepted"),
        ("$1$sentinel$x", "md5crypt is not supported"),
        ("$y$sentinel", "yescrypt is not supported"),
        ("$7$sentinel", "crypt's form of scrypt"),
        ("$2x$05$sentinel", "flawed bcrypt"),
        ("{SSHA}sentinel", "salted SHA-1"),
        ("pbkdf2_sha256$sentinel", "Django"),
        ("{SHA}sentinel", "the SHA-1 hash cannot be used"),
        (WEAK[0], "the apr1 hash cannot be used: it is too weak"),
        (WEAK[1], "the SHA-256-crypt hash cannot be used: it is too weak"),
        (WEAK[3], "the SHA-512-crypt hash cannot be used: it is too weak"),
        (WEAK[5], "the SHA-1 hash cannot be used: it is too weak"),
        ("$argon2id$sentinel", "the argon2id hash cannot be used: it is not parameters, salt and hash"),
        ("$argon2id$v=18$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "its version 18 is not known"),
        ("$argon2id$v=19$m=1024,t=2$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "`p` is missing"),
        ("$argon2id$v=19$m=1024,t=2,p=1,m=8$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "`m` is there twice"),
        ("$argon2id$v=19$m=1024,t=2,p=1,keyid=8$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "not known"),
        ("$argon2id$v=19$m=01024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "no number"),
        ("$argon2id$v=19$m=+1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "no number"),
        ("$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1$gyAB513YsKkumS8py9dwwA", "at least 8 bytes"),
        ("$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gyAB", "16 to 64 bytes"),
        ("$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$gyAB513YsKkumS8py9dwwA", "not base64"),
        ("$argon2id$v=19$m=1024,t=2,p=1$sentinel*$gyAB513YsKkumS8py9dwwA", "not base64"),
        ("$scrypt$v=1$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwA", "has a version"),
        ("$pbkdf2-sha256$i=2000,l=31$MDEyMzQ1Njc4OWFiY2RlZg$MGoh2Ym969nMJuWoRTjFXPmoi5ptqegZ9PzZ3FTIVOM", "its length"),
        ("$2b$4$sentinel", "the bcrypt hash cannot be used: it is not a cost of two digits"),
        ("$2b$+4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "it is not a cost"),
        ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6", "it is not a cost"),
        ("$2b$04$abcdefghijklmnopqrstu\u{e9}jydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "it is not a cost"),
    ] {
        let problem = problem(text);
        assert!(problem.contains(reason), "{text}: {problem}");
        assert!(!problem.contains("sentinel"), "{problem}");
    }
    for broken in [
        "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG",
        "$apr1$saltsalts$EGVZDNN6gOqijy.tv9axG/",
        "$apr1$x",
        "{SHA}AAAA",
        "$5$x",
        "$5$rounds=x$a$b",
        "$6$rounds=2000",
    ] {
        assert!(PasswordHash::read(broken, true).is_err(), "{broken}");
    }
}

#[test]
fn only_argon2id_of_the_wanted_cost_needs_no_new_hash() {
    let weaker = |text: &str, cost: PasswordCost| PasswordHash::parse(text).unwrap().is_weaker_than(cost);
    let small = PasswordCost::argon2id(1024, 2, 1).unwrap();
    for hash in &STRONG[1..] {
        assert!(weaker(hash, small), "{hash}");
    }
    assert!(!weaker(STRONG[0], small));
    assert!(weaker(STRONG[0], PasswordCost::default()));
    let argon2 = |params: &str| {
        format!("$argon2id$v=19${params}$MDEyMzQ1Njc4OWFiY2RlZg$gyAB513YsKkumS8py9dwwMvzgLeFFFEb+oaTMHycsgU")
    };
    for (params, expected) in [
        ("m=19456,t=2,p=1", false),
        ("m=47104,t=1,p=1", false),
        ("m=65536,t=3,p=4", false),
        ("m=8192,t=5,p=1", false),
        ("m=19456,t=1,p=1", true),
        ("m=4096,t=100,p=1", true),
    ] {
        assert_eq!(weaker(&argon2(params), PasswordCost::default()), expected, "{params}");
    }
}

// THREAT-V12
#[test]
fn waste_is_made_by_the_same_function_as_a_hash() {
    for hash in STRONG.iter().chain(&WEAK) {
        let kind = PasswordHash::read(hash, true).unwrap().kind().clone();
        assert!(kind.waste(PASSWORD).is_ok() && kind.waste("").is_ok() && kind.waste(&"x".repeat(1_024)).is_ok());
        assert_eq!(kind.run(b"x", b"saltsalt").unwrap().len(), kind.output_len());
    }
    assert_eq!(PasswordCost::argon2id(1024, 2, 2).unwrap().kind(), *PasswordHash::parse(STRONG[0]).unwrap().kind());
    assert_ne!(Kind::Bcrypt { cost: 4 }, Kind::Bcrypt { cost: 5 });
}

// THREAT-L1
#[test]
fn debug_shows_the_scheme_only() {
    let shown = format!("{:?}", PasswordHash::parse(STRONG[0]).unwrap());
    assert_eq!(shown, r#"PasswordHash { scheme: "argon2id", .. }"#);
}

/// A known hash with a few letters replaced, put in or taken out.
fn mutated() -> impl Strategy<Value = String> {
    let known: Vec<&str> = STRONG.iter().chain(&WEAK).copied().collect();
    let edit = (0..3_u8, any::<prop::sample::Index>(), prop::sample::select(b"$=,.+/09azAZv{}\xe4".to_vec()));
    (prop::sample::select(known), prop::collection::vec(edit, 0..4)).prop_map(|(text, edits)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (what, at, letter) in edits {
            let at = at.index(letters.len());
            match what {
                0 => letters[at] = char::from(letter),
                1 => letters.insert(at, char::from(letter)),
                _ => drop(letters.remove(at)),
            }
        }
        letters.into_iter().collect()
    })
}

proptest! {
    // THREAT-V13, THREAT-A1
    #[test]
    fn no_text_makes_the_reader_panic_and_what_is_read_is_within_its_bounds(text in mutated()) {
        if let Ok(hash) = PasswordHash::read(&text, true) {
            prop_assert!(hash.0.kind.check(&hash.0.salt).is_ok());
            prop_assert_eq!(hash.0.output.len(), hash.0.kind.output_len());
            prop_assert_eq!(hash.expose_hash(), text);
        }
    }

    // THREAT-A1
    #[test]
    fn no_bytes_make_the_reader_panic(text in ".{0,600}") {
        let _ = PasswordHash::read(&text, true);
        for prefix in ["$argon2id$", "$scrypt$", "$pbkdf2-sha256$", "$2b$", "$5$", "$apr1$", "{SHA}"] {
            let _ = PasswordHash::read(&format!("{prefix}{text}"), true);
        }
    }
}
