//! What can be judged only when the whole file is known.

mod combinations;
mod fields;
mod names;

use super::read::Draft;
use crate::config::{Notes, invalid};

pub(super) use self::names::{UrlUse, check_url};

/// Adds the fields that come with kinds and captures, and objects to what does not fit together.
pub(super) fn complete(draft: &mut Draft, notes: &Notes) {
    for method in &mut draft.methods {
        fields::complete(method, notes);
    }
    for (key, url) in draft.environments.values().flatten() {
        if !draft.methods.is_empty() && !draft.methods.iter().any(|method| method.knows_url(*key)) {
            notes.push(&url.at, invalid("no method of this file has a use for this URL"));
        }
    }
    for method in &draft.methods {
        combinations::check(draft, method, notes);
        names::check(draft, method, notes);
    }
}
