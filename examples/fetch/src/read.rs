//! Reads the tables of a provider file, mistake by mistake.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, Method as HttpMethod};
use tower_auth::core::{BodyFormat, ClientAuth, Placement};

use crate::document::{Located, Section};
use crate::names::check_names;
use crate::provider::{Field, GrantType, Kind, Method, Provider, TokenRequest, Urls, Verify, located};
use crate::schema::{
    BASIC_ENCODINGS, BODY_FORMATS, CLIENT_AUTHS, ENVIRONMENT, EXPECT, EXPIRES, EXPIRY_KINDS, FIELD, FIELD_TYPES, KINDS,
    LIMITS, METHOD, PLACEMENT, PROVIDER, TOKEN_METHODS, VERIFY,
};
use crate::template::{BASE_URL, Template};

/// The whole file; `None` if it lacks what nothing can be said without.
pub(crate) fn provider(section: &Section<'_>) -> Option<Provider> {
    section.check_keys(&PROVIDER);
    let id = section.required("id");
    let display_name = section.string("display_name");
    let _ = section.strings("categories");
    let base_url = url_template(section, "base_url");
    let mut environments = BTreeMap::new();
    if let Some(table) = section.section("environments") {
        for name in table.names() {
            if let Some(environment) = table.section(&name) {
                environments.insert(name, urls(&environment));
            }
        }
    }
    if !section.has("auth") {
        section.note(section.place(), "there is no [[auth]]: at least one method of authentication is needed");
    }
    let several = section.sections("auth");
    let methods: Vec<Method> = several
        .iter()
        .filter_map(|own| {
            let method = method(own)?;
            check_names(own, base_url.as_ref(), &environments, &method);
            Some(method)
        })
        .collect();
    for (index, method) in methods.iter().enumerate() {
        if methods[..index].iter().any(|earlier| earlier.key == method.key) {
            let text = format!("there are two methods called {:?}: give each a \"key\" of its own", method.key);
            section.note(section.place(), text);
        }
    }
    let id = id?;
    if id.value.is_empty() || !id.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        section.note(&id.place, "an id has letters, digits, '-' and '_' only");
    }
    Some(Provider {
        display_name: display_name.map_or_else(|| id.value.clone(), |name| name.value),
        id: id.value,
        docs_url: section.string("docs_url").map(|url| url.value),
        urls: Urls { base_url, token_url: None },
        environments,
        methods,
    })
}

fn urls(section: &Section<'_>) -> Urls {
    section.check_keys(&ENVIRONMENT);
    Urls { base_url: url_template(section, "base_url"), token_url: url_template(section, "token_url") }
}

fn method(section: &Section<'_>) -> Option<Method> {
    section.check_keys(&METHOD);
    if !section.has("kind") {
        section.note(section.place(), "the key \"kind\" is missing");
    }
    let kind = section.choice("kind", &KINDS);
    let key = section.string("key");
    let request = token_request(section);
    let fields: Vec<Field> = section.sections("fields").iter().filter_map(field).collect();
    let (default_lifetime, timeout) = (expires(section), limits(section));
    let placement = placement(section);
    let api_headers = headers(section, "api_headers");
    let verify = section.sections("verify").iter().filter_map(verify).collect();
    let token_url = url_template(section, "token_url");
    let refresh_margin = section.duration("refresh_margin");
    let halves = (text_template(section, "basic_user"), text_template(section, "basic_password"));

    let kind = kind?.value;
    let fields = with_own_fields(kind, fields, halves.0.is_some() || halves.1.is_some());
    check_use(section, kind);
    Some(Method {
        key: key.map_or_else(|| kind.as_str().to_owned(), |key| key.value),
        kind,
        basic: halves_of_pair(kind, halves, &fields),
        fields,
        token_url,
        request,
        default_lifetime,
        refresh_margin,
        placement,
        api_headers,
        verify,
        timeout,
    })
}

