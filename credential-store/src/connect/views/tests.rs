//! What holds for every page.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use tower_auth_core::ProviderSpecs;

use super::samples::{HOSTILE, SECRET, Samples};
use super::*;
use crate::connect::assets::{PagePolicy, icon, script, stylesheet};

/// A start tag. Attributes without a value have an empty one.
struct Tag {
    name: String,
    attributes: HashMap<String, String>,
    /// Where the text behind it begins.
    end: usize,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// The start tags of a page, read as a browser reads them as far as quotes go. It panics at what our templates never have.
fn tags(page: &str) -> Vec<Tag> {
    let (mut tags, mut at) = (Vec::new(), 0);
    while let Some(start) = page[at..].find('<').map(|found| at + found) {
        at = start + 1;
        if !page[at..].starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            assert!(page[at..].starts_with(['/', '!']), "a stray < in {}", &page[start..(start + 40).min(page.len())]);
            continue;
        }
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, '>' | '=');
        let name_end = at + page[at..].find(ends).unwrap();
        let name = page[at..name_end].to_owned();
        let mut attributes = HashMap::new();
        at = name_end;
        loop {
            at += page[at..].len() - page[at..].trim_start().len();
            if page[at..].starts_with('>') {
                at += 1;
                break;
            }
            let end = at + page[at..].find(ends).unwrap();
            let attribute = page[at..end].to_owned();
            assert!(!attribute.is_empty() && !attribute.contains(['"', '\'', '<']), "{attribute} in <{name}>");
            at = end;
            let mut value = String::new();
            if page[at..].starts_with('=') {
                assert!(page[at..].starts_with("=\""), "an attribute without quotes in <{name}>");
                let close = at + 2 + page[at + 2..].find('"').unwrap();
                page[at + 2..close].clone_into(&mut value);
                at = close + 1;
            }
            assert!(attributes.insert(attribute, value).is_none(), "an attribute twice in <{name}>");
        }
        tags.push(Tag { name, attributes, end: at });
    }
    tags
}

fn pages() -> Vec<(String, String)> {
    let named = |prefix: &str, is_hostile| {
        let pages = Samples { is_hostile }.all().into_iter();
        pages.map(|(name, page)| (format!("{prefix}{name}"), page)).collect::<Vec<_>>()
    };
    [named("", false), named("hostile ", true)].concat()
}

#[test]
fn no_text_becomes_markup() {
    for (name, page) in pages() {
        assert!(!page.contains("alert(1)</script>"), "{name}");
        assert!(!page.contains("<img src=x"), "{name}");
        for tag in tags(&page) {
            for (attribute, value) in &tag.attributes {
                assert!(!attribute.starts_with("on"), "{attribute} in {name}");
                assert!(attribute != "style", "{name}");
                assert!(!value.trim_start().to_ascii_lowercase().starts_with("javascript:"), "{name}");
            }
            match tag.name.as_str() {
                "style" | "base" | "iframe" | "object" => panic!("<{}> in {name}", tag.name),
                "script" => {
                    assert_eq!(tag.get("src"), Some(format!("/connect/assets/{}", script().name()).as_str()), "{name}");
                    assert!(page[tag.end..].starts_with("</script>"), "{name}");
                }
                "link" => {
                    let file = if tag.get("rel") == Some("icon") { icon() } else { stylesheet() };
                    assert!(tag.get("href").unwrap().ends_with(file.name()), "{name}");
                }
                _ => {}
            }
        }
    }
    let hostile = Samples { is_hostile: true }.all();
    let shown = hostile.iter().filter(|(_, page)| page.contains("&#60;script&#62;alert(1)")).count();
    assert_eq!(shown, hostile.len(), "each page shows a hostile text, and escapes it: {HOSTILE}");
}

