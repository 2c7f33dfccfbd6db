use tower_auth_core::{FieldFormat, FieldSpec, FieldType};

use super::web_url::WebUrl;

/// In front of the name of a field in the form that is sent, so that none is taken for `csrf`, `method` or `label`.
pub(crate) const FIELD_PREFIX: &str = "field.";

/// A value that a form asks for.
///
/// A checkbox that is not ticked sends nothing: the receiver takes that for `false`.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) help: Option<String>,
    pub(crate) help_url: Option<WebUrl>,
    pub(crate) example: Option<String>,
    pub(crate) kind: InputKind,
    pub(crate) secret: bool,
    pub(crate) required: bool,
    pub(crate) pattern: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) suffix: Option<String>,
    /// The other field, and the values of it with which this one is asked for.
    pub(crate) visible_when: Option<(String, Vec<String>)>,
    /// What was typed before, or the default. Never shown if the field is secret.
    pub(crate) value: String,
    /// What is wrong with it.
    pub(crate) error: Option<String>,
}

/// What a person uses to give the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    Text(Option<FieldFormat>),
    Choice(Vec<String>),
    Checkbox,
    Pem,
    Json,
}

impl Field {
    /// As a description says, with its default.
    pub(crate) fn from_spec(spec: &FieldSpec) -> Self {
        let kind = match spec.field_type() {
            FieldType::Boolean => InputKind::Checkbox,
            FieldType::Pem => InputKind::Pem,
            FieldType::Json => InputKind::Json,
            _ if !spec.allowed().is_empty() => InputKind::Choice(spec.allowed().to_vec()),
            _ => InputKind::Text(spec.format()),
        };
        Self {
            name: spec.name().to_owned(),
            title: spec.title().to_owned(),
            help: spec.help().map(str::to_owned),
            help_url: spec.help_url().and_then(WebUrl::new),
            example: spec.example().map(str::to_owned),
            kind,
            secret: spec.is_secret(),
            required: spec.is_required(),
            pattern: spec.pattern().map(str::to_owned),
            prefix: spec.prefix().map(str::to_owned),
            suffix: spec.suffix().map(str::to_owned),
            visible_when: spec.visible_when().map(|(field, values)| (field.to_owned(), values.to_vec())),
            value: spec.default_value().unwrap_or_default().to_owned(),
            error: None,
        }
    }

    /// With what was sent before, and what is wrong with it. A secret is dropped here already.
    #[must_use]
    pub(crate) fn answered(mut self, value: &str, error: Option<String>) -> Self {
        self.value = if self.secret { String::new() } else { value.to_owned() };
        self.error = error;
        self
    }

    /// The id of the input, to which labels and error summaries lead.
    pub(crate) fn id(&self) -> String {
        format!("field-{}", self.name)
    }

    pub(super) fn input_name(&self) -> String {
        format!("{FIELD_PREFIX}{}", self.name)
    }

    /// The only way from the value into a page.
    pub(super) fn shown_value(&self) -> &str {
        if self.secret { "" } else { &self.value }
    }

    /// The error as a sentence of its own. Checks word it as the end of one.
    pub(super) fn error_sentence(&self) -> Option<String> {
        self.error.as_deref().map(sentence)
    }

    pub(super) fn is_checked(&self) -> bool {
        self.shown_value() == "true"
    }

    /// The texts that belong to the input, by id.
    pub(super) fn described_by(&self) -> String {
        let (id, is_typed) = (self.id(), matches!(self.kind, InputKind::Text(_)));
        let parts = [
            (self.error.is_some(), "error"),
            (self.help.is_some() || self.help_url.is_some(), "help"),
            (is_typed && self.prefix.is_some(), "prefix"),
            (is_typed && self.suffix.is_some(), "suffix"),
        ];
        let ids: Vec<_> =
            parts.iter().filter(|(is_there, _)| *is_there).map(|(_, part)| format!("{id}-{part}")).collect();
        ids.join(" ")
    }

    /// The keyboard that telephones show.
    pub(super) fn input_mode(&self) -> &'static str {
        match self.kind {
            InputKind::Text(Some(FieldFormat::Uri | FieldFormat::Hostname)) => "url",
            InputKind::Text(Some(FieldFormat::Email)) => "email",
            _ => "text",
        }
    }

    /// The values of the other field, for the script.
    pub(super) fn visible_values(&self) -> String {
        let values = self.visible_when.as_ref().map(|(_, values)| values.as_slice()).unwrap_or_default();
        serde_json::to_string(values).unwrap_or_default()
    }

    /// Whether browsers may insist on a value without the script. A field that another one hides may be left empty.
    pub(super) fn is_always_required(&self) -> bool {
        self.required && self.visible_when.is_none()
    }
}

/// With a capital letter in front.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.secret { "[redacted]" } else { &self.value };
        f.debug_struct("Field").field("name", &self.name).field("value", &value).finish_non_exhaustive()
    }
}
