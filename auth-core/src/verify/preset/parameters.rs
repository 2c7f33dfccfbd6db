use super::Preset;
use super::facts::{Facts, Form, Parameter, Shape};
use super::template::Template;
use crate::error::{ConfigError, ConfigErrorKind, printable, unknown};
use crate::verify::{JwtVerifier, TrustedIssuers};

/// In place of a value: any.
const ANY: &str = "*";

/// What was said of one installation: the parameters of a preset, each known to it and of the right form.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Parameters {
    preset: Preset,
    given: Vec<(&'static str, String)>,
}

impl Parameters {
    /// Takes parameters in.
    ///
    /// # Errors
    /// When the preset has no such parameter, or its value has not its form.
    pub(in crate::verify) fn read(preset: Preset, parameters: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let facts = preset.facts();
        let mut given = Vec::with_capacity(parameters.len());
        for (name, value) in parameters {
            let known = facts.parameter(name).ok_or_else(|| {
                let what = format!("parameter {:?} of the preset {preset}", printable(name, 64));
                invalid(unknown(&what, name, &facts.parameter_names()))
            })?;
            known.check(value)?;
            given.push((known.name, (*value).to_owned()));
        }
        Ok(Self { preset, given })
    }

    pub(in crate::verify) fn preset(&self) -> Preset {
        self.preset
    }

    /// The verifier of the issuer, or the issuers, that the parameters name.
    pub(in crate::verify) fn verifier(self) -> Result<JwtVerifier, ConfigError> {
        let facts = self.preset.facts();
        let template = self.choose(facts)?;
        let repeated: Vec<&str> = template.names().into_iter().filter(|name| self.is_open(name)).collect();
        let [open] = repeated.as_slice() else {
            if let [first, second, ..] = repeated.as_slice() {
                return Err(invalid(format!("both {first} and {second} are left open: one of them can be")));
            }
            let url = template.fill(|name| self.first(name)).ok_or_else(|| {
                invalid(format!("the parameters do not make an issuer of the form {}", template.as_str()))
            })?;
            return JwtVerifier::issuer(url)?.with_parameters(self);
        };
        // The others are filled, and the template of the rest is the shape of the issuers.
        let text =
            template.names().iter().filter(|name| *name != open).fold(template.as_str().to_owned(), |text, name| {
                text.replace(&format!("{{{name}}}"), self.first(name).unwrap_or_default())
            });
        let issuers = TrustedIssuers::matching(&text)?;
        let issuers =
            if self.values(open).any(|value| value == ANY) { issuers.any() } else { issuers.only(self.values(open)) };
        JwtVerifier::trusted_issuers(issuers).with_parameters(self)
    }

    /// What is known for the issuer at `url`: the parameters given, and those that are read from the URL.
    ///
    /// # Errors
    /// When it is no issuer of this kind. Anything goes on a loopback address, where tests have their servers.
    pub(in crate::verify) fn for_issuer(&self, url: &str) -> Result<Known, ConfigError> {
        let facts = self.preset.facts();
        for (shape, why) in facts.never {
            if parsed(shape)?.read(url).is_some() {
                return Err(invalid(format!(
                    "the preset {} cannot be used for {:?}: {why}",
                    self.preset,
                    printable(url, 200)
                )));
            }
        }
        let mut values = self.given.clone();
        for Shape { issuer, keys } in facts.issuers {
            let template = parsed(issuer)?;
            let Some(filling) = template.read(url) else { continue };
            for (name, value) in &filling {
                let Some(parameter) = facts.parameter(name) else { continue };
                parameter.check(value)?;
                if self.values(name).any(|given| given == *value || given == ANY) || self.first(name).is_none() {
                    values.retain(|(own, _)| *own != parameter.name);
                    values.push((parameter.name, (*value).to_owned()));
                } else {
                    return Err(invalid(format!("the parameter {name} is not what the issuer's URL says")));
                }
            }
            let keys = match keys {
                Some(keys) => {
                    parsed(keys)?.fill(|name| filling.iter().find(|(own, _)| *own == name).map(|(_, one)| *one))
                }
                None => None,
            };
            return Ok(Known { preset: self.preset, values, keys });
        }
        if url.starts_with("http://") {
            return Ok(Known { preset: self.preset, values, keys: None });
        }
        let shapes: Vec<_> = facts.issuers.iter().map(|shape| shape.issuer).collect();
        Err(invalid(format!(
            "{:?} is no issuer of the preset {}, which look like {}",
            printable(url, 200),
            self.preset,
            shapes.join(" or ")
        )))
    }

    /// An issuer that this may be about, made of `value`.
    pub(in crate::verify) fn sample(&self, value: &str) -> Option<String> {
        let shape = parsed(self.preset.facts().issuers.first()?.issuer).ok()?;
        shape.fill(|name| self.first(name).filter(|given| *given != ANY).or(Some(value)))
    }

