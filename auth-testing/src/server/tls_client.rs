use std::sync::Arc;

use super::TestClient;
use super::answer::Refusal;
use super::auth_method::AuthMethod;
use super::received::Received;
use super::shared::Shared;
use crate::certificate::PeerCertificate;

impl Shared {
    /// The client `id`, if the certificate of the connection is the one that it is known by (RFC 8705 section 2).
    pub(super) fn by_certificate(&self, request: &Received, id: &str) -> Option<Result<Arc<TestClient>, Refusal>> {
        let client = self.client(id)?;
        let (by_subject, by_thumbprint) =
            (client.may_use(AuthMethod::TlsSubject), client.may_use(AuthMethod::TlsSelfSigned));
        if !by_subject && !by_thumbprint {
            return None;
        }
        let failed = |why: &str| Some(Err(Refusal::invalid_client(why, false)));
        let Some(shown) = PeerCertificate::of(&request.head.extensions) else {
            return failed("the connection has no client certificate");
        };
        let is_subject =
            by_subject && shown.is_trusted && shown.subject.is_some() && shown.subject == client.tls_subject;
        let is_own = by_thumbprint && client.tls_thumbprints.contains(&shown.thumbprint());
        if is_subject || is_own { Some(Ok(client)) } else { failed("the certificate is another's") }
    }
}
