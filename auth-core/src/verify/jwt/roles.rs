use super::rights::no_texts;
use crate::error::ConfigError;
use crate::verify::claim::{Picked, Place, Places};
use crate::verify::rejection::Fault;

/// Where roles stand, as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify) struct RoleClaim {
    /// A name or a JSON pointer.
    pub(in crate::verify) place: String,
    /// Put before each role that stands there.
    pub(in crate::verify) prefix: String,
}

/// Where roles stand, and what they are called here.
#[derive(Debug, Default)]
pub(in crate::verify) struct RoleRules {
    claims: Vec<(Place, Box<str>)>,
    /// Names in tokens and names here. A role that is in no pair keeps its name.
    renamed: Vec<(Box<str>, Box<str>)>,
}

impl RoleRules {
    pub(in crate::verify) fn new(
        claims: &[RoleClaim],
        renamed: &[(String, String)],
        places: &mut Places,
    ) -> Result<Self, ConfigError> {
        let claims = claims.iter().map(|claim| Ok((places.add(&claim.place)?, claim.prefix.as_str().into())));
        Ok(Self {
            claims: claims.collect::<Result<_, ConfigError>>()?,
            renamed: renamed.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into())).collect(),
        })
    }

    /// The roles of a token. A claim that is there and holds something else than texts is refused, and not taken for none.
    pub(in crate::verify) fn read(&self, picked: &Picked<'_>) -> Result<Box<[Box<str>]>, Fault> {
        let mut roles: Vec<Box<str>> = Vec::new();
        for (place, prefix) in &self.claims {
            let Some(claim) = picked.get(place) else { continue };
            for role in claim.texts().ok_or_else(|| no_texts(place))? {
                if prefix.is_empty() {
                    self.push(&role, &mut roles);
                } else {
                    self.push(&format!("{prefix}{role}"), &mut roles);
                }
            }
        }
        Ok(roles.into())
    }

    /// Adds a role by what it is called here, which may be several things.
    fn push(&self, role: &str, roles: &mut Vec<Box<str>>) {
        let mut names = self.renamed.iter().filter(|(from, _)| **from == *role).map(|(_, to)| &**to).peekable();
        let kept = if names.peek().is_none() { Some(role) } else { None };
        for name in names.chain(kept) {
            if !roles.iter().any(|own| **own == *name) {
                roles.push(name.into());
            }
        }
    }
}
