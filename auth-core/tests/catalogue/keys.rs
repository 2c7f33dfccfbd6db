use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

static RSA: LazyLock<String> = LazyLock::new(|| {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let lines: Vec<String> = STANDARD
        .encode(der.as_ref())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
});

static CERTIFIED: LazyLock<(String, String)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(vec!["client.example.com".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
});

/// The value, or the key that its name stands for.
pub(crate) fn value(named: &str) -> &str {
    match named {
        "RSA_KEY" => &RSA,
        "EC_KEY" | "CERTIFICATE_KEY" => &CERTIFIED.1,
        "CERTIFICATE" => &CERTIFIED.0,
        other => other,
    }
}
