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
    let outcome = match scheme.filter(|scheme| !verifier.accepts(*scheme)) {
        Some(scheme) => Err(never_accepted(verifier, scheme)),
        None => verdict(parts, verifier, scheme).await,
    };
    outcome.map_err(|refusal| match scheme {
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
    let mistaken = scheme.is_some_and(|scheme| !verifier.accepts(scheme));
    if !mistaken && known(parts, verifier).is_none() && !verifier.finds_anything(&parts.headers) {
        return Ok(None);
    }
    required(parts, verifier, scheme).await.map(Some)
}

/// The verdict of this very verifier, if a layer or another extractor has asked it before.
fn known<'a>(parts: &'a Parts, verifier: &Verifier) -> Option<&'a Verified> {
    parts.extensions.get::<Verified>().filter(|verified| verifier.has_verified(verified))
}

async fn verdict(parts: &mut Parts, verifier: &Verifier, scheme: Option<Scheme>) -> Result<Verified, Rejection> {
    // A token with a proof of its key is a token all the same.
    let is_other = |own: Scheme| scheme.is_some_and(|wanted| wanted != own && !(wanted.is_token() && own.is_token()));
    if let Some(verified) = known(parts, verifier) {
        return if is_other(verified.scheme()) { Err(another_kind(verifier)) } else { Ok(verified.clone()) };
    }
    #[cfg(feature = "tokio")]
    crate::peer::remember_peer(&mut parts.extensions);
    let verification = match verifier.credential(incoming(parts)) {
        // Told before it is verified: no password is hashed for a route that takes none.
        Ok(credential) if is_other(credential.scheme()) => return Err(another_kind(verifier)),
        Ok(credential) => verifier.verify_credential(credential),
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
fn another_kind(verifier: &Verifier) -> Rejection {
    verifier.refusal(RejectionKind::MissingCredential, "the route takes another kind of credential than the one sent")
}

#[cold]
fn never_accepted(verifier: &Verifier, scheme: Scheme) -> Rejection {
    let scheme = scheme.as_str();
    verifier.refusal(
        RejectionKind::Misconfigured,
        format!("the route takes {scheme} credentials, and the verifier in its state accepts none"),
    )
}
