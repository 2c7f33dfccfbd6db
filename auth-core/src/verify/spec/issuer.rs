use std::time::Duration;

use crate::config::{At, Reader, Value};
use crate::error::{ConfigError, ConfigErrorKind, printable, unknown};
use crate::jose::Algorithm;
use crate::verify::preset::Parameters;
use crate::verify::{JwtVerifier, Preset, Profile, TrustedIssuers};

/// `[[issuer]]`: whose tokens are accepted.
#[derive(Clone, Debug)]
pub(super) struct IssuerSpec {
    pub(super) at: At,
    url: Option<String>,
    manner: Manner,
    /// Of the issuers that a template in `url` stands for, those that are trusted.
    only: Vec<String>,
    jwks_url: Option<String>,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    scope_claims: Vec<String>,
    roles_claim: Vec<String>,
    subject_claim: Vec<String>,
    client_id_claim: Vec<String>,
    role_map: Vec<(String, String)>,
    require: Vec<(String, String)>,
    leeway: Option<Duration>,
    memo: Option<Duration>,
    memo_capacity: Option<u64>,
    memo_digests_only: bool,
}

#[derive(Clone, Debug)]
enum Manner {
    Profile(Profile),
    Preset(Parameters),
}

/// In place of names: any.
const ANY: &str = "*";

impl IssuerSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        // Everything is read before anything is given up, so that every mistake is seen.
        let manner = read_manner(reader);
        let url = match &manner {
            Some(Manner::Profile(_)) => reader.required("url"),
            // Its parameters make the URL, unless it is written.
            Some(Manner::Preset(_)) | None => reader.text("url"),
        };
        let manner = manner.or_else(|| url.as_ref().map(|_| Manner::Profile(Profile::Rfc9068)));
        let spec = Self {
            at: reader.at().clone(),
            only: reader.texts("only"),
            jwks_url: reader.text("jwks_url"),
            audience: reader.texts("audience"),
            algorithms: read_algorithms(reader),
            scope_claims: reader.texts("scope_claims"),
            roles_claim: reader.texts("roles_claim"),
            subject_claim: reader.texts("subject_claim"),
            client_id_claim: reader.texts("client_id_claim"),
            role_map: read_pairs(reader, "role_map"),
            require: read_pairs(reader, "require"),
            leeway: reader.duration("leeway", true),
            memo: reader.duration("memo", true),
            memo_capacity: reader.integer("memo_capacity"),
            memo_digests_only: reader.boolean("memo_digests_only").unwrap_or(false),
            url,
            manner: manner?,
        };
        let has_url = spec.url.is_some() || matches!(spec.manner, Manner::Preset(_));
        has_url.then_some(spec)
    }

    /// The verifier without what is common to all.
    pub(super) fn describe(&self) -> Result<JwtVerifier, ConfigError> {
        let mut builder = self.whose()?;
        builder = self.audience.iter().fold(builder, JwtVerifier::audience);
        if !self.algorithms.is_empty() {
            builder = builder.algorithms(self.algorithms.iter().copied());
        }
        if let Some(url) = &self.jwks_url {
            builder = builder.jwks_uri(url);
        }
        builder = builder
            .scope_claims(&self.scope_claims)
            .subject_claims(&self.subject_claim)
            .client_id_claims(&self.client_id_claim);
        if let Some(leeway) = self.leeway {
            builder = builder.leeway(leeway);
        }
        if let Some(ttl) = self.memo {
            builder = builder.memo_ttl(ttl);
        }
        if let Some(verdicts) = self.memo_capacity {
            builder = builder.memo_capacity(usize::try_from(verdicts).unwrap_or(usize::MAX));
        }
        if self.memo_digests_only {
            builder = builder.memo_digests_only();
        }
        builder = self.roles_claim.iter().fold(builder, JwtVerifier::roles_claim);
        builder = self.role_map.iter().fold(builder, |builder, (from, to)| builder.map_role(from, to));
        Ok(self.require.iter().fold(builder, |builder, (name, value)| builder.require_claim(name, value)))
    }

    fn whose(&self) -> Result<JwtVerifier, ConfigError> {
        let url = self.url.as_deref();
        let builder = match url {
            Some(url) if url.contains('{') => {
                let trusted = TrustedIssuers::matching(url)?;
                let any = self.only.iter().any(|name| name == ANY);
                JwtVerifier::trusted_issuers(if any { trusted.any() } else { trusted.only(&self.only) })
            }
            _ if !self.only.is_empty() => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "`only` is for a `url` with an open part, such as https://login.example.com/{tenant}",
                ));
            }
            Some(url) => JwtVerifier::issuer(url)?,
            None => {
                return match &self.manner {
                    Manner::Preset(parameters) => parameters.clone().verifier(),
                    Manner::Profile(_) => {
                        Err(ConfigError::new(ConfigErrorKind::MissingOption, "the URL of the issuer is missing"))
                    }
                };
            }
        };
        match &self.manner {
            Manner::Profile(profile) => Ok(builder.profile(*profile)),
            Manner::Preset(parameters) => builder.with_parameters(parameters.clone()),
        }
    }
}

