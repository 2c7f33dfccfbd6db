use super::roles::RoleRules;
use crate::error::printable;
use crate::jose::{Claims, StringOrList};
use crate::verify::claim::{Claim, Picked, Place};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::span::Text;

/// Which claims say who a caller is and what it may do.
#[derive(Debug, Default)]
pub(in crate::verify) struct Rights {
    /// The first of these that is there is the subject. `None`: `sub`.
    pub(in crate::verify) subject: Option<Vec<Place>>,
    /// The first of these that is there is the client. `None`: `client_id`, else `azp`.
    pub(in crate::verify) client: Option<Vec<Place>>,
    /// The first of these that is there holds the scopes. `None`: `scope`, else `scp`.
    pub(in crate::verify) scopes: Option<Vec<Place>>,
    pub(in crate::verify) roles: RoleRules,
}

impl Rights {
    pub(in crate::verify) fn subject(&self, claims: &Claims<'_>, picked: &Picked<'_>) -> Result<Text, Fault> {
        let text = match &self.subject {
            None => claims.sub.as_ref().filter(|sub| !sub.is_empty()).map(|sub| Text::new(sub, claims.raw)),
            Some(places) => first_text(places, claims, picked)?,
        };
        text.ok_or_else(|| {
            let names: Vec<_> = self.subject.iter().flatten().map(Place::as_str).collect();
            let names = if names.is_empty() { "sub".to_owned() } else { names.join("` or `") };
            Fault::new(RejectionKind::MissingClaim, format!("the token has no `{names}`"))
        })
    }

    pub(in crate::verify) fn client(&self, claims: &Claims<'_>, picked: &Picked<'_>) -> Result<Option<Text>, Fault> {
        let Some(places) = &self.client else {
            let claim = claims.client_id.as_ref().or(claims.azp.as_ref());
            return Ok(claim.map(|claim| Text::new(claim, claims.raw)));
        };
        first_text(places, claims, picked)
    }

    pub(in crate::verify) fn scope(&self, claims: &Claims<'_>, picked: &Picked<'_>) -> Result<Option<Text>, Fault> {
        let Some(places) = &self.scopes else {
            let claim = claims.scope.as_ref().or(claims.scp.as_ref());
            return Ok(claim.map(|claim| match claim {
                StringOrList::One(text) => Text::new(text, claims.raw),
                StringOrList::Many(texts) => joined(texts.iter().map(|text| &**text), claims.raw),
            }));
        };
        let Some((place, claim)) = first(places, picked) else { return Ok(None) };
        let texts = claim.texts().ok_or_else(|| no_texts(place))?;
        Ok(Some(joined(texts.iter().map(|text| &**text), claims.raw)))
    }
}

/// One text stays where it is; several become one.
fn joined<'a>(mut texts: impl ExactSizeIterator<Item = &'a str>, whole: &[u8]) -> Text {
    match (texts.len(), texts.next()) {
        (1, Some(one)) => Text::new(one, whole),
        (_, Some(first)) => Text::Owned(texts.fold(first.to_owned(), |text, next| text + " " + next).into()),
        (_, None) => Text::Owned("".into()),
    }
}

/// The first of the claims that is there, as a text that is not empty.
fn first_text(places: &[Place], claims: &Claims<'_>, picked: &Picked<'_>) -> Result<Option<Text>, Fault> {
    let Some((place, claim)) = first(places, picked) else { return Ok(None) };
    let text = claim.as_text().ok_or_else(|| {
        let name = printable(place.as_str(), 100);
        Fault::new(RejectionKind::Malformed, format!("the claim `{name}` is no text"))
    })?;
    Ok((!text.is_empty()).then(|| Text::new(&text, claims.raw)))
}

fn first<'p, 'a>(places: &'p [Place], picked: &Picked<'a>) -> Option<(&'p Place, Claim<'a>)> {
    places.iter().find_map(|place| picked.get(place).map(|claim| (place, claim)))
}

#[cold]
pub(super) fn no_texts(place: &Place) -> Fault {
    let name = printable(place.as_str(), 100);
    Fault::new(RejectionKind::Malformed, format!("the claim `{name}` is neither a text nor a list of texts"))
}
