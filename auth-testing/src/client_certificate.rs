use std::fmt;

use rcgen::{Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use tower_auth_core::Secret;

use crate::certificate::thumbprint;
use crate::subject::subject;

/// A certificate for a client, with its key: of an authority ([`TestCa::client_certificate`](crate::TestCa::client_certificate)), or of its own making.
///
/// ```
/// use tower_auth_testing::{TestCa, TestCertificate, TestClient};
///
/// let (signed, own) = (TestCa::new().client_certificate("orders"), TestCertificate::self_signed("orders"));
/// let by_subject = TestClient::without_secret("orders").tls_client_auth(signed.subject());
/// let by_thumbprint = TestClient::without_secret("billing").self_signed_tls_client_auth(own.thumbprint());
/// assert_eq!(signed.subject(), "CN=orders");
/// ```
pub struct TestCertificate {
    certificate: Certificate,
    key: Secret,
}

impl TestCertificate {
    /// A certificate with the subject `CN=common_name`, signed by its own key.
    ///
    /// # Panics
    /// If the cryptographic library fails, which a working system does not show.
    #[must_use]
    pub fn self_signed(common_name: &str) -> Self {
        Self::new(common_name, |params, key| params.self_signed(key))
    }

    pub(crate) fn new(
        common_name: &str,
        sign: impl FnOnce(&CertificateParams, &KeyPair) -> Result<Certificate, rcgen::Error>,
    ) -> Self {
        let key = KeyPair::generate().expect("a working library makes keys");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = sign(&params, &key).expect("a working library signs");
        Self { certificate, key: Secret::from(key.serialize_pem()) }
    }

    /// The certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// Its key, PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> Secret {
        self.key.clone()
    }

    /// Its subject (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> String {
        subject(self.der()).unwrap_or_default()
    }

    /// Its SHA-256 thumbprint, base64url, as it stands in `cnf` (RFC 8705 section 3.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint(self.der())
    }
}

impl fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCertificate").field("subject", &self.subject()).finish_non_exhaustive()
    }
}
