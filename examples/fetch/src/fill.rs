use std::collections::BTreeMap;

use http::Uri;
use tower_auth::core::Secret;
use zeroize::Zeroizing;

use crate::document::Located;
use crate::failure::{Failure, Mistake};
use crate::names::secret_in_url;
use crate::origins::Origins;
use crate::provider::{Field, Kind, Method, Provider, Urls};
use crate::template::{BASE_URL, Template};
use crate::values::{Found, Values, variable};

/// A method of a provider with everything filled in that it needs.
#[derive(Clone, Debug)]
pub struct Filled {
    pub(crate) provider: String,
    pub(crate) docs_url: Option<String>,
    pub(crate) method: Method,
    pub(crate) fields: BTreeMap<String, Filling>,
    pub(crate) base_url: Option<Url>,
    pub(crate) token_url: Option<Url>,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    pub(crate) value: Secret,
    /// Where it came from; `None` if it is an optional one that nobody gave.
    pub(crate) from: Option<String>,
    pub(crate) secret: bool,
}

/// A URL that was checked. No secret field is in it.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    pub(crate) uri: Uri,
    pub(crate) from: String,
}

/// What to fill.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// The method's key; the first method if there is none.
    pub auth: Option<&'a str>,
    /// The name of a set of URLs; `production`, if the file has one, if there is none.
    pub environment: Option<&'a str>,
    /// Whether the API's base URL must be known.
    pub needs_base_url: bool,
}

/// A value that nobody gave.
struct Missing {
    name: String,
    secret: bool,
    about: String,
}

impl Filled {
    /// Looks up every value that the selected method needs, and checks the URLs. Nothing is sent.
    ///
    /// # Errors
    /// Every value that is missing, by the name of its field, and every one that cannot be used.
    pub async fn gather(
        provider: &Provider,
        selection: Selection<'_>,
        values: &Values,
        origins: &Origins,
    ) -> Result<Self, Failure> {
        let mut mistakes = Vec::new();
        let (Some(method), Some(urls)) = (
            note(&mut mistakes, provider.method(selection.auth)),
            note(&mut mistakes, environment(provider, selection.environment)),
        ) else {
            return Err(Failure::mistakes(&mistakes));
        };
        let mut missing = Vec::new();
        let mut fields = BTreeMap::new();
        for field in &method.fields {
            match note(&mut mistakes, fill(field, values).await) {
                Some(Some(filling)) => {
                    fields.insert(field.name.clone(), filling);
                }
                Some(None) => {
                    missing.push(Missing { name: field.name.clone(), secret: field.secret, about: about(field) })
                }
                None => {}
            }
        }
        let mut filled = Self {
            provider: provider.display_name.clone(),
            docs_url: provider.docs_url.clone(),
            method: method.clone(),
            fields,
            base_url: None,
            token_url: None,
        };
        let base = urls.base_url.as_ref().or(provider.urls.base_url.as_ref());
        let base = note(&mut mistakes, url_template(BASE_URL, base, values).await).flatten();
        let token = urls.token_url.as_ref().or(method.token_url.as_ref());
        let token = note(&mut mistakes, url_template("token_url", token, values).await).flatten();
        let wants_token = method.kind == Kind::ClientCredentials;
        let token_needs_base =
            token.as_ref().is_some_and(|(template, _)| template.names().any(|name| name == BASE_URL));
        let needs_base = selection.needs_base_url || wants_token && token_needs_base;
        for (name, about, needed, template) in [
            (BASE_URL, "where the API is", needs_base, &base),
            ("token_url", "where tokens are issued", wants_token, &token),
        ] {
            if needed && template.is_none() {
                missing.push(Missing { name: name.to_owned(), secret: false, about: about.to_owned() });
            }
        }
        if missing.is_empty() {
            if let Some((template, from)) = base {
                filled.base_url = note(&mut mistakes, filled.checked_url(BASE_URL, &template, &from, origins));
            }
            if let Some((template, from)) = token.filter(|_| wants_token) {
                filled.token_url = note(&mut mistakes, filled.checked_url("token_url", &template, &from, origins));
            }
        }
        if !missing.is_empty() {
            mistakes.insert(0, Mistake::new(say_missing(provider, &missing)));
        }
        if mistakes.is_empty() { Ok(filled) } else { Err(Failure::mistakes(&mistakes)) }
    }