#[test]
fn no_page_has_a_secret() {
    for (name, page) in pages() {
        assert!(!page.contains(SECRET), "{name}");
        for tag in tags(&page).iter().filter(|tag| tag.get("type") == Some("password")) {
            assert!(tag.get("value").is_none(), "{name}");
        }
    }
    let field = Field::answered(
        Field {
            name: "key".to_owned(),
            title: String::new(),
            help: None,
            help_url: None,
            example: None,
            kind: InputKind::Pem,
            secret: true,
            required: true,
            pattern: None,
            prefix: None,
            suffix: None,
            visible_when: None,
            value: SECRET.to_owned(),
            error: None,
        },
        SECRET,
        None,
    );
    assert_eq!(field.value, "");
    assert!(!format!("{:?}", Field { value: SECRET.to_owned(), ..field }).contains(SECRET));
}

#[test]
fn each_page_has_a_language_a_title_and_one_heading() {
    let mut titles = HashSet::new();
    for (name, page) in pages() {
        let tags = tags(&page);
        let count = |wanted: &str| tags.iter().filter(|tag| tag.name == wanted).count();
        assert_eq!((count("h1"), count("title"), count("main")), (1, 1, 1), "{name}");
        assert_eq!(tags[0].get("lang"), Some("en"), "{name}");
        let title = page.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        assert!(!title.trim().is_empty() && !title.contains("  ") && !title.contains('\n'), "{name}: {title:?}");
        titles.insert(title.to_owned());
    }
    assert!(titles.len() > 20, "titles tell pages apart");
}

#[test]
fn ids_are_unique_and_all_that_is_named_exists() {
    pages().iter().for_each(|(name, page)| check_names(name, page));
}

fn check_names(name: &str, page: &str) {
    let tags = tags(page);
    let mut ids = HashSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        assert!(ids.insert(id), "#{id} twice in {name}");
    }
    for tag in &tags {
        for attribute in ["for", "aria-describedby", "aria-labelledby", "aria-controls"] {
            for id in tag.get(attribute).unwrap_or_default().split_whitespace() {
                assert!(ids.contains(id), "{attribute} of <{}> names #{id}, which is not in {name}", tag.name);
            }
        }
        if let Some(id) = tag.get("href").and_then(|href| href.strip_prefix('#')) {
            assert!(ids.contains(id), "a link to #{id}, which is not in {name}");
        }
    }
}

#[test]
fn each_input_has_a_label_and_each_form_that_changes_something_a_csrf_field() {
    pages().iter().for_each(|(name, page)| check_inputs(name, page));
}

fn check_inputs(name: &str, page: &str) {
    let tags = tags(page);
    let labels: HashSet<_> = tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    for tag in tags.iter().filter(|tag| matches!(tag.name.as_str(), "input" | "select" | "textarea")) {
        if tag.get("type") != Some("hidden") {
            assert!(tag.get("id").is_some_and(|id| labels.contains(id)), "{:?} in {name}", tag.get("name"));
        }
    }
    for form in page.split("<form ").skip(1) {
        let form = form.split_once("</form>").unwrap().0;
        let is_post = form.contains("method=\"post\"");
        assert_eq!(is_post, form.contains("<input type=\"hidden\" name=\"csrf\""), "{name}");
        assert_eq!(!is_post, form.contains("method=\"get\""), "{name}");
        assert!(form.contains("<button "), "{name}");
    }
    for link in tags.iter().filter(|tag| tag.get("target") == Some("_blank")) {
        assert_eq!(link.get("rel"), Some("noopener noreferrer"), "{name}");
    }
}

#[test]
fn error_summaries_lead_to_the_fields() {
    let page = Samples { is_hostile: false }.all().into_iter().find(|(name, _)| *name == "form-errors").unwrap().1;
    let summary = page.split_once("role=\"alert\"").unwrap().1.split_once("</div>").unwrap().0;
    for id in ["field-domain", "field-api_key", "label"] {
        assert!(summary.contains(&format!("href=\"#{id}\"")), "{id}");
        let tags = tags(&page);
        let input = tags.iter().find(|tag| tag.get("id") == Some(id)).unwrap();
        assert_eq!(input.get("aria-invalid"), Some("true"));
        assert!(input.get("aria-describedby").unwrap().contains(&format!("{id}-error")));
    }
    assert!(page.contains("value=\"north wind\""), "what was typed is kept");
    assert!(page.contains("<title>Error: "));
}

