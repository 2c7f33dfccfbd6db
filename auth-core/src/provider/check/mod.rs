//! What can be judged only when the whole file is known.

mod combinations;
mod fields;
mod names;

use super::read::Draft;
use crate::config::Notes;

pub(super) use self::names::{UrlUse, check_url};

/// Adds the fields that come with kinds and captures, and objects to what does not fit together.
pub(super) fn complete(draft: &mut Draft, notes: &Notes) {
    for method in &mut draft.methods {
        fields::complete(method, notes);
    }
    for method in &draft.methods {
        combinations::check(draft, method, notes);
        names::check(draft, method, notes);
    }
}
