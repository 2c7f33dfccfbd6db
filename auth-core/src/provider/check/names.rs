//! Whether every name in a template is known there, and whether the values that decide a host are bounded.

use crate::config::{At, Notes, invalid, unknown};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::provider::field::FieldSpec;
use crate::provider::kind::{AuthKind, FieldFormat, FieldSource, UrlKey};
use crate::provider::model::{AuthMethod, Headers, Located, Params, Place, PlacementSpec, RequestSpec};
use crate::provider::names::RESERVED;
use crate::provider::read::Draft;
use crate::provider::template::{Name, Template, UrlTemplate};

/// Which names may be used somewhere.
#[derive(Clone, Copy)]
struct Room<'a> {
    method: &'a AuthMethod,
    /// The names with a meaning.
    meanings: &'a [&'a str],
    /// How many answers are known.
    steps: usize,
    /// Whose values are known at that time.
    known: &'a [FieldSource],
    /// Fields that requests before have filled.
    filled: &'a [&'a str],
}

/// Where a URL is used.
#[derive(Clone, Copy)]
pub(in crate::provider) struct UrlUse {
    pub(in crate::provider) key: UrlKey,
}

const EARLY: &[FieldSource] = &[FieldSource::User];
const EXCHANGE: &[FieldSource] = &[FieldSource::User, FieldSource::Callback];
const CONNECTED: &[FieldSource] = &[FieldSource::User, FieldSource::Callback, FieldSource::TokenResponse];
const LATE: &[FieldSource] =
    &[FieldSource::User, FieldSource::Callback, FieldSource::TokenResponse, FieldSource::Probe];

pub(super) fn check(draft: &Draft, method: &AuthMethod, notes: &Notes) {
    let urls = draft.urls.iter().filter(|(key, _)| !method.urls.contains_key(key));
    let of_environments = draft.environments.values().flatten().filter(|(key, _)| method.knows_url(**key));
    for (key, url) in method.urls.iter().chain(urls).chain(of_environments) {
        check_url(method, UrlUse { key: *key }, url, notes);
    }
    let checker = Checker { method, notes };
    let signed = method.assertion.is_some();
    let consent = method.kind == AuthKind::OAuth2Code;
    let mut exchange = vec!["base_url", "token_url", "scopes"];
    exchange.extend(signed.then_some("assertion"));
    exchange.extend(consent.then_some("redirect_uri"));
    let mut renewal = vec!["base_url", "token_url", "scopes", "token", "refresh_token"];
    renewal.extend(signed.then_some("assertion"));
    let all_steps = method.steps.len() + 1;
    let room = |meanings, steps, known| Room { method, meanings, steps, known, filled: &[] };

    checker.params(&method.consent.params, room(&["base_url", "redirect_uri", "scopes"], 0, EARLY));
    let token = &method.token;
    checker.params(&token.params, room(&exchange, 0, EXCHANGE));
    checker.headers(&token.headers, room(&exchange, 0, EXCHANGE));
    token.scopes.iter().chain(&token.default_scopes).for_each(|one| checker.text(one, room(&["base_url"], 0, EARLY)));
    if let Some((user, password)) = &token.basic {
        checker.text(user, room(&["base_url"], 0, EXCHANGE));
        checker.text(password, room(&["base_url"], 0, EXCHANGE));
    }
    checker.params(&method.renewal.params, room(&renewal, 0, LATE));
    checker.headers(&method.renewal.headers, room(&renewal, 0, LATE));
    for (index, step) in method.steps.iter().enumerate() {
        let before = method.steps.iter().take(index).flat_map(|step| &step.capture);
        let filled: Vec<_> = before.map(|capture| capture.name.as_str()).collect();
        checker.request(step, Room { filled: &filled, ..room(&exchange, index + 1, EXCHANGE) });
    }
    if let Some(assertion) = &method.assertion {
        let own = room(&["base_url", "token_url", "scopes"], 0, EXCHANGE);
        let texts = [Some(&assertion.key), assertion.kid.as_ref(), assertion.x5t.as_ref()];
        texts.into_iter().flatten().for_each(|one| checker.text(one, own));
        checker.params(&assertion.header, own);
        checker.params(&assertion.claims, own);
    }
    if let Some(pair) = &method.client_certificate {
        checker.text(&pair.certificate, room(&[], 0, EARLY));
        checker.text(&pair.key, room(&[], 0, EARLY));
    }
    let with_token: &[&str] = &["base_url", "token"];
    checker.placements(&method.placement, room(with_token, all_steps, LATE));
    for one in &method.secondary_tokens {
        checker.params(&one.params, room(&renewal, 0, LATE));
        checker.placements(&one.placement, room(with_token, 0, LATE));
        if let Some(url) = &one.url {
            check_url(method, UrlUse { key: UrlKey::Refresh }, url, notes);
        }
    }
    checker.headers(&method.api_headers, room(with_token, all_steps, LATE));
    checker.params(&method.api_query, room(&["base_url"], all_steps, LATE));
    for (_, value) in &method.api_query {
        for template in value.value.templates() {
            checker.no_secret(&value.at, &template.names());
        }
    }
    if let Some(signer) = &method.signer {
        signer.params.iter().for_each(|(_, one)| checker.text(one, room(with_token, all_steps, LATE)));
    }
    for request in &method.verify {
        checker.request(request, room(with_token, all_steps, CONNECTED));
        checker.on_api_host(draft, request);
    }
    for request in &method.probe {
        checker.request(request, room(with_token, all_steps, LATE));
        checker.on_api_host(draft, request);
    }
    if let Some(request) = &method.revoke {
        checker.request(request, room(&["base_url", "token", "refresh_token"], 0, LATE));
    }
}

