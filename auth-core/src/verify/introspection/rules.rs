use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::printable;
use crate::jose::{Claims, Confirmation, StringOrList};
use crate::oauth::IntrospectionResponse;
use crate::verify::jwt::times;
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
    /// The first of these that is there holds the scopes. Empty: `scope`, else `scp`.
    pub(super) scope_claims: Vec<String>,
    /// The member with the roles: a name, or a JSON pointer (RFC 6901).
    pub(super) roles_claim: Option<String>,
    /// The member that says whom the token is about, if not `sub`.
    pub(super) subject_claim: Option<String>,
}

/// For whom tokens must be.
#[derive(Debug)]
pub(super) enum Audience {
    OneOf { names: Box<[Box<str>]>, may_be_absent: bool },
    Any,
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
        let others = Others::read(json)?;
        let kind = others.text("token_type")?;
        check_kind(kind.as_deref(), &others)?;
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
            subject: self.subject(&claims, &others)?,
            client_id: text(&claims.client_id).or_else(|| text(&claims.azp)),
            scope: self.scope(&claims, &others)?,
            roles: self.roles(json, &others)?,
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

    fn scope(&self, claims: &Claims<'_>, others: &Others<'_>) -> Result<Option<Text>, Fault> {
        if self.scope_claims.is_empty() {
            let claim = claims.scope.as_ref().or(claims.scp.as_ref());
            return Ok(claim.map(|claim| match claim {
                StringOrList::One(text) => Text::new(text, claims.raw),
                StringOrList::Many(_) => Text::Owned(claim.iter().collect::<Vec<_>>().join(" ").into()),
            }));
        }
        for name in &self.scope_claims {
            if let Some(value) = others.0.get(name.as_str()) {
                let value = serde_json::from_str(value.get()).map_err(|_| no_texts(name))?;
                return Ok(Some(Text::Owned(texts(value, name)?.join(" ").into())));
            }
        }
        Ok(None)
    }

    fn roles(&self, json: &str, others: &Others<'_>) -> Result<Box<[Box<str>]>, Fault> {
        let Some(name) = &self.roles_claim else { return Ok(Box::default()) };
        let found = if name.starts_with('/') {
            let whole: Value = serde_json::from_str(json).map_err(|_| no_texts(name))?;
            whole.pointer(name).cloned()
        } else {
            let value = others.0.get(name.as_str());
            value.map(|value| serde_json::from_str(value.get())).transpose().map_err(|_| no_texts(name))?
        };
        let Some(value) = found else { return Ok(Box::default()) };
        Ok(texts(value, name)?.into_iter().map(String::into_boxed_str).collect())
    }

    /// By `sub`. A token without it is a client's own (RFC 9068 section 2.2), unless it has a user name: that may be taken
    /// for the subject only if somebody knows that it is as good as one.
    fn subject(&self, claims: &Claims<'_>, others: &Others<'_>) -> Result<Text, Fault> {
        let missing = |detail: String| Fault::new(RejectionKind::MissingClaim, detail);
        let found = match &self.subject_claim {
            Some(name) => others.text(name)?.map(|text| Text::Owned(text.into())),
            None => match (&claims.sub, &claims.client_id) {
                (Some(subject), _) => Some(Text::new(subject, claims.raw)),
                (None, Some(client)) if !others.has("username") => Some(Text::new(client, claims.raw)),
                (None, _) => None,
            },
        };
        match found {
            Some(subject) if !subject.of(std::str::from_utf8(claims.raw).unwrap_or_default()).is_empty() => Ok(subject),
            _ => Err(missing(match &self.subject_claim {
                Some(name) => format!("the introspection answer has no {name:?}"),
                None => "the introspection answer does not say whom the token is about (`sub`): if another member does, choose it by \
                         `subject_claim`"
                    .to_owned(),
            })),
        }
    }
}

/// An active token may also be a refresh token or an ID token, which are none to call with.
fn check_kind(kind: Option<&str>, others: &Others<'_>) -> Result<(), Fault> {
    let wrong = |detail: String| Err(Fault::new(RejectionKind::WrongType, detail));
    if let Some(kind) = kind.filter(|kind| !["bearer", "dpop"].iter().any(|known| kind.eq_ignore_ascii_case(known))) {
        return wrong(format!("the token is of the type {:?}, and we know Bearer and DPoP", printable(kind, 64)));
    }
    if let Some(used) = others.text("token_use")?.filter(|used| !["access_token", "access"].contains(&used.as_str())) {
        return wrong(format!("the token is no access token: its `token_use` is {:?}", printable(&used, 64)));
    }
    let foreign = |typ: &String| ["refresh", "offline", "id", "logout"].iter().any(|one| typ.eq_ignore_ascii_case(one));
    if let Some(typ) = others.text("typ")?.filter(foreign) {
        return wrong(format!("the token is no access token: its `typ` is {:?}", printable(&typ, 64)));
    }
    Ok(())
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

/// Members beside the registered claims, read when they are asked for.
struct Others<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Others<'a> {
    fn read(json: &'a str) -> Result<Self, Fault> {
        // The parser's own error may quote the answer.
        serde_json::from_str(json)
            .map(Self)
            .map_err(|_| malformed("the introspection answer cannot be used: it is no JSON object".to_owned()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text. A member of another type is an error, and not absent (THREAT-V6).
    fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        serde_json::from_str(value.get())
            .map(Some)
            .map_err(|_| malformed(format!("the introspection answer has a {name:?} that is no string")))
    }
}

/// A text, or a list of texts.
fn texts(value: Value, name: &str) -> Result<Vec<String>, Fault> {
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(no_texts(name)),
    };
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn no_texts(name: &str) -> Fault {
    malformed(format!("the member {:?} is neither a text nor a list of texts", printable(name, 100)))
}

fn malformed(detail: String) -> Fault {
    Fault::new(RejectionKind::Malformed, detail)
}
