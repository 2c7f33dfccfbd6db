//! Signers against published examples and against other implementations.
#![cfg(all(feature = "sign-hmac", feature = "sign-aws"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::{Duration, SystemTime};

use http::{HeaderName, Request, Uri};
use tower_auth_core::{
    AwsSigner, Credential, HmacAlgorithm, HmacSigner, Secret, SignatureEncoding, SigningError, SigningErrorKind,
};
use tower_auth_testing::TestClock;

/// 2015-08-30 12:36:00, when the examples of AWS were signed, and the day of those of S3.
const EXAMPLES: u64 = 1_440_938_160;
const S3_EXAMPLES: u64 = 1_369_353_600;

fn at(seconds: u64) -> TestClock {
    TestClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn sign(credential: &Credential, request: &mut Request<()>, body: Option<&[u8]>) -> Result<(), SigningError> {
    let target: Uri = request.uri().clone();
    credential.sign(request, &target, body)
}

fn aws(service: &str) -> AwsSigner {
    let secret = Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    AwsSigner::new("us-east-1", service, "AKIDEXAMPLE", secret).clock(at(EXAMPLES).clock())
}

fn authorization(request: &Request<()>) -> &str {
    request.headers()["authorization"].to_str().unwrap()
}

#[test]
fn the_published_examples_of_aws_have_their_published_signatures() {
    let mut iam = Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(())
        .unwrap();
    sign(&aws("iam").build().unwrap(), &mut iam, Some(b"")).unwrap();
    assert_eq!(
        authorization(&iam),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
    assert_eq!(iam.headers()["x-amz-date"], "20150830T123600Z");
    assert!(iam.headers()["authorization"].is_sensitive());

    for (uri, signature) in [
        ("https://example.amazonaws.com/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("https://example.amazonaws.com/./x/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ] {
        let mut request = Request::get(uri).body(()).unwrap();
        sign(&aws("service").build().unwrap(), &mut request, Some(b"")).unwrap();
        assert!(authorization(&request).ends_with(signature), "{uri}: {}", authorization(&request));
    }
}

#[test]
fn the_published_example_of_s3_has_its_published_signature() {
    let secret = Secret::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let signer = AwsSigner::new("us-east-1", "s3", "AKIAIOSFODNN7EXAMPLE", secret).clock(at(S3_EXAMPLES).clock());
    let credential = signer.sign_header(HeaderName::from_static("range")).build().unwrap();
    let mut request = Request::get("https://examplebucket.s3.amazonaws.com/test.txt")
        .header("range", "bytes=0-9")
        .header("accept", "not signed")
        .body(())
        .unwrap();
    sign(&credential, &mut request, Some(b"")).unwrap();
    assert_eq!(
        authorization(&request),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn a_session_token_is_covered_and_an_unsigned_body_is_not_needed() {
    let signed = |signer: AwsSigner, body: Option<&[u8]>| {
        let mut request = Request::post("https://api.test:8443/a%20b").body(()).unwrap();
        sign(&signer.build().unwrap(), &mut request, body).map(|()| request)
    };
    let request = signed(aws("service").session_token("sentinel"), Some(b"x")).unwrap();
    assert!(authorization(&request).contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
    assert!(request.headers()["x-amz-security-token"].is_sensitive());
    assert!(!format!("{request:?}").contains("sentinel"));

    assert_eq!(signed(aws("s3"), None).unwrap_err().kind(), SigningErrorKind::Body);
    let request = signed(aws("s3").unsigned_payload(), None).unwrap();
    assert_eq!(request.headers()["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
    let one = authorization(&signed(aws("service"), Some(b"x")).unwrap()).to_owned();
    assert_ne!(one, authorization(&signed(aws("service"), Some(b"y")).unwrap()));
    assert!(AwsSigner::new("", "s3", "id", "secret").build().is_err());
    assert!(AwsSigner::new("us-east-1", "s3", "id", "").build().is_err());
    assert!(!format!("{:?}", aws("s3")).contains("wJalr"));
}

#[test]
fn an_hmac_is_that_of_the_text_which_the_template_makes() {
    // The last line is the SHA-256 of "body".
    let text =
        "1440938160\nPOST\n/a/b\nx=y\nhost.test:8443\n230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
    let expected = |secret: &str, text: &str| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let template = "{timestamp}\n{method}\n{path}\n{query}\n{host}\n{body_hash}";
    let credential = HmacSigner::new("s3cret", template)
        .header(HeaderName::from_static("x-sign"), "v1={signature}!")
        .timestamp_header(HeaderName::from_static("x-time"))
        .clock(at(EXAMPLES).clock())
        .build()
        .unwrap();
    assert!(credential.needs_body());
    let mut request = Request::post("https://host.test:8443/a/b?x=y").body(()).unwrap();
    sign(&credential, &mut request, Some(b"body")).unwrap();
    assert_eq!(request.headers()["x-time"], "1440938160");
    assert_eq!(request.headers()["x-sign"], format!("v1={}!", expected("s3cret", text)));
    assert!(request.headers()["x-sign"].is_sensitive());
    assert_eq!(sign(&credential, &mut request, None).unwrap_err().kind(), SigningErrorKind::Body);
}

#[test]
fn the_hmacs_of_rfc_4231_come_out() {
    // Test case 2: key "Jefe", data "what do ya want for nothing?".
    for (algorithm, encoding, expected) in [
        (
            HmacAlgorithm::Sha256,
            SignatureEncoding::Hex,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (HmacAlgorithm::Sha256, SignatureEncoding::Base64, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
        (
            HmacAlgorithm::Sha512,
            SignatureEncoding::Hex,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ] {
        let signer = HmacSigner::new("Jefe", "{body}").algorithm(algorithm).encoding(encoding);
        let mut request = Request::post("https://a.test/").body(()).unwrap();
        sign(&signer.build().unwrap(), &mut request, Some(b"what do ya want for nothing?")).unwrap();
        assert_eq!(request.headers()["x-signature"], expected);
    }
}

#[test]
fn faulty_templates_are_found_at_construction() {
    for template in ["", "fixed", "{method", "{Method}", "{}", "{method}{body_hash"] {
        assert!(HmacSigner::new("s", template).build().is_err(), "{template:?}");
    }
    assert!(HmacSigner::new("", "{method}").build().is_err());
    assert!(HmacSigner::new("s", "{timestamp}").build().unwrap_err().to_string().contains("timestamp_header"));
    for value in ["none", "{signature}{signature}", "{signature}\n"] {
        let signer = HmacSigner::new("s", "{method}").header(HeaderName::from_static("x-sign"), value);
        assert!(signer.build().is_err(), "{value:?}");
    }
    assert!(!HmacSigner::new("s", "{method}").build().unwrap().needs_body());
}