/// Objects to keys that have no meaning for the kind.
fn check_use(section: &Section<'_>, kind: Kind) {
    for key in METHOD.known {
        let use_of_key = match *key {
            "token_url" | "client_auth" | "basic_encoding" | "body_format" | "method" | "grant_type"
            | "token_params" | "token_headers" | "scopes" | "default_scopes" | "scope_separator" | "skip_empty"
            | "expires" | "refresh_margin"
                if kind != Kind::ClientCredentials =>
            {
                "this key is for token requests"
            }
            "basic_user" | "basic_password" if kind != Kind::Basic => "this key is for Basic pairs",
            "placement" if matches!(kind, Kind::Basic | Kind::None) => "this key is for tokens and API keys",
            _ => continue,
        };
        section.note_key(key, format!("{use_of_key}, and the kind {:?} has none", kind.as_str()));
    }
}

/// The declared fields, and before them those of the kind that are not declared.
fn with_own_fields(kind: Kind, mut fields: Vec<Field>, own_pair: bool) -> Vec<Field> {
    // A Basic pair may be declared under the names of an OAuth client, so that one pair of values serves both methods.
    let client = fields.iter().any(|field| field.name == "client_id");
    let own = match kind {
        Kind::Basic if own_pair => &[],
        Kind::Basic if client => Kind::ClientCredentials.own_fields(),
        _ => kind.own_fields(),
    };
    for (index, (name, secret)) in own.iter().enumerate() {
        match fields.iter_mut().find(|field| field.name == *name) {
            // Whatever the file says: a secret stays one.
            Some(field) => field.secret |= secret,
            None => fields.insert(index.min(fields.len()), Field::bare(name, *secret)),
        }
    }
    fields
}

/// What a Basic pair is made of. With one half written the other is empty unless it is written too: an API key as user name.
fn halves_of_pair(kind: Kind, written: (Option<Template>, Option<Template>), fields: &[Field]) -> (Template, Template) {
    match written {
        _ if kind != Kind::Basic => (Template::empty(), Template::empty()),
        (None, None) if fields.iter().any(|field| field.name == "client_id") => {
            (Template::of_field("client_id"), Template::of_field("client_secret"))
        }
        (None, None) => (Template::of_field("username"), Template::of_field("password")),
        (user, password) => (user.unwrap_or_else(Template::empty), password.unwrap_or_else(Template::empty)),
    }
}

fn token_request(section: &Section<'_>) -> TokenRequest {
    let client_auth = section.choice("client_auth", &CLIENT_AUTHS).map(|choice| choice.value);
    let form_encoded = section.choice("basic_encoding", &BASIC_ENCODINGS);
    let client_auth = match (client_auth.unwrap_or(ClientAuth::Body), form_encoded) {
        (ClientAuth::BasicRaw, Some(Located { value: true, .. })) => ClientAuth::Basic,
        (other, Some(Located { value: true, place })) => {
            section.note(&place, "this encoding is for client_auth = \"basic\" only");
            other
        }
        (other, _) => other,
    };
    let _ = section.choice("method", &TOKEN_METHODS);
    let (scopes, default_scopes) = (section.strings("scopes"), section.strings("default_scopes"));
    let scopes = if scopes.is_empty() { default_scopes } else { scopes };
    TokenRequest {
        client_auth,
        body_format: section.choice("body_format", &BODY_FORMATS).map_or(BodyFormat::Form, |choice| choice.value),
        grant_type: grant_type(section),
        params: section
            .map("token_params")
            .into_iter()
            .filter_map(|(name, text)| Some((name, parse(section, &text)?)))
            .collect(),
        headers: headers(section, "token_headers"),
        scopes: scopes.into_iter().map(|scope| scope.value).collect(),
        scope_separator: scope_separator(section),
        skip_empty: section.boolean("skip_empty").unwrap_or(false),
    }
}

/// A text; `"omit"` or `false` for none.
fn grant_type(section: &Section<'_>) -> GrantType {
    if section.is_boolean("grant_type", false) {
        return GrantType::Omitted;
    }
    match section.string("grant_type") {
        None => GrantType::Usual,
        Some(text) if text.value == "omit" => GrantType::Omitted,
        Some(text) => GrantType::Other(text.value),
    }
}

fn scope_separator(section: &Section<'_>) -> char {
    let Some(text) = section.string("scope_separator") else { return ' ' };
    let mut characters = text.value.chars();
    match (characters.next(), characters.next()) {
        (Some(separator), None) => separator,
        _ => {
            section.note(&text.place, "this must be one character");
            ' '
        }
    }
}

