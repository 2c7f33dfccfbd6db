use crate::ScopeSet;
use crate::config::Reader;

/// `subject`, `scopes` and `roles`: who the caller is and what it may do, where the credential does not say so.
#[derive(Clone, Debug)]
pub(super) struct Grants {
    pub(super) subject: Option<String>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: Vec<String>,
}

/// The keys of these.
pub(super) const KEYS: [&str; 3] = ["subject", "scopes", "roles"];

impl Grants {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let [subject, scopes, roles] = KEYS;
        let (subject, roles) = (reader.text(subject), reader.texts(roles));
        let listed = reader.texts(scopes);
        let each = listed.iter().flat_map(|text| text.split(' ')).filter(|scope| !scope.is_empty());
        let scopes = ScopeSet::new(each).unwrap_or_else(|error| {
            reader.mistake(scopes, error);
            ScopeSet::default()
        });
        Self { subject, scopes, roles }
    }
}
