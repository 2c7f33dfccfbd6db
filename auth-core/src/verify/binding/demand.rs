use std::sync::Arc;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::parts::Parts;
use crate::verify::rejection::Scheme;
use crate::verify::{CertificateHeader, Verifier};

/// # Sender-constrained tokens
/// A token may say that it is bound to a key (`cnf`, RFC 7800): that of a DPoP proof (RFC 9449) or of a client certificate
/// (RFC 8705). It is accepted with a proof of that key, and refused otherwise, whatever a verifier was told. Such verdicts
/// are not remembered.
impl Verifier {
    /// A verifier like this one, which accepts tokens with DPoP proofs too. Its challenges say so beside `Bearer`, or, if they are
    /// [required](crate::DpopProofs::required), in its place.
    ///
    /// Of several verifiers put together by [`any_of`](Self::any_of), one may have proofs, which then are those of all tokens:
    /// best that one which is made of the others.
    ///
    /// ```
    /// # #[cfg(feature = "http")] {
    /// use http::HeaderMap;
    /// use tower_auth_core::jose::Algorithm;
    /// use tower_auth_core::{DpopProofs, JwtVerifier};
    ///
    /// let verifier = JwtVerifier::issuer("https://login.example.com")?
    ///     .audience("orders")
    ///     .build()?
    ///     .with_dpop(DpopProofs::new("https://api.example.com")?.algorithms([Algorithm::Es256]).required())?;
    /// let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
    /// assert_eq!(refusal.challenges(), [r#"DPoP realm="api", algs="ES256""#]);
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// Make all of a service's guards of the one verifier that comes out of this: each that is made by another `with_…` is a
    /// verifier of its own, which takes no other's verdict, and to it a proof that the first one has seen is used up.
    ///
    /// The path is that of the request as the verifier sees it. Below a router that takes a prefix off, such as axum's `nest`, put the
    /// layer around the outermost router, or the prefix into the base URL.
    ///
    /// # Errors
    /// When this verifier accepts no tokens, has proofs already, or is one of those made by [`all_of`](Self::all_of); when no
    /// algorithm is accepted, or an HMAC; when a duration or the capacity is out of its range, or the nonce secret is shorter
    /// than 32 bytes.
    #[cfg(feature = "dpop")]
    pub fn with_dpop(self, proofs: crate::DpopProofs) -> Result<Self, ConfigError> {
        self.with_binding(|parts| {
            if parts.binding.proofs.is_some() {
                return Err(invalid("this verifier checks DPoP proofs already"));
            }
            let proofs = proofs.build()?;
            Arc::make_mut(&mut parts.challenges).offer_dpop(&proofs.algorithm_names(), proofs.is_required())?;
            parts.binding.proofs = Some(Arc::new(proofs));
            Ok(())
        })
    }

    /// A verifier like this one, which takes the client's certificate from a header if a trusted proxy sent the request.
    /// Without this it is always the one of the TLS session ([`PeerCertificate`](crate::PeerCertificate)).
    ///
    /// ```
    /// # #[cfg(all(feature = "jwt", feature = "http"))] {
    /// use tower_auth_core::{CertificateHeader, JwtVerifier};
    ///
    /// let verifier = JwtVerifier::issuer("https://login.example.com")?
    ///     .audience("orders")
    ///     .build()?
    ///     .with_certificate_header(CertificateHeader::client_cert().trusted_proxy("10.1.0.0/16")?)?;
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When no proxy is trusted; when this verifier accepts no tokens, has such a header already, or is one of those made by
    /// [`all_of`](Self::all_of).
    pub fn with_certificate_header(self, header: CertificateHeader) -> Result<Self, ConfigError> {
        self.with_binding(|parts| {
            if parts.binding.certificates.is_some() {
                return Err(invalid("this verifier knows a certificate header already"));
            }
            header.check()?;
            parts.binding.certificates = Some(Arc::new(header));
            Ok(())
        })
    }

    fn with_binding(&self, change: impl FnOnce(&mut Parts) -> Result<(), ConfigError>) -> Result<Self, ConfigError> {
        let Some(mut parts) = self.single_parts().cloned() else {
            return Err(invalid("a verifier that demands several credentials has parts of its own: tell those"));
        };
        if !parts.challenges.has(Scheme::Bearer) {
            return Err(invalid("this verifier accepts no tokens, so there are none that could be bound to a key"));
        }
        change(&mut parts)?;
        Ok(Self::new(parts))
    }
}

fn invalid(what: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, what)
}
