use std::collections::BTreeMap;

use crate::document::{Located, Section, unknown};
use crate::failure::Place;
use crate::provider::{Kind, Method, Urls};
use crate::template::{BASE_URL, Template};

/// Objects to names in templates that are not fields of the method, and to secrets in URLs.
pub(crate) fn check_names(
    section: &Section<'_>,
    base_url: Option<&Located<Template>>,
    environments: &BTreeMap<String, Urls>,
    method: &Method,
) {
    let names: Vec<_> = method.fields.iter().map(|field| field.name.as_str()).collect();
    let unknown_field = |name: &str| unknown(&format!("field {name:?}"), name, &names);
    let check = |place: &Place, template: &Template| {
        for name in template.names().filter(|name| !names.contains(name)) {
            section.note(place, unknown_field(name));
        }
    };
    let check_url = |url: &Located<Template>, with_base: bool| {
        for name in url.value.names().filter(|name| !(with_base && *name == BASE_URL)) {
            match method.fields.iter().find(|field| field.name == name) {
                None => section.note(&url.place, unknown_field(name)),
                Some(field) if field.secret => section.note(&url.place, secret_in_url(name)),
                Some(_) => {}
            }
        }
    };
    environments
        .values()
        .filter_map(|urls| urls.base_url.as_ref())
        .chain(base_url)
        .for_each(|url| check_url(url, false));
    if method.kind == Kind::ClientCredentials {
        let token_urls = environments.values().filter_map(|urls| urls.token_url.as_ref()).chain(&method.token_url);
        token_urls.for_each(|url| check_url(url, true));
    }
    let mine = section.place();
    check(mine, &method.basic.0);
    check(mine, &method.basic.1);
    method.request.params.iter().for_each(|(_, template)| check(mine, template));
    method.request.headers.iter().chain(&method.api_headers).for_each(|(_, template)| check(mine, template));
    for verify in &method.verify {
        check_url(&verify.url, true);
        verify.headers.iter().map(|(_, template)| template).chain(&verify.body).for_each(|one| check(mine, one));
    }
}

/// The mistake of a secret in a URL.
pub(crate) fn secret_in_url(name: &str) -> String {
    format!("the field {name:?} is secret, and URLs are shown and logged")
}
