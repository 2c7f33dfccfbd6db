use std::sync::Arc;

use http::{Request, Uri};
use tower_auth_core::Origin;

use super::credentials::Source;
use super::layer::{Choice, Config, Select};
use super::{AuthError, AuthErrorKind, RequestCredentials, SkipAuth};

/// Which credential a request gets.
pub(super) enum Chosen {
    Nothing,
    /// The one that the service holds.
    Own,
    Other(Source),
    /// The one that a function of the whole head selects.
    By(Arc<Select>),
    Refuse(AuthError),
}

/// What the selection function says of a request.
pub(super) fn select<B>(select: &Select, request: Request<B>) -> (Request<B>, Chosen) {
    let (parts, body) = request.into_parts();
    let chosen = match select(&parts) {
        Some(credentials) => Chosen::Other(credentials.0),
        None => Chosen::Refuse(AuthError::new(
            AuthErrorKind::NoSelection,
            "the request was not sent because the selection function knows no credential for it",
        )),
    };
    (Request::from_parts(parts, body), chosen)
}

impl Config {
    /// Whether the request is one of those that most are: it says nothing about itself, and goes where the one credential goes.
    #[inline]
    pub(super) fn is_usual<B>(&self, request: &Request<B>) -> bool {
        let Choice::One { origins, .. } = &self.choice else { return false };
        let uri = request.uri();
        // A path alone goes to the one origin there is: as `sole_rule`.
        let fits = |origin: &Origin| origin.matches(uri) || (uri.authority().is_none() && origins.len() == 1);
        let says = request.extensions();
        let says_nothing = says.get::<SkipAuth>().is_none() && says.get::<RequestCredentials>().is_none();
        says_nothing && origins.iter().any(fits)
    }

    /// Judges a request: where it goes, and what it says about itself. Takes away the extension that named its credentials.
    pub(super) fn choose<B>(&self, request: &mut Request<B>) -> Chosen {
        if request.extensions().get::<SkipAuth>().is_some() {
            return Chosen::Nothing;
        }
        let rule = match self.rule(request.uri()) {
            Ok(Some(rule)) => rule,
            Ok(None) => return Chosen::Nothing,
            Err(error) => return Chosen::Refuse(error),
        };
        if let Some(RequestCredentials(credentials)) = request.extensions_mut().remove() {
            return Chosen::Other(credentials.0);
        }
        match &self.choice {
            Choice::One { .. } => Chosen::Own,
            #[cfg(feature = "provider")]
            Choice::Bound { .. } => Chosen::Own,
            Choice::Several(rules) => {
                rules.get(rule).map_or(Chosen::Nothing, |(_, credentials)| Chosen::Other(credentials.0.clone()))
            }
            Choice::Selected { select, .. } => Chosen::By(Arc::clone(select)),
        }
    }

    /// The index of the rule for `uri`; `None` if no credential goes there.
    fn rule(&self, uri: &Uri) -> Result<Option<usize>, AuthError> {
        // The credential judges, once it is there.
        if self.is_bound() {
            return Ok(Some(0));
        }
        if uri.authority().is_none() {
            return self.sole_rule();
        }
        if let Some(rule) = self.rules().position(|origins| origins.iter().any(|origin| origin.matches(uri))) {
            return Ok(Some(rule));
        }
        self.judge_foreign(uri).map_or(Ok(None), Err)
    }

    /// A path alone goes to the one origin there is.
    fn sole_rule(&self) -> Result<Option<usize>, AuthError> {
        let mut rules = self.rules();
        match (rules.next(), rules.next()) {
            (Some([_]), None) => Ok(Some(0)),
            _ => Err(AuthError::new(
                AuthErrorKind::UnknownOrigin,
                "the request was not sent because its URI is a path only and the layer was not given exactly one origin to \
                 judge it by",
            )),
        }
    }

    #[cold]
    fn judge_foreign(&self, uri: &Uri) -> Option<AuthError> {
        self.judge_beside(uri, self.rules().flatten())
    }

    /// Judges a request to none of `origins`.
    pub(super) fn judge_beside<'o>(
        &self,
        uri: &Uri,
        origins: impl Iterator<Item = &'o Origin> + Clone,
    ) -> Option<AuthError> {
        if let Some(origin) = origins.clone().find(|origin| origin.is_downgraded(uri)) {
            return Some(AuthError::new(
                AuthErrorKind::InsecureScheme,
                format!("the request was not sent because it goes by plain http where credentials go to {origin} only"),
            ));
        }
        self.refuse_foreign.then(|| {
            let to = Origin::of(uri).map_or_else(|| "an unusable origin".to_owned(), |origin| origin.to_string());
            let allowed: Vec<_> = origins.map(Origin::to_string).collect();
            AuthError::new(
                AuthErrorKind::ForeignOrigin,
                format!(
                    "the request was not sent because it goes to {to}, and only these origins are allowed: {}",
                    allowed.join(", ")
                ),
            )
        })
    }

    /// The absolute URI of a request that a credential goes on.
    pub(super) fn target(&self, uri: &Uri) -> Uri {
        let origin = self.rules().flatten().next().filter(|_| uri.authority().is_none());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        origin.and_then(|origin| format!("{origin}{path}").parse().ok()).unwrap_or_else(|| uri.clone())
    }

    fn rules(&self) -> impl Iterator<Item = &[Origin]> + Clone {
        let (one, several): (Option<&[Origin]>, &[_]) = match &self.choice {
            #[cfg(feature = "provider")]
            Choice::Bound { .. } => (None, &[]),
            Choice::One { origins, .. } | Choice::Selected { origins, .. } => (Some(origins), &[]),
            Choice::Several(rules) => (None, rules),
        };
        one.into_iter().chain(several.iter().map(|(origins, _)| &**origins))
    }
}
