use std::borrow::Cow;
use std::sync::Arc;

use super::rights::Rights;
use crate::jose::Claims;
use crate::verify::claim::Picked;
use crate::verify::principal::{Method, Principal};
use crate::verify::rejection::{Fault, Scheme};
use crate::verify::span::Text;

/// What is known of the caller, taken from verified claims; the texts are ranges of the payload.
pub(super) struct Caller {
    /// Where the payload starts in memory, to find it again in the buffer that it was decoded into.
    payload_at: usize,
    payload_len: usize,
    /// Without its claims.
    principal: Arc<Principal>,
}

impl Caller {
    pub(super) fn new(claims: &Claims<'_>, picked: &Picked<'_>, rights: &Rights) -> Result<Self, Fault> {
        let whole = claims.raw;
        let text = |claim: &Option<Cow<'_, str>>| claim.as_ref().map(|claim| Text::new(claim, whole));
        let principal = Principal {
            method: Method::Jwt,
            claims: String::new(),
            issuer: text(&claims.iss),
            subject: rights.subject(claims, picked)?,
            client_id: rights.client(claims, picked)?,
            scope: rights.scope(claims, picked)?,
            roles: rights.roles.read(picked)?,
            expires_at: claims.exp.map(|exp| exp.to_system_time()),
            jkt: claims.cnf.as_ref().and_then(|cnf| text(&cnf.jkt)),
            x5t_s256: claims.cnf.as_ref().and_then(|cnf| text(&cnf.x5t_s256)),
            scheme: Scheme::Bearer,
        };
        Ok(Self { payload_at: whole.as_ptr().addr(), payload_len: whole.len(), principal: Arc::new(principal) })
    }

    /// The principal, which keeps of `buffer` only the claims: neither header nor signature.
    pub(super) fn into_principal(mut self, mut buffer: Vec<u8>) -> Option<Arc<Principal>> {
        let start = self.payload_at.checked_sub(buffer.as_ptr().addr())?;
        buffer.truncate(start.checked_add(self.payload_len)?);
        if start > buffer.len() {
            return None;
        }
        buffer.drain(..start);
        Arc::get_mut(&mut self.principal)?.claims = String::from_utf8(buffer).ok()?;
        Some(self.principal)
    }
}

#[cfg(test)]
mod tests {
    use super::super::roles::{RoleClaim, RoleRules};
    use super::*;
    use crate::verify::claim::{Place, Places};
    use crate::verify::rejection::RejectionKind;
    use crate::verify::span::position;

