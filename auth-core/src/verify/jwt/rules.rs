use super::Profile;
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::jose::{Claims, Header, Marker};
use crate::verify::claim::{Claim, Picked, Place, Places};
use crate::verify::preset::{ABSENT, Is, Known, Preset, Tells, Texts};
use crate::verify::rejection::{Fault, RejectionKind};

/// Which JWTs of an issuer are access tokens for us.
#[derive(Debug)]
pub(super) struct Rules {
    kind: Kind,
    /// Of each of these groups one claim must be there.
    demanded: Vec<Vec<Place>>,
    wanted: Vec<Wanted>,
    /// The claim that says whom a token is for is the first of these that is there. Empty: `aud`.
    audience: Vec<Place>,
    /// Whether the subject is looked for elsewhere than in `sub`.
    subject_elsewhere: bool,
    /// What to do about tokens that do not fit a profile, if the issuer is recognized by its URL.
    hint: Option<Box<str>>,
}

#[derive(Debug)]
enum Kind {
    Profile(Profile),
    Preset { preset: Preset, types: &'static [&'static str], foreign: &'static [Marker] },
}

/// A claim that must have one of some values.
#[derive(Debug)]
struct Wanted {
    place: Place,
    values: Vec<Value>,
    tells: Tells,
    by_hand: bool,
}

#[derive(Debug)]
enum Value {
    Text(Box<str>),
    Begins(Box<str>),
    True,
}

impl Rules {
    /// The rules of a profile, for the issuer at `issuer`.
    pub(super) fn profile(profile: Profile, subject_elsewhere: bool, issuer: &str) -> Self {
        let hint = Preset::recognize(issuer)
            .map(|preset| format!("by its URL it is {}, so choose the preset {preset}", preset.facts().title));
        Self {
            kind: Kind::Profile(profile),
            demanded: Vec::new(),
            wanted: Vec::new(),
            audience: Vec::new(),
            subject_elsewhere,
            hint: hint.map(Into::into),
        }
    }

    /// The rules of a preset, for an issuer of which this is known.
    pub(super) fn preset(preset: Preset, known: &Known, places: &mut Places) -> Result<Self, ConfigError> {
        let facts = preset.facts();
        let mut rules = Self {
            kind: Kind::Preset { preset, types: facts.types, foreign: facts.foreign },
            demanded: Vec::with_capacity(facts.demanded.len()),
            wanted: Vec::new(),
            audience: Vec::new(),
            subject_elsewhere: true,
            hint: None,
        };
        for group in facts.demanded {
            rules.demanded.push(group.iter().map(|name| places.add(name)).collect::<Result<_, _>>()?);
        }
        if facts.audience != ["aud"] {
            rules.audience = facts.audience.iter().map(|name| places.add(name)).collect::<Result<_, _>>()?;
        }
        for check in facts.checks {
            let (text, value): (&str, fn(Box<str>) -> Value) = match check.is {
                Is::Text(text) => (text, Value::Text),
                Is::Begins(text) => (text, Value::Begins),
                Is::True => ("", |_| Value::True),
            };
            match known.texts(text, str::to_owned) {
                Texts::Known(texts) => {
                    for text in texts {
                        rules.want(places, check.claim, value(text.into()), check.tells, false)?;
                    }
                }
                Texts::Free if known.must_know(text) => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::MissingOption,
                        format!(
                            "the issuer's URL does not tell what the claim `{}` must be: give the parameter of {text}",
                            check.claim
                        ),
                    ));
                }
                Texts::Free => {}
            }
        }
        Ok(rules)
    }

    /// Demands that the claim at `place` is `value`, or another value that was demanded of it.
    pub(super) fn require(&mut self, places: &mut Places, place: &str, value: &str) -> Result<(), ConfigError> {
        self.want(places, place, Value::Text(value.into()), Tells::Caller, true)
    }

    /// Several values of one claim are alternatives, but those that were demanded by hand are no alternative to those of a preset.
    fn want(
        &mut self,
        places: &mut Places,
        place: &str,
        value: Value,
        tells: Tells,
        by_hand: bool,
    ) -> Result<(), ConfigError> {
        let same = |one: &&mut Wanted| one.place.as_str() == place && one.tells == tells && one.by_hand == by_hand;
        match self.wanted.iter_mut().find(same) {
            Some(wanted) => wanted.values.push(value),
            None => self.wanted.push(Wanted { place: places.add(place)?, values: vec![value], tells, by_hand }),
        }
        Ok(())
    }

    /// Checks what kind of token it is.
    pub(super) fn check_kind(
        &self,
        header: &Header<'_>,
        claims: &Claims<'_>,
        picked: &Picked<'_>,
        issuer: &str,
    ) -> Result<(), Fault> {
        match &self.kind {
            Kind::Profile(profile) => profile.check_kind(header, claims, issuer, self.hint.as_deref())?,
            Kind::Preset { preset, types, foreign } => {
                let fits = if header.typ.is_some() {
                    types.iter().any(|typ| *typ != ABSENT && header.typ_is(typ))
                } else {
                    types.contains(&ABSENT)
                };
                if !fits {
                    return Err(wrong_type(format!(
                        "the token's `typ` is none that access tokens of the preset {preset} have"
                    )));
                }
                if let Some(marker) = foreign.iter().find(|marker| claims.has(**marker)) {
                    return Err(wrong_type(format!(
                        "the token has the claim `{}`, which no access token has",
                        marker.name()
                    )));
                }
            }
        }
        self.check_wanted(picked, |tells| tells == Tells::Kind)
    }

    /// Checks that the token is for one of `own`.
    pub(super) fn check_audience(
        &self,
        claims: &Claims<'_>,
        picked: &Picked<'_>,
        own: &[Box<str>],
        issuer: &str,
    ) -> Result<(), Fault> {
        if self.audience.is_empty() {
            return match &claims.aud {
                Some(aud) if own.iter().any(|own| aud.contains(own)) => Ok(()),
                Some(aud) => Err(wrong_audience(aud.iter().take(4), own, issuer)),
                None => Err(no_audience(issuer, self.hint.as_deref())),
            };
        }
        let Some(claim) = self.audience.iter().find_map(|place| picked.get(place)) else {
            return Err(no_audience(issuer, self.hint.as_deref()));
        };
        if own.iter().any(|own| claim.has(own)) {
            return Ok(());
        }
        let texts = claim.texts().unwrap_or_default();
        Err(wrong_audience(texts.iter().take(4).map(|text| &**text), own, issuer))
    }

    /// Checks that what is demanded is there, and is what is wanted. Issuer, audience, subject and expiry are demanded by all and
    /// checked elsewhere.
    pub(super) fn check_claims(&self, claims: &Claims<'_>, picked: &Picked<'_>) -> Result<(), Fault> {
        if let Kind::Profile(profile) = self.kind {
            profile.check_claims(claims, self.subject_elsewhere)?;
        }
        for group in &self.demanded {
            if !group.iter().any(|place| picked.get(place).is_some_and(is_said)) {
                let names: Vec<_> = group.iter().map(|place| format!("`{}`", place.as_str())).collect();
                return Err(Fault::new(
                    RejectionKind::MissingClaim,
                    format!("the token has no {}, which access tokens of this issuer have", names.join(" or ")),
                ));
            }
        }
        self.check_wanted(picked, |tells| tells != Tells::Kind)
    }

    fn check_wanted(&self, picked: &Picked<'_>, which: impl Fn(Tells) -> bool) -> Result<(), Fault> {
        for wanted in self.wanted.iter().filter(|one| which(one.tells)) {
            let claim = picked.get(&wanted.place);
            if !claim.is_some_and(|claim| wanted.values.iter().any(|value| value.is(claim))) {
                return Err(wanted.fault(claim));
            }
        }
        Ok(())
    }
}