/// `profile`, and the parameters of the preset that it names; `None` after a mistake.
fn read_manner(reader: &Reader<'_>) -> Option<Manner> {
    let name = reader.text("profile");
    match name.as_deref() {
        None | Some("rfc9068") => return Some(Manner::Profile(Profile::Rfc9068)),
        Some("generic") => return Some(Manner::Profile(Profile::Generic)),
        Some(_) => {}
    }
    let name = name.unwrap_or_default();
    let Ok(preset) = name.parse::<Preset>() else {
        let known: Vec<&str> =
            ["rfc9068", "generic"].into_iter().chain(Preset::ALL.iter().map(|preset| preset.name())).collect();
        let text = unknown(&format!("profile {:?}", printable(&name, 64)), &name, &known);
        reader.mistake("profile", ConfigError::new(ConfigErrorKind::InvalidOption, text));
        // Parameters of a preset are no further mistakes.
        for parameter in Preset::ALL.iter().flat_map(|preset| preset.facts().parameter_names()) {
            reader.has(parameter);
        }
        return None;
    };
    let mut given = Vec::new();
    let mut good = true;
    for parameter in preset.facts().parameter_names() {
        for value in reader.texts(parameter) {
            if let Err(error) = Parameters::read(preset, &[(parameter, &value)]) {
                reader.mistake(parameter, error);
                good = false;
            } else {
                given.push((parameter, value));
            }
        }
    }
    let pairs: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Parameters::read(preset, &pairs).ok().filter(|_| good).map(Manner::Preset)
}

/// A table of texts, or of lists of texts.
fn read_pairs(reader: &Reader<'_>, name: &'static str) -> Vec<(String, String)> {
    let Some(node) = reader.get(name) else { return Vec::new() };
    let mut pairs = Some(Vec::new());
    match &node.value {
        Value::Table(entries) => {
            for (key, node) in entries {
                let values: Option<Vec<&str>> = match &node.value {
                    Value::Text(text) => Some(vec![text]),
                    Value::List(list) => list.iter().map(|one| one.text()).collect(),
                    _ => None,
                };
                pairs = pairs.zip(values).map(|(mut pairs, values)| {
                    pairs.extend(values.into_iter().map(|value| (key.clone(), value.to_owned())));
                    pairs
                });
            }
        }
        _ => pairs = None,
    }
    pairs.unwrap_or_else(|| {
        let text = "the value is not a table of texts or lists of texts";
        reader.mistake(name, ConfigError::new(ConfigErrorKind::InvalidOption, text));
        Vec::new()
    })
}

pub(super) fn read_algorithms(reader: &Reader<'_>) -> Vec<Algorithm> {
    let names = reader.texts("algorithms");
    let mut algorithms = Vec::with_capacity(names.len());
    for name in &names {
        match Algorithm::from_name(name) {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(error) => {
                let message = format!("the algorithm {:?} cannot be accepted", printable(name, 64));
                reader.mistake(
                    "algorithms",
                    ConfigError::new(ConfigErrorKind::InvalidOption, message).with_source(error),
                );
            }
        }
    }
    if names.is_empty() && reader.has("algorithms") {
        reader.mistake("algorithms", ConfigError::new(ConfigErrorKind::MissingOption, "no algorithm is accepted"));
    }
    algorithms
}
