use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::error::{ConfigError, printable};
use crate::jose::{Claims, Confirmation};
use crate::oauth::IntrospectionResponse;
use crate::verify::claim::{Picked, Place, Places};
use crate::verify::jwt::{Rights, times};
use crate::verify::principal::{Method, Principal};
use crate::verify::rejection::{Fault, RejectionKind, Scheme};
use crate::verify::span::Text;

/// What an active token must say beside that.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) audience: Audience,
    /// Whose tokens the endpoint knows.
    pub(super) issuer: Option<Box<str>>,
    pub(super) leeway: Duration,
    pub(super) rights: Rights,
    pub(super) members: Members,
    /// All members that anybody looks at, beside the registered claims.
    pub(super) places: Places,
}

/// Members that tell what kind of token it is, and of whom.
#[derive(Debug)]
pub(super) struct Members {
    token_type: Place,
    token_use: Place,
    typ: Place,
    username: Place,
}

/// For whom tokens must be.
#[derive(Debug)]
pub(super) enum Audience {
    OneOf { names: Box<[Box<str>]>, may_be_absent: bool },
    Any,
}

impl Members {
    pub(super) fn new(places: &mut Places) -> Result<Self, ConfigError> {
        Ok(Self {
            token_type: places.add("token_type")?,
            token_use: places.add("token_use")?,
            typ: places.add("typ")?,
            username: places.add("username")?,
        })
    }
}

impl Rules {
    /// Who calls, by an answer of the endpoint; the order of the rules is documented at
    /// [`IntrospectionVerifier`](super::IntrospectionVerifier).
    pub(super) fn judge(&self, answer: &IntrospectionResponse, now: SystemTime) -> Result<Principal, Fault> {
        if !answer.is_active() {
            return Err(Fault::new(
                RejectionKind::Inactive,
                "the authorization server says that the token is not active: it has expired, was revoked, or is not one of its own",
            ));
        }
        let json = answer.json();
        let claims = Claims::parse(json.as_bytes())
            .map_err(|error| malformed(format!("the introspection answer cannot be used: {error}")))?;
        let picked = self.places.pick(claims.raw);
        let kind = text_at(&self.members.token_type, &picked)?;
        self.check_kind(kind.as_deref(), &picked)?;
        self.check_issuer(&claims)?;
        self.check_audience(&claims)?;
        if claims.exp.is_some() {
            times::check(&claims, now, self.leeway)?;
        } else {
            times::check_begun(&claims, now, self.leeway)?;
        }
        let bound = claims.cnf.as_ref();
        check_binding(bound, kind.as_deref())?;
        let whole = claims.raw;
        let text = |claim: &Option<Cow<'_, str>>| claim.as_ref().map(|claim| Text::new(claim, whole));
        Ok(Principal {
            method: Method::Introspection,
            issuer: text(&claims.iss).or_else(|| self.issuer.clone().map(Text::Owned)),
            subject: self.subject(&claims, &picked)?,
            client_id: self.rights.client(&claims, &picked)?,
            scope: self.rights.scope(&claims, &picked)?,
            roles: self.rights.roles.read(&picked)?,
            expires_at: claims.exp.map(|exp| exp.to_system_time()),
            jkt: bound.and_then(|cnf| text(&cnf.jkt)),
            x5t_s256: bound.and_then(|cnf| text(&cnf.x5t_s256)),
            scheme: Scheme::Bearer,
            claims: json.to_owned(),
        })
    }

