use std::borrow::Cow;

use crate::jose::{Claims, StringOrList, string_or_list};
use crate::verify::principal::{Method, Principal};
use crate::verify::rejection::{Fault, RejectionKind, Scheme};
use crate::verify::span::Text;

/// Which claims say what a caller may do.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    /// The first of these that is there holds the scopes. Empty: `scope`, else `scp`.
    pub(super) scope_claims: Vec<String>,
    /// The claim with the roles: a name, or a JSON pointer (RFC 6901).
    pub(super) roles_claim: Option<String>,
}

/// What is known of the caller, taken from verified claims; the texts are ranges of the payload.
pub(super) struct Caller {
    /// Where the payload starts in memory, to find it again in the buffer that it was decoded into.
    payload_at: usize,
    payload_len: usize,
    /// Without its claims.
    principal: Principal,
}

impl Caller {
    pub(super) fn new(claims: &Claims<'_>, rights: &Rights) -> Result<Self, Fault> {
        let whole = claims.raw;
        let text = |claim: &Option<Cow<'_, str>>| claim.as_ref().map(|claim| Text::new(claim, whole));
        let principal = Principal {
            method: Method::Jwt,
            claims: String::new(),
            issuer: text(&claims.iss),
            subject: text(&claims.sub)
                .ok_or_else(|| Fault::new(RejectionKind::MissingClaim, "the token has no `sub`"))?,
            client_id: text(&claims.client_id).or_else(|| text(&claims.azp)),
            scope: rights.scope(claims)?,
            roles: rights.roles(claims)?,
            expires_at: claims.exp.map(|exp| exp.to_system_time()),
            jkt: claims.cnf.as_ref().and_then(|cnf| text(&cnf.jkt)),
            x5t_s256: claims.cnf.as_ref().and_then(|cnf| text(&cnf.x5t_s256)),
            scheme: Scheme::Bearer,
        };
        Ok(Self { payload_at: whole.as_ptr().addr(), payload_len: whole.len(), principal })
    }

    /// The principal, which keeps of `buffer` only the claims: neither header nor signature.
    pub(super) fn into_principal(self, mut buffer: Vec<u8>) -> Option<Principal> {
        let start = self.payload_at.checked_sub(buffer.as_ptr().addr())?;
        buffer.truncate(start.checked_add(self.payload_len)?);
        if start > buffer.len() {
            return None;
        }
        buffer.drain(..start);
        Some(Principal { claims: String::from_utf8(buffer).ok()?, ..self.principal })
    }
}

impl Rights {
    fn scope(&self, claims: &Claims<'_>) -> Result<Option<Text>, Fault> {
        if self.scope_claims.is_empty() {
            let claim = claims.scope.as_ref().or(claims.scp.as_ref());
            return Ok(claim.map(|claim| scope_text(claim, claims.raw)));
        }
        for name in &self.scope_claims {
            let claim = string_or_list(claims.raw, name)
                .map_err(|_| malformed(format!("the claim {name:?} is neither a string nor a list of strings")))?;
            if let Some(claim) = claim {
                return Ok(Some(scope_text(&claim, claims.raw)));
            }
        }
        Ok(None)
    }