#[test]
fn only_a_field_that_nothing_hides_is_required_without_the_script() {
    let page = Samples { is_hostile: false }.all().into_iter().find(|(name, _)| *name == "form-all-kinds").unwrap().1;
    let tags = tags(&page);
    let is_required = |id: &str| tags.iter().find(|tag| tag.get("id") == Some(id)).unwrap().get("required").is_some();
    assert!(is_required("field-grant") && is_required("field-token_url"));
    assert!(!is_required("field-username") && !is_required("field-password") && !is_required("field-extra"));
}

#[test]
fn search_finds_by_each_word() {
    let connector =
        ConnectorLabel { id: "google-ads".to_owned(), name: "Google Ads".to_owned(), description: None, logo: None };
    let entry = PickerEntry { connector, categories: vec!["Marketing".to_owned()], connected: 0 };
    for query in ["", "goo", "ADS google", " market "] {
        assert!(entry.matches(query), "{query}");
    }
    assert!(!entry.matches("google drive"));
}

#[test]
fn the_form_of_each_described_method_is_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers");
    let specs = ProviderSpecs::from_folder(folder).unwrap();
    let mut count = 0;
    for spec in specs.iter() {
        for method in spec.methods() {
            let form = ConnectForm {
                shell: Samples { is_hostile: false }.shell(Some(Section::Picker)),
                connector: ConnectorLabel::from_spec(spec),
                purpose: Purpose::Connect,
                methods: spec.methods().iter().map(MethodTab::from_method).collect(),
                method: method.key().to_owned(),
                notices: Notice::of_method(method).into_iter().collect(),
                fields: method.fields().iter().filter(|field| field.is_asked_for()).map(Field::from_spec).collect(),
                label: Some(LabelInput::default()),
                errors: Vec::new(),
                check_failure: None,
                next: Next::Store,
                docs_url: spec.docs_url().and_then(WebUrl::new),
            };
            let (name, page) = (format!("{} {}", spec.id(), method.key()), form.render().unwrap());
            check_names(&name, &page);
            check_inputs(&name, &page);
            assert!(page.contains(&format!("name=\"method\" value=\"{}\"", method.key())), "{name}");
            count += 1;
        }
    }
    assert!(count > 96, "{count} methods");
}

/// Writes the pages, the files and the headers under which they are served.
fn write_pages(folder: &Path) {
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for (name, page) in (Samples { is_hostile: false }).all() {
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
    for (name, page) in (Samples { is_hostile: true }).all() {
        std::fs::write(folder.join(format!("hostile-{name}.html")), page).unwrap();
    }
    for file in [stylesheet(), script(), icon()] {
        std::fs::write(folder.join("assets").join(file.name()), file.body()).unwrap();
    }
    let headers = PagePolicy::new(&[], &[]).headers();
    let headers: HashMap<_, _> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    std::fs::write(folder.join("headers.json"), serde_json::to_string(&headers).unwrap()).unwrap();
}

/// With `TOWER_AUTH_PAGES`, a folder, the pages stay there to be looked at.
#[test]
fn pages_hold_in_a_browser() {
    let kept = std::env::var_os("TOWER_AUTH_PAGES").map(PathBuf::from);
    if let Some(folder) = &kept {
        write_pages(folder);
    }
    let Some(harness) = std::env::var_os("TOWER_AUTH_BROWSER").map(PathBuf::from) else {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_BROWSER is not set");
        println!("skipped: TOWER_AUTH_BROWSER is not set");
        return;
    };
    let folder =
        kept.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("tower-auth-pages-{}", std::process::id())));
    write_pages(&folder);
    let output = Command::new("node").arg(harness.join("pages.mjs")).arg(&folder).output().unwrap();
    if kept.is_none() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{text}");
    println!("{text}");
}