    /// What was said of claims, by name.
    #[derive(Default)]
    struct Said<'a> {
        subject: &'a [&'a str],
        client: &'a [&'a str],
        scopes: &'a [&'a str],
        roles: &'a [(&'a str, &'a str)],
        renamed: &'a [(&'a str, &'a str)],
    }

    fn principal(json: &str, said: &Said<'_>) -> Result<Arc<Principal>, RejectionKind> {
        let mut places = Places::default();
        let mut named = |names: &[&str]| -> Option<Vec<Place>> {
            (!names.is_empty()).then(|| names.iter().map(|name| places.add(name).unwrap()).collect())
        };
        let (subject, client, scopes) = (named(said.subject), named(said.client), named(said.scopes));
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let claims = owned(said.roles).into_iter().map(|(place, prefix)| RoleClaim { place, prefix });
        let roles = RoleRules::new(&claims.collect::<Vec<_>>(), &owned(said.renamed), &mut places).unwrap();
        let rights = Rights { subject, client, scopes, roles };

        let buffer = format!("header{json}signature").into_bytes();
        let payload = &buffer[6..6 + json.len()];
        assert_eq!(position(payload, &buffer), Some(6..6 + json.len()));
        let caller = Caller::new(&Claims::parse(payload).unwrap(), &places.pick(payload), &rights)
            .map_err(|fault| fault.kind)?;
        Ok(caller.into_principal(buffer).unwrap())
    }

    // R9068-5a, THREAT-L1
    #[test]
    fn a_principal_keeps_the_claims_and_nothing_else_of_the_token() {
        let json = r#"{"iss":"https://as","sub":"al\u0069ce","client_id":"web","azp":"x","scope":"a b","exp":10}"#;
        let principal = principal(json, &Said::default()).unwrap();
        assert_eq!(principal.claims_json(), json);
        assert_eq!((principal.issuer(), principal.subject()), (Some("https://as"), "alice"));
        assert_eq!(principal.client_id(), Some("web"));
        assert_eq!(principal.scopes().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!format!("{principal:?}").contains("alice"));
    }

    #[test]
    fn scopes_are_found_under_their_usual_names_or_the_configured_ones() {
        let scopes = |json: &str, names: &[&str]| {
            let said = Said { scopes: names, ..Said::default() };
            principal(json, &said).map(|one| one.scopes().map(str::to_owned).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(scopes(r#"{"sub":"s","scp":"a b"}"#, &[]).unwrap(), "a|b");
        assert_eq!(scopes(r#"{"sub":"s","scp":["a","b c"],"scope":"d"}"#, &[]).unwrap(), "d");
        assert_eq!(scopes(r#"{"sub":"s","scp":["a","b c"]}"#, &[]).unwrap(), "a|b|c");
        assert_eq!(scopes(r#"{"sub":"s","scp":[]}"#, &[]).unwrap(), "");
        assert_eq!(scopes(r#"{"sub":"s"}"#, &[]).unwrap(), "");
        assert_eq!(scopes(r#"{"sub":"s","permissions":["a","b"],"scope":"d"}"#, &["permissions"]).unwrap(), "a|b");
        assert_eq!(scopes(r#"{"sub":"s","scope":"d"}"#, &["permissions"]).unwrap(), "");
        assert_eq!(scopes(r#"{"sub":"s","scope":"d"}"#, &["permissions", "scope"]).unwrap(), "d");
        assert_eq!(scopes(r#"{"sub":"s","deep":{"er":["d"]}}"#, &["/deep/er"]).unwrap(), "d");
        assert_eq!(scopes(r#"{"sub":"s","permissions":1}"#, &["permissions"]), Err(RejectionKind::Malformed));
        assert_eq!(scopes(r#"{"sub":"s","permissions":["a",1]}"#, &["permissions"]), Err(RejectionKind::Malformed));
    }

    // THREAT-V6
    #[test]
    fn roles_are_found_by_name_or_pointer_and_a_wrong_type_is_refused() {
        let roles = |json: &str, claims: &[(&str, &str)]| {
            let said = Said { roles: claims, ..Said::default() };
            principal(json, &said).map(|one| one.roles().map(str::to_owned).collect::<Vec<_>>().join("|"))
        };
        let nested = r#"{"sub":"s","realm_access":{"roles":["admin","user"]},"groups":"staff"}"#;
        assert_eq!(roles(nested, &[("/realm_access/roles", "")]).unwrap(), "admin|user");
        assert_eq!(roles(nested, &[("groups", "")]).unwrap(), "staff");
        assert_eq!(roles(nested, &[("absent", "")]).unwrap(), "");
        assert_eq!(
            roles(nested, &[("groups", ""), ("absent", ""), ("/realm_access/roles", "")]).unwrap(),
            "staff|admin|user"
        );
        let both = r#"{"sub":"s","realm":["admin"],"own":["admin","user"]}"#;
        assert_eq!(roles(both, &[("realm", ""), ("own", "")]).unwrap(), "admin|user", "each once");
        assert_eq!(roles(both, &[("realm", "realm:"), ("own", "")]).unwrap(), "realm:admin|admin|user");
        for bad in [r#"{"sub":"s","groups":[1]}"#, r#"{"sub":"s","groups":{}}"#, r#"{"sub":"s","groups":true}"#] {
            assert_eq!(roles(bad, &[("groups", "")]), Err(RejectionKind::Malformed), "{bad}");
        }
    }

    #[test]
    fn roles_are_called_here_what_the_map_says() {
        let said = Said {
            roles: &[("groups", ""), ("realm", "realm:")],
            renamed: &[("8f2c", "admin"), ("8f2c", "auditor"), ("realm:x", "admin"), ("admin", "nobody")],
            ..Said::default()
        };
        let json = r#"{"sub":"s","groups":["8f2c","other"],"realm":["x","8f2c"]}"#;
        let principal = principal(json, &said).unwrap();
        assert_eq!(principal.roles().collect::<Vec<_>>(), ["admin", "auditor", "other", "realm:8f2c"]);
        assert!(!principal.has_role("8f2c") && !principal.has_role("nobody"), "what a role became is not mapped again");
    }

    // R9068-5a, THREAT-V6
    #[test]
    fn subject_and_client_are_where_it_was_said() {
        let said = Said { subject: &["oid", "sub"], client: &["appid"], ..Said::default() };
        let who = |json: &str| principal(json, &said).map(|one| format!("{} {:?}", one.subject(), one.client_id()));
        assert_eq!(who(r#"{"sub":"s","oid":"o","azp":"x","appid":"a"}"#).unwrap(), r#"o Some("a")"#);
        assert_eq!(who(r#"{"sub":"s","azp":"x","client_id":"y"}"#).unwrap(), "s None");
        assert_eq!(who(r#"{"oid":1,"sub":"s"}"#), Err(RejectionKind::Malformed));
        assert_eq!(who(r#"{"oid":"","sub":"s"}"#), Err(RejectionKind::MissingClaim), "there, and nobody");
        assert_eq!(who("{}"), Err(RejectionKind::MissingClaim));
        assert_eq!(principal(r#"{"sub":""}"#, &Said::default()).err(), Some(RejectionKind::MissingClaim));
    }
}