    /// Checks that everything is there that is no part of the URL.
    pub(in crate::verify) fn check_needed(&self) -> Result<(), ConfigError> {
        for group in self.preset.facts().needed {
            if !group.iter().any(|name| self.first(name).is_some()) {
                return Err(self.missing(group));
            }
        }
        Ok(())
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter has several values, or any.
    fn is_open(&self, name: &str) -> bool {
        self.values(name).count() > 1 || self.values(name).any(|value| value == ANY)
    }

    /// The shape of issuer whose parts are just those that were given.
    fn choose(&self, facts: &Facts) -> Result<Template, ConfigError> {
        let is_part = |name: &str| facts.parameter(name).is_some_and(|one| matches!(one.form, Form::Part | Form::Guid));
        let given: Vec<&str> = self.given.iter().map(|(name, _)| *name).filter(|name| is_part(name)).collect();
        let mut first_missing: Option<Vec<&str>> = None;
        for shape in facts.issuers {
            let template = parsed(shape.issuer)?;
            let names = template.names();
            let missing: Vec<&str> = facts
                .parameter_names()
                .into_iter()
                .filter(|name| names.contains(name) && !given.contains(name))
                .collect();
            if missing.is_empty() && given.iter().all(|name| names.contains(name)) {
                return Ok(template);
            }
            if given.iter().all(|name| names.contains(name)) {
                first_missing = first_missing.or(Some(missing));
            }
        }
        match first_missing.as_deref() {
            Some([name, ..]) => Err(self.missing(&[name])),
            _ => Err(invalid(format!(
                "the parameters {} of the preset {} do not go together",
                given.join(", "),
                self.preset
            ))),
        }
    }

    fn missing(&self, group: &[&str]) -> ConfigError {
        let facts = self.preset.facts();
        let told: Vec<_> = group
            .iter()
            .filter_map(|name| facts.parameter(name))
            .map(|parameter| format!("{} ({})", parameter.name, parameter.what))
            .collect();
        ConfigError::new(
            ConfigErrorKind::MissingOption,
            format!("the preset {} needs the parameter {}", self.preset, told.join(" or ")),
        )
    }
}

impl Parameter {
    fn check(&self, value: &str) -> Result<(), ConfigError> {
        let wrong = |why: &str| {
            Err(invalid(format!(
                "the parameter {} is {:?}, and {why}: it is {}",
                self.name,
                printable(value, 100),
                self.what
            )))
        };
        if value.is_empty() {
            return wrong("that is nothing");
        }
        match self.form {
            Form::Claim if value == ANY => wrong("it cannot be any"),
            Form::Guid if value != ANY && !is_guid(value) => {
                wrong("that is no GUID in lower case (names such as `common` never stand in `iss`)")
            }
            Form::Guid | Form::Part | Form::Value | Form::Claim => Ok(()),
        }
    }
}

/// The parameters of one issuer.
pub(in crate::verify) struct Known {
    preset: Preset,
    values: Vec<(&'static str, String)>,
    /// Where its keys are, if that is known.
    pub(in crate::verify) keys: Option<String>,
}

/// What became of a text with a parameter in it.
pub(in crate::verify) enum Texts {
    /// One for each value.
    Known(Vec<String>),
    /// The parameter was not given, or is free.
    Free,
}

impl Known {
    /// Whether the parameter in `text` is a part of the issuer's URL, so that it cannot be free.
    pub(in crate::verify) fn must_know(&self, text: &str) -> bool {
        let name = text.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
        let parameter = name.and_then(|name| self.preset.facts().parameter(name));
        parameter.is_some_and(|parameter| matches!(parameter.form, Form::Part | Form::Guid))
    }

    /// `text` for each value of the parameter in it.
    pub(in crate::verify) fn texts(&self, text: &str, written: impl Fn(&str) -> String) -> Texts {
        let Some((before, rest)) = text.split_once('{') else { return Texts::Known(vec![text.to_owned()]) };
        let Some((name, behind)) = rest.split_once('}') else { return Texts::Known(vec![text.to_owned()]) };
        let values: Vec<&str> =
            self.values.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() || values.contains(&ANY) {
            return Texts::Free;
        }
        Texts::Known(values.into_iter().map(|value| format!("{before}{}{behind}", written(value))).collect())
    }
}

/// Eight, four, four, four and twelve hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A template of the table, which a test has parsed too.
fn parsed(text: &str) -> Result<Template, ConfigError> {
    Template::parse(text).map_err(|why| invalid(format!("the template {text} {why}")))
}

fn invalid(message: impl Into<String>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}
