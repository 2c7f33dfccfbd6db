use super::paths::Paths;
use super::web_url::WebUrl;

/// What every page has around its content.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) paths: Paths,
    /// The name of the product for which accounts are connected.
    pub(crate) application: Option<String>,
    /// The way back to it.
    pub(crate) return_url: Option<WebUrl>,
    /// Goes into each form. It must be bound to the session.
    pub(crate) csrf: String,
    /// Which entry of the navigation the page belongs to; without it there is none, for sessions that may do one thing only.
    pub(crate) section: Option<Section>,
    /// What came of the request before this one.
    pub(crate) flash: Option<Flash>,
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Picker,
    Connections,
}

/// One sentence at the top of a page, such as "Renamed."
#[derive(Clone, Debug)]
pub(crate) struct Flash {
    pub(crate) kind: FlashKind,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlashKind {
    Good,
    Warning,
    Bad,
}

impl Shell {
    pub(super) fn is_section(&self, section: Section) -> bool {
        self.section == Some(section)
    }

    pub(super) fn in_picker(&self) -> bool {
        self.is_section(Section::Picker)
    }

    pub(super) fn in_connections(&self) -> bool {
        self.is_section(Section::Connections)
    }

    pub(super) fn application_or(&self, other: &'static str) -> &str {
        self.application.as_deref().unwrap_or(other)
    }
}

impl FlashKind {
    /// The class of it in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warn",
            Self::Bad => "bad",
        }
    }
}
