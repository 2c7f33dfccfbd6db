use super::Preset;
use crate::jose::{Algorithm, Marker};

/// What is known of one kind of issuer. One entry of the [table](super::table).
pub(in crate::verify) struct Facts {
    pub(in crate::verify) preset: Preset,
    /// How configuration files call it.
    pub(in crate::verify) name: &'static str,
    pub(in crate::verify) title: &'static str,
    /// How its issuers look; the first is the one that parameters are put into.
    pub(in crate::verify) issuers: &'static [Shape],
    /// Issuers of the same make whose tokens are not for resource servers, and why.
    pub(in crate::verify) never: &'static [(&'static str, &'static str)],
    /// By what an issuer is recognized whose preset nobody named.
    pub(in crate::verify) recognized: &'static [&'static str],
    pub(in crate::verify) parameters: &'static [Parameter],
    /// Of each of these groups one parameter must be given.
    pub(in crate::verify) needed: &'static [&'static [&'static str]],
    pub(in crate::verify) algorithms: &'static [Algorithm],
    /// The values of `typ` in the header; [`ABSENT`] if there may be none.
    pub(in crate::verify) types: &'static [&'static str],
    /// Claims that only other kinds of JWT of this issuer have.
    pub(in crate::verify) foreign: &'static [Marker],
    /// Of each of these groups one claim must be there.
    pub(in crate::verify) demanded: &'static [&'static [&'static str]],
    /// Claims whose value is known beforehand.
    pub(in crate::verify) checks: &'static [Check],
    /// The claim that says whom a token is for: the first that is there.
    pub(in crate::verify) audience: &'static [&'static str],
    /// Ends of audiences that must not be accepted, and why.
    pub(in crate::verify) no_audience: Option<(&'static str, &'static str)>,
    /// Where things stand: the first claim that is there counts; of roles each.
    pub(in crate::verify) subject: &'static [&'static str],
    pub(in crate::verify) client: &'static [&'static str],
    pub(in crate::verify) scopes: &'static [&'static str],
    pub(in crate::verify) roles: &'static [&'static str],
}

/// One form of issuer.
pub(in crate::verify) struct Shape {
    pub(in crate::verify) issuer: &'static str,
    /// Where its keys are, if its metadata does not say or says another origin.
    pub(in crate::verify) keys: Option<&'static str>,
}

/// Something that differs between two installations.
pub(in crate::verify) struct Parameter {
    pub(in crate::verify) name: &'static str,
    pub(in crate::verify) what: &'static str,
    pub(in crate::verify) form: Form,
}

/// What the value of a parameter looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Form {
    /// A GUID in lower case.
    Guid,
    /// Whatever fits its place in the issuer.
    Part,
    /// A value of a claim. Several may be given, and `*` for any.
    Value,
    /// A part of the name of a claim.
    Claim,
}

/// A claim with a known value.
pub(in crate::verify) struct Check {
    pub(in crate::verify) claim: &'static str,
    pub(in crate::verify) is: Is,
    pub(in crate::verify) tells: Tells,
}

/// The value of a claim. A parameter stands in braces; a check whose parameter was not given does not apply.
#[derive(Clone, Copy)]
pub(in crate::verify) enum Is {
    Text(&'static str),
    Begins(&'static str),
    True,
}

/// What a claim with another value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Tells {
    /// It is another kind of token.
    Kind,
    /// It belongs to another issuer.
    Issuer,
    /// It belongs to a caller that is not welcome.
    Caller,
}

/// In place of a type: there is none.
pub(in crate::verify) const ABSENT: &str = "";

impl Facts {
    pub(in crate::verify) fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    pub(in crate::verify) fn parameter_names(&self) -> Vec<&'static str> {
        self.parameters.iter().map(|parameter| parameter.name).collect()
    }
}