impl Value {
    fn is(&self, claim: Claim<'_>) -> bool {
        match self {
            Self::Text(text) => claim.is(text),
            Self::Begins(start) => {
                claim.as_text().is_some_and(|text| text.len() > start.len() && text.starts_with(&**start))
            }
            Self::True => claim.as_bool() == Some(true),
        }
    }
}

impl Wanted {
    #[cold]
    fn fault(&self, claim: Option<Claim<'_>>) -> Fault {
        let kind = match self.tells {
            Tells::Kind => RejectionKind::WrongType,
            Tells::Issuer => RejectionKind::UnknownIssuer,
            Tells::Caller => RejectionKind::MissingClaim,
        };
        let name = printable(self.place.as_str(), 100);
        let found = match claim.map(|claim| claim.as_text()) {
            None => "is not there".to_owned(),
            Some(Some(text)) => format!("is {:?}", printable(&text, 100)),
            Some(None) => "is no text".to_owned(),
        };
        let values: Vec<_> = self.values.iter().take(4).map(Value::shown).collect();
        Fault::new(kind, format!("the claim `{name}` {found} and must be {}", values.join(" or ")))
    }
}

impl Value {
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Begins(start) => format!("{start:?} and more"),
            Self::True => "true".to_owned(),
        }
    }
}

/// Checks that who acts for the subject is said by an object (RFC 8693 section 4.1): of another form it would be overlooked.
pub(super) fn check_actor(claims: &Claims<'_>) -> Result<(), Fault> {
    if !claims.has(Marker::Act) {
        return Ok(());
    }
    let act = std::str::from_utf8(claims.raw).ok().and_then(|json| Claim::new(json).get(Marker::Act.name()));
    if act.is_some_and(Claim::is_object) {
        return Ok(());
    }
    Err(Fault::new(RejectionKind::Malformed, "the claim `act` is no object"))
}

/// Whether a claim that is there says anything.
fn is_said(claim: Claim<'_>) -> bool {
    !claim.is_null() && claim.as_json() != r#""""#
}

#[cold]
fn wrong_type(detail: String) -> Fault {
    Fault::new(RejectionKind::WrongType, detail)
}

#[cold]
fn wrong_audience<'a>(found: impl Iterator<Item = &'a str>, own: &[Box<str>], issuer: &str) -> Fault {
    let shown: Vec<_> = found.map(|one| printable(one, 100)).collect();
    let detail = format!("the token is for {shown:?}, and we are {own:?} (issuer {issuer})");
    Fault::new(RejectionKind::WrongAudience, detail)
}

#[cold]
fn no_audience(issuer: &str, hint: Option<&str>) -> Fault {
    let detail = match hint {
        None => format!("the token has no `aud` (issuer {issuer})"),
        Some(hint) => format!("the token has no `aud` (issuer {issuer}: {hint})"),
    };
    Fault::new(RejectionKind::WrongAudience, detail)
}
