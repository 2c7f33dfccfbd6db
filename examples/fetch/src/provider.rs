use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use http::{HeaderName, Method as HttpMethod};
use tower_auth::core::{BodyFormat, ClientAuth, Placement};

use crate::document::{Document, Located};
use crate::failure::{Failure, Mistake, Place};
use crate::read;
use crate::template::Template;

/// A provider file: one API and the methods by which it authenticates its callers.
///
/// The keys are those of the project's provider files; those that this program does not act on are refused by name, never
/// passed over.
#[derive(Clone, Debug)]
pub struct Provider {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) docs_url: Option<String>,
    pub(crate) urls: Urls,
    pub(crate) environments: BTreeMap<String, Urls>,
    pub(crate) methods: Vec<Method>,
}

/// URLs that depend on the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Urls {
    pub(crate) base_url: Option<Located<Template>>,
    pub(crate) token_url: Option<Located<Template>>,
}

/// One way to authenticate.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<Field>,
    pub(crate) token_url: Option<Located<Template>>,
    pub(crate) request: TokenRequest,
    pub(crate) default_lifetime: Option<Duration>,
    pub(crate) refresh_margin: Option<Duration>,
    /// `None`: where credentials of this kind usually go.
    pub(crate) placement: Option<Placement>,
    /// The halves of a Basic pair; empty templates for other kinds.
    pub(crate) basic: (Template, Template),
    pub(crate) api_headers: Vec<(HeaderName, Template)>,
    pub(crate) verify: Vec<Verify>,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ClientCredentials,
    ApiKey,
    Basic,
    None,
}

/// The shape of a token request.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    pub(crate) client_auth: ClientAuth,
    pub(crate) body_format: BodyFormat,
    pub(crate) grant_type: GrantType,
    pub(crate) params: Vec<(String, Template)>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) scopes: Vec<String>,
    pub(crate) scope_separator: char,
    pub(crate) skip_empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// The one of the kind.
    Usual,
    Other(String),
    /// None is sent, for servers that know one grant only.
    Omitted,
}

/// A value that the user supplies.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) help_url: Option<String>,
    pub(crate) example: Option<String>,
    pub(crate) secret: bool,
    pub(crate) required: bool,
    pub(crate) default: Option<String>,
    /// Empty: anything goes.
    pub(crate) allowed: Vec<String>,
}

/// A request that shows whether the credential works.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub(crate) method: HttpMethod,
    pub(crate) url: Located<Template>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: Option<Template>,
    /// Empty: any status below 400.
    pub(crate) expect: Vec<u16>,
}

impl Provider {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, and every mistake in it, each with its line and key path.
    pub fn load(path: &str) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("the provider file {path} cannot be read: {error}")))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a provider file; `file` is its name in messages.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Failure> {
        let document = Document::new(file, text);
        let table = document.parse();
        let provider = read::provider(&document.root(&table));
        let mistakes = document.into_mistakes();
        match provider {
            Some(provider) if mistakes.is_empty() => Ok(provider),
            _ => Err(Failure::mistakes(&mistakes)),
        }
    }

    /// The method called `key`; without a key the only one, or the first if there are several.
    pub(crate) fn method(&self, key: Option<&str>) -> Result<&Method, Mistake> {
        let keys: Vec<_> = self.methods.iter().map(|method| method.key.as_str()).collect();
        let found = match key {
            None => self.methods.first(),
            Some(key) => self.methods.iter().find(|method| method.key == key),
        };
        found.ok_or_else(|| {
            let key = key.unwrap_or_default();
            Mistake::new(format!("{} has no method {key:?} for --auth; it has: {}", self.display_name, keys.join(", ")))
        })
    }

    /// Every field of every method, once.
    pub(crate) fn field_names(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.methods.iter().flat_map(|method| &method.fields).map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "oauth2_client_credentials",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
            Self::None => "none",
        }
    }

    /// The fields that a method of this kind has whether its file declares them or not, and whether they are secret.
    pub(crate) fn own_fields(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::ClientCredentials => &[("client_id", false), ("client_secret", true)],
            Self::ApiKey => &[("api_key", true)],
            Self::Basic => &[("username", false), ("password", true)],
            Self::None => &[],
        }
    }
}

impl Field {
    /// A field of which nothing is known but its name.
    pub(crate) fn bare(name: &str, secret: bool) -> Self {
        Self {
            name: name.to_owned(),
            title: None,
            help: None,
            help_url: None,
            example: None,
            secret,
            required: true,
            default: None,
            allowed: Vec::new(),
        }
    }
}

/// A template and where it stands.
pub(crate) fn located(template: Template, place: &Place) -> Located<Template> {
    Located { value: template, place: place.clone() }
}
