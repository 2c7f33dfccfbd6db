use std::fmt;

use regex_lite::Regex;

use super::kind::{FieldFormat, FieldScope, FieldSource, FieldType};
use super::template::{check_host, check_start};
use crate::config::At;
use crate::error::{ConfigError, ConfigErrorKind};

/// A value that a method needs: its `[[auth.fields]]`.
#[derive(Clone)]
pub struct FieldSpec {
    pub(super) at: At,
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) help: Option<String>,
    pub(super) help_url: Option<String>,
    pub(super) example: Option<String>,
    pub(super) kind: FieldType,
    pub(super) secret: bool,
    pub(super) required: bool,
    pub(super) pattern: Option<Pattern>,
    pub(super) format: Option<FieldFormat>,
    pub(super) allowed: Vec<String>,
    pub(super) default: Option<String>,
    pub(super) hidden: bool,
    pub(super) prefix: Option<String>,
    pub(super) suffix: Option<String>,
    pub(super) order: Option<u64>,
    pub(super) visible_when: Option<VisibleWhen>,
    pub(super) scope: FieldScope,
    pub(super) source: FieldSource,
    /// What the file says itself, where the kind or a capture would say something else.
    pub(super) required_written: Option<bool>,
    pub(super) scope_written: bool,
    pub(super) source_written: bool,
}

/// When a field is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VisibleWhen {
    pub(crate) field: String,
    pub(crate) equals: Vec<String>,
}

/// A regular expression that a whole value matches.
#[derive(Clone)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    whole: Regex,
}

/// The longest value that is looked at, in bytes.
const MAX_VALUE: usize = 64 * 1024;

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        // By itself first, so that no bracket reaches out of the group around it.
        Regex::new(text).map_err(|error| error.to_string())?;
        let whole = Regex::new(&format!(r"\A(?:{text})\z")).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), whole })
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

impl FieldSpec {
    /// A field of which nothing is known but its name.
    pub(super) fn bare(name: &str, secret: bool, at: &At) -> Self {
        Self {
            at: at.clone(),
            name: name.to_owned(),
            title: None,
            help: None,
            help_url: None,
            example: None,
            kind: FieldType::String,
            secret,
            required: true,
            pattern: None,
            format: None,
            allowed: Vec::new(),
            default: None,
            hidden: false,
            prefix: None,
            suffix: None,
            order: None,
            visible_when: None,
            scope: FieldScope::Credential,
            source: FieldSource::User,
            required_written: None,
            scope_written: false,
            source_written: false,
        }
    }

    /// Its name in templates, in values files and, in upper case, in environment variables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its label.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// Where the value is found.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// A page that tells more.
    #[must_use]
    pub fn help_url(&self) -> Option<&str> {
        self.help_url.as_deref()
    }

    /// What a value looks like.
    #[must_use]
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// What the description says of it, on one line, for somebody who has to find its value: title, help, page, example. Empty if it says
    /// nothing.
    #[must_use]
    pub fn about(&self) -> String {
        let example = self.example().map(|example| format!("for example {example}"));
        let title = (self.title() != self.name()).then(|| self.title().to_owned());
        let texts = [title, self.help().map(str::to_owned), self.help_url().map(str::to_owned), example];
        texts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// What kind of text it is.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        self.kind
    }

    /// Whether it must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether there must be a value, where the field is visible.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The regular expression that a whole value matches.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(|pattern| pattern.text.as_str())
    }

    /// The well-known form of a value.
    #[must_use]
    pub fn format(&self) -> Option<FieldFormat> {
        self.format
    }

    /// The values that there are; empty if any is allowed.
    #[must_use]
    pub fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// The value if nobody gives one.
    #[must_use]
    pub fn default_value(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether forms leave it out.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// The fixed text in front of the input.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The fixed text behind the input.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// The field and the values of it with which this one is asked for.
    #[must_use]
    pub fn visible_when(&self) -> Option<(&str, &[String])> {
        self.visible_when.as_ref().map(|when| (when.field.as_str(), when.equals.as_slice()))
    }

    /// Whose value it is.
    #[must_use]
    pub fn scope(&self) -> FieldScope {
        self.scope
    }

    /// Where its value comes from.
    #[must_use]
    pub fn source(&self) -> FieldSource {
        self.source
    }

    /// Whether a form shows it.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.source == FieldSource::User && !self.hidden
    }

    /// A value as it was typed or pasted, without prefix and suffix, if it fits.
    ///
    /// # Errors
    /// What is expected instead. The value is not quoted.
    pub fn check<'v>(&self, value: &'v str) -> Result<&'v str, ConfigError> {
        let invalid = |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        if value.len() > MAX_VALUE {
            return invalid("the value is longer than 64 KiB");
        }
        let value = self.prefix.as_deref().and_then(|prefix| value.strip_prefix(prefix)).unwrap_or(value);
        let value = self.suffix.as_deref().and_then(|suffix| value.strip_suffix(suffix)).unwrap_or(value);
        if value.is_empty() {
            return if self.required { invalid("the value is empty") } else { Ok(value) };
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return invalid(&format!("the value must be one of: {}", self.allowed.join(", ")));
        }
        match self.kind {
            FieldType::Boolean if !matches!(value, "true" | "false") => {
                return invalid("the value must be true or false");
            }
            FieldType::Pem if !value.trim_start().starts_with("-----BEGIN ") => {
                return invalid("the value must be PEM: it begins with -----BEGIN");
            }
            FieldType::Json if serde_json::from_str::<serde::de::IgnoredAny>(value).is_err() => {
                return invalid("the value must be JSON");
            }
            _ => {}
        }
        // Line breaks belong into PEM and JSON only; elsewhere they come from pasting, or from somebody who means harm.
        if !matches!(self.kind, FieldType::Pem | FieldType::Json) && value.chars().any(char::is_control) {
            return invalid("the value must not have a line break or another control character");
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
            return invalid(&format!("the value must match {}", pattern.text));
        }
        match self.format.map_or(Ok(()), |format| check_format(format, value)) {
            Ok(()) => Ok(value),
            Err(what) => invalid(what),
        }
    }
}

fn check_format(format: FieldFormat, value: &str) -> Result<(), &'static str> {
    let (fits, what) = match format {
        FieldFormat::Hostname => (check_host(value).is_ok(), "the value must be a host name, such as api.example.com"),
        FieldFormat::Uri => {
            (check_start(value).is_ok(), "the value must be an absolute https URL without query or fragment")
        }
        FieldFormat::Uuid => {
            let groups: Vec<_> = value.split('-').map(str::len).collect();
            let digits = value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            (digits && groups == [8, 4, 4, 4, 12], "the value must be a UUID")
        }
        FieldFormat::Email => {
            let parts = value.split_once('@').filter(|(name, host)| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) && check_host(host).is_ok()
            });
            (parts.is_some(), "the value must be an e-mail address")
        }
    };
    if fits { Ok(()) } else { Err(what) }
}

impl fmt::Debug for FieldSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldSpec")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
