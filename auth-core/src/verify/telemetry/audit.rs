use crate::verify::{Principal, Rejection, RejectionKind};

/// The audit event of one refusal. `caller` is who was refused, if that is known.
///
/// What is our own trouble is a warning. That somebody came without a credential is how many clients begin, and the least of
/// the news.
pub(in crate::verify) fn denied(refusal: &Rejection, caller: Option<&Principal>) {
    macro_rules! audit {
        ($event:ident, $message:literal) => {
            tracing::$event!(
                target: "tower_auth::audit",
                code = refusal.code(),
                status = refusal.status().as_u16(),
                scheme = refusal.tried().map(|scheme| scheme.as_str()),
                "auth.issuer" = caller.and_then(Principal::issuer),
                "auth.client_id" = caller.and_then(Principal::client_id),
                "user.hash" = caller.map(Principal::subject_hash),
                reason = refusal.explain(),
                $message
            )
        };
    }
    if refusal.status().is_server_error() {
        audit!(warn, "request not authenticated");
    } else if refusal.kind() == RejectionKind::MissingCredential {
        audit!(debug, "request refused");
    } else {
        audit!(info, "request refused");
    }
}