    fn roles(&self, claims: &Claims<'_>) -> Result<Box<[Box<str>]>, Fault> {
        use serde_json::Value;

        let Some(name) = &self.roles_claim else { return Ok(Box::default()) };
        let wrong = || malformed(format!("the claim {name:?} is neither a string nor a list of strings"));
        let whole: Value = serde_json::from_slice(claims.raw).map_err(|_| wrong())?;
        match if name.starts_with('/') { whole.pointer(name) } else { whole.get(name) } {
            None => Ok(Box::default()),
            Some(Value::String(role)) => Ok(Box::new([role.as_str().into()])),
            Some(Value::Array(roles)) => {
                roles.iter().map(|role| role.as_str().map(Box::from).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }
}

fn scope_text(claim: &StringOrList<'_>, whole: &[u8]) -> Text {
    match claim {
        StringOrList::One(text) => Text::new(text, whole),
        StringOrList::Many(texts) => match texts.as_slice() {
            [one] => Text::new(one, whole),
            _ => Text::Owned(claim.iter().collect::<Vec<_>>().join(" ").into()),
        },
    }
}

fn malformed(detail: String) -> Fault {
    Fault::new(RejectionKind::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::span::position;

    fn principal(json: &str, rights: &Rights) -> Result<Principal, RejectionKind> {
        let buffer = format!("header{json}signature").into_bytes();
        let payload = &buffer[6..6 + json.len()];
        assert_eq!(position(payload, &buffer), Some(6..6 + json.len()));
        let caller = Caller::new(&Claims::parse(payload).unwrap(), rights).map_err(|fault| fault.kind)?;
        Ok(caller.into_principal(buffer).unwrap())
    }

    fn default() -> Rights {
        Rights { scope_claims: Vec::new(), roles_claim: None }
    }

    // R9068-5a, THREAT-L1
    #[test]
    fn a_principal_keeps_the_claims_and_nothing_else_of_the_token() {
        let json = r#"{"iss":"https://as","sub":"al\u0069ce","client_id":"web","azp":"x","scope":"a b","exp":10}"#;
        let principal = principal(json, &default()).unwrap();
        assert_eq!(principal.claims_json(), json);
        assert_eq!((principal.issuer(), principal.subject()), (Some("https://as"), "alice"));
        assert_eq!(principal.client_id(), Some("web"));
        assert_eq!(principal.scopes().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!format!("{principal:?}").contains("alice"));
    }

    #[test]
    fn scopes_are_found_under_their_usual_names_or_the_configured_ones() {
        let scopes = |json: &str, names: &[&str]| {
            let rights =
                Rights { scope_claims: names.iter().map(|name| (*name).to_owned()).collect(), roles_claim: None };
            principal(json, &rights).map(|one| one.scopes().map(str::to_owned).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(scopes(r#"{"sub":"s","scp":"a b"}"#, &[]).unwrap(), "a|b");
        assert_eq!(scopes(r#"{"sub":"s","scp":["a","b c"],"scope":"d"}"#, &[]).unwrap(), "d");
        assert_eq!(scopes(r#"{"sub":"s","scp":["a","b c"]}"#, &[]).unwrap(), "a|b|c");
        assert_eq!(scopes(r#"{"sub":"s"}"#, &[]).unwrap(), "");
        assert_eq!(scopes(r#"{"sub":"s","permissions":["a"],"scope":"d"}"#, &["permissions"]).unwrap(), "a");
        assert_eq!(scopes(r#"{"sub":"s","scope":"d"}"#, &["permissions"]).unwrap(), "");
        assert_eq!(scopes(r#"{"sub":"s","scope":"d"}"#, &["permissions", "scope"]).unwrap(), "d");
        assert_eq!(scopes(r#"{"sub":"s","permissions":1}"#, &["permissions"]), Err(RejectionKind::Malformed));
    }

    // THREAT-V6
    #[test]
    fn roles_are_found_by_name_or_pointer_and_a_wrong_type_is_refused() {
        let roles = |json: &str, name: &str| {
            let rights = Rights { scope_claims: Vec::new(), roles_claim: Some(name.to_owned()) };
            principal(json, &rights).map(|one| one.roles().map(str::to_owned).collect::<Vec<_>>().join("|"))
        };
        let nested = r#"{"sub":"s","realm_access":{"roles":["admin","user"]},"groups":"staff"}"#;
        assert_eq!(roles(nested, "/realm_access/roles").unwrap(), "admin|user");
        assert_eq!(roles(nested, "groups").unwrap(), "staff");
        assert_eq!(roles(nested, "absent").unwrap(), "");
        for bad in [r#"{"sub":"s","groups":[1]}"#, r#"{"sub":"s","groups":{}}"#, r#"{"sub":"s","groups":true}"#] {
            assert_eq!(roles(bad, "groups"), Err(RejectionKind::Malformed), "{bad}");
        }
    }
}
