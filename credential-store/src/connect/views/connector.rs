use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use tower_auth_core::ProviderSpec;

use super::web_url::WebUrl;

/// How a connector is shown.
#[derive(Clone, Debug)]
pub(crate) struct ConnectorLabel {
    pub(crate) id: String,
    pub(crate) name: String,
    /// One line.
    pub(crate) description: Option<String>,
    pub(crate) logo: Option<WebUrl>,
}

impl ConnectorLabel {
    /// As a description says. It has no line about the service.
    pub(crate) fn from_spec(spec: &ProviderSpec) -> Self {
        Self {
            id: spec.id().to_owned(),
            name: spec.display_name().to_owned(),
            description: None,
            logo: spec.logo().and_then(WebUrl::new),
        }
    }

    /// Its picture: the logo, or letters of the name on a coloured ground.
    pub(super) fn tile(&self) -> Tile<'_> {
        Tile { connector: self }
    }

    /// One letter, or two if the name has several words.
    fn monogram(&self) -> String {
        let mut words = self.name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut first = || words.next().and_then(|word| word.chars().next());
        let letters: String = [first(), first()].into_iter().flatten().collect();
        if letters.is_empty() { "?".to_owned() } else { letters.to_uppercase() }
    }

    /// Which of the colours of the style sheet. It depends on the id only, so a connector keeps its colour.
    fn colour(&self) -> u32 {
        // FNV-1a, of which the upper bits are the better mixed.
        let hash =
            self.id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (hash >> 16) % 6
    }
}

/// The picture of a connector. It says nothing that the name beside it does not, so screen readers skip it.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "connect/part/tile.html")]
pub(crate) struct Tile<'c> {
    connector: &'c ConnectorLabel,
}

// Its template escapes.
impl HtmlSafe for Tile<'_> {}

impl fmt::Display for ConnectorLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectorLabel;

    #[test]
    fn monograms_are_letters_of_the_name() {
        for (name, letters) in [("GitHub", "G"), ("Google Ads", "GA"), ("élan vital x", "ÉV"), ("<>", "?"), ("", "?")]
        {
            let name = name.to_owned();
            let label = ConnectorLabel { id: String::new(), name, description: None, logo: None };
            assert_eq!(label.monogram(), letters);
        }
    }
}