fn field(section: &Section<'_>) -> Option<Field> {
    section.check_keys(&FIELD);
    let _ = section.choice("type", &FIELD_TYPES);
    let text = |key| section.string(key).map(|text| text.value);
    let name = section.required("name")?;
    if Template::parse(&format!("{{{}}}", name.value)).is_err() || matches!(name.value.as_str(), BASE_URL | "token_url")
    {
        section.note(&name.place, "a field's name has letters, digits and '_' only, and is not base_url or token_url");
    }
    let secret = section.boolean("secret").unwrap_or(false);
    if secret && section.has("default") {
        section.note(&name.place, "a secret has no default");
    }
    Some(Field {
        secret,
        title: text("title"),
        help: text("help"),
        help_url: text("help_url"),
        example: text("example"),
        required: section.boolean("required").unwrap_or(true),
        default: text("default"),
        allowed: section.strings("enum").into_iter().map(|text| text.value).collect(),
        name: name.value,
    })
}

fn expires(section: &Section<'_>) -> Option<Duration> {
    let own = section.section("expires")?;
    own.check_keys(&EXPIRES);
    let _ = own.choice("kind", &EXPIRY_KINDS);
    own.duration("default")
}

fn limits(section: &Section<'_>) -> Option<Duration> {
    let own = section.section("limits")?;
    own.check_keys(&LIMITS);
    own.duration("timeout")
}

fn placement(section: &Section<'_>) -> Option<Placement> {
    let mut whole: Option<Placement> = None;
    for own in section.sections("placement") {
        own.check_keys(&PLACEMENT);
        let value = own.string("value").map_or_else(|| "{token}".to_owned(), |text| text.value);
        let place = match (own.string("header"), own.string("query")) {
            (Some(name), None) => header_name(&own, &name).map(|header| Placement::header(header, &value)),
            (None, Some(name)) => Some(Placement::insecure_query(&name.value)),
            _ => {
                own.note(own.place(), "this must have either \"header\" or \"query\"");
                None
            }
        };
        match place {
            Some(Ok(place)) => {
                whole = Some(match whole {
                    Some(others) => others.and(place),
                    None => place,
                })
            }
            Some(Err(error)) => own.note(own.place(), error.to_string()),
            None => {}
        }
    }
    whole
}

fn verify(section: &Section<'_>) -> Option<Verify> {
    section.check_keys(&VERIFY);
    let method = match section.string("method") {
        None => HttpMethod::GET,
        Some(text) => text.value.parse().unwrap_or_else(|_| {
            section.note(&text.place, "this is not an HTTP method");
            HttpMethod::GET
        }),
    };
    if !section.has("url") {
        section.note(section.place(), "the key \"url\" is missing");
    }
    let expect = if section.is_table("expect") {
        let own = section.section("expect")?;
        own.check_keys(&EXPECT);
        own.integer("status")
    } else {
        section.integer("expect")
    };
    Some(Verify {
        method,
        headers: headers(section, "headers"),
        body: text_template(section, "body"),
        expect: expect.and_then(|status| u16::try_from(status.value).ok()).into_iter().collect(),
        url: url_template(section, "url")?,
    })
}

fn headers(section: &Section<'_>, key: &str) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (name, text) in section.map(key) {
        let named = Located { value: name, place: text.place.clone() };
        if let (Some(name), Some(value)) = (header_name(section, &named), parse(section, &text)) {
            headers.push((name, value));
        }
    }
    headers
}

fn header_name(section: &Section<'_>, name: &Located<String>) -> Option<HeaderName> {
    let parsed = name.value.parse().ok();
    if parsed.is_none() {
        section.note(&name.place, format!("{:?} is not the name of a header", name.value));
    }
    parsed
}

/// A URL template whose scheme, if it is written, is one that can be used.
fn url_template(section: &Section<'_>, key: &str) -> Option<Located<Template>> {
    let text = section.string(key)?;
    if text.value.contains("://") && !text.value.starts_with("https://") && !text.value.starts_with("http://") {
        section.note(&text.place, "this must be an https URL");
    }
    Some(located(parse(section, &text)?, &text.place))
}

fn text_template(section: &Section<'_>, key: &str) -> Option<Template> {
    parse(section, &section.string(key)?)
}

fn parse(section: &Section<'_>, text: &Located<String>) -> Option<Template> {
    match Template::parse(&text.value) {
        Ok(template) => Some(template),
        Err(why) => {
            section.note(&text.place, why);
            None
        }
    }
}