    fn check_issuer(&self, claims: &Claims<'_>) -> Result<(), Fault> {
        match (&self.issuer, &claims.iss) {
            (Some(own), Some(issuer)) if **own != **issuer => Err(Fault::new(
                RejectionKind::UnknownIssuer,
                format!("the token is of the issuer {:?}, and the endpoint's is {own:?}", printable(issuer, 200)),
            )),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), Fault> {
        let Audience::OneOf { names, may_be_absent } = &self.audience else { return Ok(()) };
        let wrong = |detail: String| Err(Fault::new(RejectionKind::WrongAudience, detail));
        match &claims.aud {
            Some(aud) if names.iter().any(|own| aud.contains(own)) => Ok(()),
            Some(aud) => {
                let shown: Vec<_> = aud.iter().take(4).map(|one| printable(one, 100)).collect();
                wrong(format!("the token is for {shown:?}, and we are {names:?}"))
            }
            None if *may_be_absent => Ok(()),
            None => wrong(
                "the introspection answer does not say for whom the token is (`aud`): if this server never does, and answers us only \
                 about tokens that are for us, choose `allow_missing_audience`"
                    .to_owned(),
            ),
        }
    }

    /// An active token may also be a refresh token or an ID token, which are none to call with.
    fn check_kind(&self, kind: Option<&str>, picked: &Picked<'_>) -> Result<(), Fault> {
        let wrong = |detail: String| Err(Fault::new(RejectionKind::WrongType, detail));
        if let Some(kind) = kind.filter(|kind| !is_one_of(kind, &["bearer", "dpop"])) {
            return wrong(format!("the token is of the type {:?}, and we know Bearer and DPoP", printable(kind, 64)));
        }
        let used = text_at(&self.members.token_use, picked)?;
        if let Some(used) = used.filter(|used| !["access_token", "access"].contains(&&**used)) {
            return wrong(format!("the token is no access token: its `token_use` is {:?}", printable(&used, 64)));
        }
        let typ = text_at(&self.members.typ, picked)?;
        if let Some(typ) = typ.filter(|typ| is_one_of(typ, &["refresh", "offline", "id", "logout"])) {
            return wrong(format!("the token is no access token: its `typ` is {:?}", printable(&typ, 64)));
        }
        Ok(())
    }

    /// By `sub`. A token without it is a client's own (RFC 9068 section 2.2), unless it has a user name: that may be taken
    /// for the subject only if somebody knows that it is as good as one.
    fn subject(&self, claims: &Claims<'_>, picked: &Picked<'_>) -> Result<Text, Fault> {
        if self.rights.subject.is_some() || claims.sub.is_some() {
            return self.rights.subject(claims, picked);
        }
        let client = claims.client_id.as_ref().filter(|client| !client.is_empty());
        match client.filter(|_| picked.get(&self.members.username).is_none()) {
            Some(client) => Ok(Text::new(client, claims.raw)),
            None => Err(Fault::new(
                RejectionKind::MissingClaim,
                "the introspection answer does not say whom the token is about (`sub`): if another member does, choose it by \
                 `subject_claims`",
            )),
        }
    }
}

/// A binding must be one that we can see to, and there if the token's type says so.
fn check_binding(bound: Option<&Confirmation<'_>>, kind: Option<&str>) -> Result<(), Fault> {
    if bound.is_some_and(|cnf| cnf.has_unknown || (cnf.jkt.is_none() && cnf.x5t_s256.is_none())) {
        return Err(Fault::new(
            RejectionKind::BoundToken,
            "the token is bound to something that is not understood here (`cnf`)",
        ));
    }
    let names_key = bound.is_some_and(|cnf| cnf.jkt.is_some());
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")) && !names_key {
        return Err(malformed(
            "the token is a DPoP token, and the answer does not say of which key (`cnf`)".to_owned(),
        ));
    }
    Ok(())
}

/// A text. A member of another type is an error, and not absent (THREAT-V6).
fn text_at<'a>(place: &Place, picked: &Picked<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(member) = picked.get(place) else { return Ok(None) };
    let wrong = || malformed(format!("the introspection answer has a `{}` that is no text", place.as_str()));
    member.as_text().map(Some).ok_or_else(wrong)
}

fn is_one_of(text: &str, known: &[&str]) -> bool {
    known.iter().any(|known| text.eq_ignore_ascii_case(known))
}

fn malformed(detail: String) -> Fault {
    Fault::new(RejectionKind::Malformed, detail)
}
