use axum::extract::OriginalUri;
use axum::http::request::Parts;

use crate::AuthRejection;
use crate::core::{IncomingRequest, Rejection, RejectionKind, Scheme, Verified, Verifier};

/// The caller of a request; with a `scheme`, only one who was verified by such a credential.
pub(crate) async fn required(
    parts: &mut Parts,
    verifier: &Verifier,
    scheme: Option<Scheme>,
) -> Result<Verified, AuthRejection> {
    verdict(parts, verifier, scheme).await.map_err(|refusal| match scheme {
        Some(scheme) => refusal.only_scheme(scheme).into(),
        None => refusal.into(),
    })
}

/// As [`required`]; `None` when the request has nothing at the places where the verifier looks.
pub(crate) async fn optional(
    parts: &mut Parts,
    verifier: &Verifier,
    scheme: Option<Scheme>,
) -> Result<Option<Verified>, AuthRejection> {
    let has_nothing = known(parts, verifier).is_none() && !verifier.finds_anything(&parts.headers);
    if has_nothing && scheme.is_none_or(|scheme| verifier.accepts(scheme)) {
        return Ok(None);
    }
    required(parts, verifier, scheme).await.map(Some)
}

/// The verdict of this very verifier, if a layer or another extractor has asked it before.
fn known<'a>(parts: &'a Parts, verifier: &Verifier) -> Option<&'a Verified> {
    parts.extensions.get::<Verified>().filter(|verified| verifier.has_verified(verified))
}

/// Whether the verifier takes the kind of credential that the route takes at all is asked only where somebody is refused: who has such a
/// credential accepted has shown that it does.
async fn verdict(parts: &mut Parts, verifier: &Verifier, scheme: Option<Scheme>) -> Result<Verified, Rejection> {
    // A token with a proof of its key is a token all the same.
    let is_other = |own: Scheme| scheme.is_some_and(|wanted| wanted != own && !(wanted.is_token() && own.is_token()));
    if let Some(verified) = known(parts, verifier) {
        return if is_other(verified.scheme()) { Err(wrong_kind(verifier, scheme)) } else { Ok(verified.clone()) };
    }
    #[cfg(feature = "tokio")]
    crate::peer::remember_peer(&mut parts.extensions);
    let verification = match verifier.credential(incoming(parts)) {
        // Told before it is verified: no password is hashed for a route that takes none.
        Ok(credential) if is_other(credential.scheme()) && credential.is_well_formed() => {
            return Err(wrong_kind(verifier, scheme));
        }
        Ok(credential) => verifier.verify_credential(credential),
        Err(_) if scheme.is_some_and(|wanted| !verifier.accepts(wanted)) => return Err(wrong_kind(verifier, scheme)),
        // Refused once more, by the method that logs and counts.
        Err(_) => verifier.verify(incoming(parts)),
    };
    let verified = verification.await?;
    // For the extractors after this one. What a layer has put there stays.
    parts.extensions.get_or_insert_with(|| verified.clone());
    Ok(verified)
}

/// The request as its client sent it: a nested router takes a part of the path, and proofs of possession are about the whole.
fn incoming(parts: &Parts) -> IncomingRequest<'_> {
    let request = IncomingRequest::from(parts);
    match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => request.with_uri(uri),
        None => request,
    }
}

#[cold]
fn wrong_kind(verifier: &Verifier, wanted: Option<Scheme>) -> Rejection {
    match wanted.filter(|wanted| !verifier.accepts(*wanted)) {
        Some(wanted) => verifier.refusal(
            RejectionKind::Misconfigured,
            format!("the route takes {} credentials, and the verifier in its state accepts none", wanted.as_str()),
        ),
        None => verifier
            .refusal(RejectionKind::MissingCredential, "the route takes another kind of credential than the one sent"),
    }
}