/// Objects to names in a URL that are not known there, to secrets, and to hosts that anybody could choose.
pub(in crate::provider) fn check_url(method: &AuthMethod, used: UrlUse, url: &Located<UrlTemplate>, notes: &Notes) {
    let (meanings, known): (&[&str], _) = match used.key {
        UrlKey::Base => (&[], LATE),
        UrlKey::Authorize | UrlKey::Issuer => (&["base_url"], EARLY),
        UrlKey::Token => (&["base_url"], EXCHANGE),
        UrlKey::Refresh | UrlKey::Revoke | UrlKey::Introspect | UrlKey::Device => (&["base_url", "token_url"], LATE),
    };
    let checker = Checker { method, notes };
    checker.url(url, Room { method, meanings, steps: 0, known, filled: &[] });
}

struct Checker<'a> {
    method: &'a AuthMethod,
    notes: &'a Notes,
}

impl Checker<'_> {
    fn note(&self, at: &At, text: &str) {
        self.notes.push(at, invalid(text));
    }

    fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.method.fields.iter().find(|field| field.name == name)
    }

    fn text(&self, one: &Located<Template>, room: Room<'_>) {
        self.names(&one.at, &one.value.names(), &one.value.needed_names(), room);
    }

    fn params(&self, params: &Params, room: Room<'_>) {
        for (_, value) in params {
            for template in value.value.templates() {
                self.names(&value.at, &template.names(), &template.needed_names(), room);
            }
        }
    }

    fn headers(&self, headers: &Headers, room: Room<'_>) {
        headers.iter().for_each(|(_, value)| self.text(value, room));
    }

    fn request(&self, request: &RequestSpec, room: Room<'_>) {
        self.url(&request.url, room);
        self.headers(&request.headers, room);
        self.params(&request.params, room);
        request.body.iter().for_each(|body| self.text(body, room));
    }

    fn placements(&self, placements: &[PlacementSpec], room: Room<'_>) {
        for one in placements {
            match &one.place {
                Place::Path(path) => self.names(&one.value.at, &path.names(), &path.needed_names(), room),
                _ => self.text(&one.value, room),
            }
        }
    }

    fn url(&self, url: &Located<UrlTemplate>, room: Room<'_>) {
        let names = url.value.names();
        self.names(&url.at, &names, &url.value.needed_names(), room);
        self.no_secret(&url.at, &names);
        for name in url.value.deciding_names() {
            if let Err(text) = self.decides(name, url.value.begins_with_value()) {
                self.notes.push(&url.at, ConfigError::new(ConfigErrorKind::InvalidUrl, text));
            }
        }
    }

    fn names(&self, at: &At, names: &[&Name], needed: &[&Name], room: Room<'_>) {
        for name in names {
            match name {
                Name::Step(number, _) if room.steps == 0 => {
                    self.note(at, &format!("there is no answer yet that {{step{number}}} could be"));
                }
                Name::Step(number, _) if *number > room.steps => {
                    let last = room.steps;
                    self.note(at, &format!("{{step{number}}} does not exist yet: the last answer here is step{last}"));
                }
                Name::Step(..) => {}
                Name::Plain(name) if room.meanings.contains(&name.as_str()) => {}
                Name::Plain(name) => match self.field(name) {
                    None if RESERVED.contains(&name.as_str()) => {
                        self.note(at, &format!("{{{name}}} is not known here"));
                    }
                    None => {
                        let fields = room.method.fields.iter().map(|field| field.name.as_str());
                        let known: Vec<_> = fields.chain(room.meanings.iter().copied()).collect();
                        self.note(at, &unknown(&format!("field {name:?}"), name, &known));
                    }
                    Some(field) => {
                        let there = room.known.contains(&field.source) || room.filled.contains(&name.as_str());
                        let needed = needed.iter().any(|own| matches!(own, Name::Plain(own) if own == name));
                        if !there && needed && field.default.is_none() {
                            let source = field.source.as_str();
                            let text = format!(
                                "the field {name:?} comes from the {source}, so it is not known here yet; write an alternative, \
                                 {{{name}||…}}"
                            );
                            self.note(at, &text);
                        }
                    }
                },
            }
        }
    }

    fn no_secret(&self, at: &At, names: &[&Name]) {
        for name in names {
            let Name::Plain(name) = name else { continue };
            let by_meaning = matches!(name.as_str(), "token" | "refresh_token" | "assertion");
            if by_meaning || self.field(name).is_some_and(|field| field.secret) {
                let text = format!("the field {name:?} is secret, and URLs are shown and logged");
                self.note(at, &text);
            }
        }
    }

    /// Whether the value of `name` may decide to whom a request goes.
    fn decides(&self, name: &Name, whole: bool) -> Result<(), String> {
        let Name::Plain(name) = name else {
            return Err(
                "an answer must not decide the host: keep it by \"capture\" in a field with a pattern".to_owned()
            );
        };
        if whole && matches!(name.as_str(), "base_url" | "token_url") {
            return Ok(());
        }
        // A name that nobody knows was objected to already.
        let Some(field) = self.field(name) else { return Ok(()) };
        let listed = !field.allowed.is_empty();
        if whole && field.format != Some(FieldFormat::Uri) && field.pattern.is_none() && !listed {
            return Err(format!(
                "the field {name:?} begins a URL, so it needs format = \"uri\"; or write https:// before it"
            ));
        }
        if field.source == FieldSource::User {
            let bounded = field.format == Some(FieldFormat::Hostname) || whole || field.pattern.is_some() || listed;
            return if bounded {
                Ok(())
            } else {
                Err(format!(
                    "the field {name:?} decides the end of the host, so it needs format = \"hostname\", a pattern or an enum"
                ))
            };
        }
        // Who sends the callback or the answer must not be able to send our credentials elsewhere.
        let strangers = ["stranger.invalid", "https://stranger.invalid", "203.0.113.1", "https://203.0.113.1"];
        let narrow = field.pattern.as_ref().is_some_and(|pattern| !strangers.iter().any(|one| pattern.matches(one)));
        if narrow || listed {
            Ok(())
        } else {
            Err(format!(
                "the field {name:?} comes from the {} and decides the host, so it needs an enum, or a pattern that ends with a \
                 fixed domain",
                field.source.as_str()
            ))
        }
    }

    fn on_api_host(&self, draft: &Draft, request: &RequestSpec) {
        if !request.authorized || request.url.value.begins_with("base_url") {
            return;
        }
        let base = self.method.urls.get(&UrlKey::Base).or_else(|| draft.urls.get(&UrlKey::Base));
        let of_base = base.and_then(|url| url.value.fixed_host());
        if of_base.is_none() || of_base != request.url.value.fixed_host() {
            self.note(
                &request.url.at,
                "the credential goes to the host of base_url only: begin with {base_url}, or write authorized = false",
            );
        }
    }
}
