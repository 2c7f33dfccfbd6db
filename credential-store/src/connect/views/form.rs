use askama::Template;
use tower_auth_core::{AuthKind, AuthMethod};

use super::connector::ConnectorLabel;
use super::field::{Field, InputKind, sentence};
use super::oauth::Wait;
use super::shell::Shell;
use super::web_url::WebUrl;

/// What a connector must be told.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/form.html")]
pub(crate) struct ConnectForm {
    pub(crate) shell: Shell,
    pub(crate) connector: ConnectorLabel,
    pub(crate) purpose: Purpose,
    /// The ways to connect; shown if there are several.
    pub(crate) methods: Vec<MethodTab>,
    /// The one that this form is for.
    pub(crate) method: String,
    pub(crate) notices: Vec<Notice>,
    /// Only those that are asked for, in their order.
    pub(crate) fields: Vec<Field>,
    /// A name for the connection, if it may have one.
    pub(crate) label: Option<LabelInput>,
    /// What is wrong and belongs to no field.
    pub(crate) errors: Vec<String>,
    pub(crate) check_failure: Option<CheckFailure>,
    pub(crate) next: Next,
    /// The provider's own page about this.
    pub(crate) docs_url: Option<WebUrl>,
}

/// What the form is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Connect,
    /// The connection keeps its id.
    Reconnect {
        id: String,
        label: String,
    },
}

/// A way to connect.
#[derive(Clone, Debug)]
pub(crate) struct MethodTab {
    pub(crate) name: String,
    pub(crate) title: String,
}

/// The name of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelInput {
    pub(crate) value: String,
    pub(crate) error: Option<String>,
}

/// What a person should know before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// No lasting access: it must be renewed by hand.
    NotLasting,
    /// The password itself is given away.
    PasswordDiscouraged,
    /// Something else, from the description.
    Text(String),
}

/// The provider did not accept the values.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckFailure {
    /// The names of the fields whose values may be wrong.
    pub(crate) check: Vec<String>,
    /// What else to look at.
    pub(crate) advice: Vec<String>,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    /// What the provider says. It is a stranger's text.
    pub(crate) message: Option<String>,
}

/// What happens when the form is sent.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// The credential is checked and stored.
    Store,
    /// The person goes on to the provider, in a pop-up if the script can open one.
    Provider(Wait),
}

impl MethodTab {
    pub(crate) fn from_method(method: &AuthMethod) -> Self {
        Self { name: method.key().to_owned(), title: method.title().to_owned() }
    }
}

impl Notice {
    /// What is to be said of a method whatever it is used for.
    pub(crate) fn of_method(method: &AuthMethod) -> Option<Self> {
        (method.kind() == AuthKind::OAuth2Password).then_some(Self::PasswordDiscouraged)
    }
}

impl ConnectForm {
    pub(super) fn action(&self) -> String {
        match &self.purpose {
            Purpose::Connect => self.shell.paths.connector(&self.connector.id),
            Purpose::Reconnect { id, .. } => self.shell.paths.action(id, "reconnect"),
        }
    }

    pub(super) fn method_path(&self, tab: &MethodTab) -> String {
        self.shell.paths.method(&self.action(), &tab.name)
    }

    pub(super) fn is_reconnect(&self) -> bool {
        matches!(self.purpose, Purpose::Reconnect { .. })
    }

    pub(super) fn label_to_reconnect(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::Reconnect { label, .. } if !label.is_empty() => Some(label),
            _ => None,
        }
    }

    pub(super) fn label_error(&self) -> Option<String> {
        self.label.as_ref()?.error.as_deref().map(sentence)
    }

    pub(super) fn wait(&self) -> Option<&Wait> {
        match &self.next {
            Next::Store => None,
            Next::Provider(wait) => Some(wait),
        }
    }

    pub(super) fn has_inputs(&self) -> bool {
        !self.fields.is_empty() || self.label.is_some()
    }

    pub(super) fn has_errors(&self) -> bool {
        let of_label = self.label.as_ref().is_some_and(|label| label.error.is_some());
        !self.errors.is_empty() || of_label || self.fields.iter().any(|field| field.error.is_some())
    }

    /// Whether the form was sent before, so that secrets must be typed again.
    pub(super) fn is_again(&self) -> bool {
        self.has_errors() || self.check_failure.is_some()
    }

    /// The fields that a failure names.
    pub(super) fn fields_to_check(&self) -> Vec<&Field> {
        let names = self.check_failure.as_ref().map(|failure| failure.check.as_slice()).unwrap_or_default();
        self.fields.iter().filter(|field| names.contains(&field.name)).collect()
    }

    pub(super) fn has_required(&self) -> bool {
        self.fields.iter().any(|field| field.required && field.kind != InputKind::Checkbox)
    }
}
