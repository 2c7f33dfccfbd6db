use http::HeaderName;

use super::OAuthClientBuilder;
use crate::Secret;
use crate::oauth::BodyFormat;

/// What requests look like.
impl OAuthClientBuilder {
    /// How parameters are written. Default [`BodyFormat::Form`].
    pub fn body_format(mut self, format: BodyFormat) -> Self {
        self.format = format;
        self
    }

    /// Adds a parameter to every token request that is not a refresh. Its value is held as a secret.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.params.push(name.into(), value);
        self
    }

    /// Adds a parameter to every refresh. Its value is held as a secret.
    pub fn refresh_param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.refresh_params.push(name.into(), value);
        self
    }

    /// Adds a header to every token request, such as the API key of a gateway. Its value is held as a secret.
    pub fn header(mut self, name: HeaderName, value: impl Into<Secret>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What parts scopes, in requests and (beside a space) in answers. Default a space.
    pub fn scope_separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Leaves parameters with an empty value out.
    pub fn skip_empty(mut self) -> Self {
        self.skip_empty = true;
        self
    }
}