    /// The text of a template, secrets included.
    pub(crate) fn text(&self, template: &Template) -> Zeroizing<String> {
        template.fill(|name| self.value(name))
    }

    /// The URL of a template; `{base_url}` is the API's.
    pub(crate) fn url(&self, template: &Template) -> Result<String, String> {
        let base = self.base_url.as_ref().map(|url| url.uri.to_string());
        template.fill_url(|name| if name == BASE_URL { base.as_deref() } else { self.value(name) })
    }

    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|filling| filling.value.expose_secret())
    }

    fn checked_url(&self, name: &str, template: &Template, from: &str, origins: &Origins) -> Result<Url, Mistake> {
        let wrong = |why: String| Mistake::new(format!("{name} ({from}): {why}"));
        if let Some(secret) = template.names().find(|name| self.fields.get(*name).is_some_and(|field| field.secret)) {
            return Err(wrong(secret_in_url(secret)));
        }
        let url = self.url(template).map_err(wrong)?;
        let uri = origins.check(&url).map_err(wrong)?;
        Ok(Url { uri, from: from.to_owned() })
    }
}

/// The URLs of the selected environment.
fn environment(provider: &Provider, name: Option<&str>) -> Result<Urls, Mistake> {
    match (name, provider.environments.get(name.unwrap_or("production"))) {
        (_, Some(urls)) => Ok(urls.clone()),
        (None, None) => Ok(Urls::default()),
        (Some(name), None) => {
            let known: Vec<_> = provider.environments.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Mistake::new(format!("{} has no environment {name:?}; it has: {known}", provider.display_name)))
        }
    }
}

/// The value of a field; `None` if it is required and nobody gave one.
async fn fill(field: &Field, values: &Values) -> Result<Option<Filling>, Mistake> {
    let found = match values.find(&field.name).await? {
        Some(found) => Some(found),
        None => field
            .default
            .as_ref()
            .map(|text| Found { value: Secret::new(text.as_str()), from: "the provider file's default".to_owned() }),
    };
    let Some(Found { value, from }) = found else {
        let absent = Filling { value: Secret::new(""), from: None, secret: field.secret };
        return Ok((!field.required).then_some(absent));
    };
    if !field.allowed.is_empty() && !field.allowed.iter().any(|allowed| allowed == value.expose_secret()) {
        let allowed = field.allowed.join(", ");
        return Err(Mistake::new(format!("{} ({from}): the value must be one of: {allowed}", field.name)));
    }
    Ok(Some(Filling { value, from: Some(from), secret: field.secret }))
}

/// The operator's URL if there is one, else the file's.
async fn url_template(
    name: &str,
    written: Option<&Located<Template>>,
    values: &Values,
) -> Result<Option<(Template, String)>, Mistake> {
    let Some(found) = values.find(name).await? else {
        return Ok(written.map(|url| (url.value.clone(), url.place.to_string())));
    };
    let template = Template::parse(found.value.expose_secret())
        .map_err(|why| Mistake::new(format!("{name} ({}): {why}", found.from)))?;
    Ok(Some((template, found.from)))
}

/// What the provider file says of a field, for somebody who has to find its value.
pub(crate) fn about(field: &Field) -> String {
    let example = field.example.as_ref().map(|example| format!("for example {example}"));
    let parts = [field.title.clone(), field.help.clone(), field.help_url.clone(), example];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn say_missing(provider: &Provider, missing: &[Missing]) -> String {
    let names: Vec<_> = missing.iter().map(|one| one.name.as_str()).collect();
    let mut text = format!("{} needs values that are not there: {}", provider.display_name, names.join(", "));
    for Missing { name, secret, about } in missing {
        if !about.is_empty() {
            text.push_str(&format!("\n  {name}: {about}"));
        }
        let variable = variable(&provider.id, name);
        let way = if *secret { "= { file = \"…\" } in a values file" } else { "in a values file, or --set" };
        text.push_str(&format!("\n  {name}: set {variable}, or {name} {way}"));
    }
    text
}

fn note<T>(mistakes: &mut Vec<Mistake>, result: Result<T, Mistake>) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}
