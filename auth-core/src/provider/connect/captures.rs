use super::answer::Answer;
use crate::provider::filled::FilledProvider;
use crate::provider::model::Capture;
use crate::{Secret, TokenError, TokenErrorKind};

/// The values that `captures` keep of an answer, if they fit the fields that they fill.
///
/// # Security
/// Such a value may become a part of the API's address, and so decide who gets the credential: what the description says about it
/// holds for the provider's own answers too.
pub(super) fn keep(
    filled: &FilledProvider,
    answer: &Answer,
    captures: &[Capture],
) -> Result<Vec<(String, Secret)>, TokenError> {
    let mut kept = Vec::new();
    for capture in captures {
        match answer.first_text(std::slice::from_ref(&capture.source)) {
            Some(value) => kept.push((capture.name.clone(), checked(filled, &capture.name, value)?)),
            None if capture.required => {
                let (who, name) = (filled.spec().display_name(), &capture.name);
                let message = format!("{who} answered without {name:?}, which its description needs");
                return Err(TokenError::new(TokenErrorKind::Unparsable, message));
            }
            None => {}
        }
    }
    Ok(kept)
}

/// `value`, if the field `name` may have it.
pub(super) fn checked(filled: &FilledProvider, name: &str, value: Secret) -> Result<Secret, TokenError> {
    let Some(field) = filled.method().field(name) else { return Ok(value) };
    match field.check(value.expose_secret()) {
        Ok(_) => Ok(value),
        Err(error) => {
            let who = filled.spec().display_name();
            let message = format!("{who} sent a value for {name:?} that its description does not allow");
            Err(TokenError::new(TokenErrorKind::Unparsable, message).with_source(error))
        }
    }
}
