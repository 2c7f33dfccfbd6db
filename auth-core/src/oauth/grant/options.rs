/// The options that every grant has, as methods of its builder, whose field `terms` holds them.
macro_rules! client_options {
    ($builder:ident) => {
        impl $builder {
            /// Changes an option of the client that has no method here.
            pub fn configure(
                mut self,
                change: impl FnOnce($crate::OAuthClientBuilder) -> $crate::OAuthClientBuilder,
            ) -> Self {
                self.terms.client = change(self.terms.client);
                self
            }

            /// How the client proves who it is. Default [`ClientAuth::Basic`](crate::ClientAuth::Basic).
            pub fn client_auth(self, auth: $crate::ClientAuth) -> Self {
                self.configure(|client| client.client_auth(auth))
            }

            /// Writes requests as JSON objects.
            pub fn json_body(self) -> Self {
                self.configure(|client| client.body_format($crate::BodyFormat::Json))
            }

            /// Says for which resource the token is (RFC 8707): an absolute URI without fragment, sent byte for byte as it
            /// is. May be repeated.
            pub fn resource(mut self, resource: impl Into<String>) -> Self {
                self.terms.resources.push(resource.into());
                self
            }

            /// How long a token lives if the answer does not say.
            pub fn default_lifetime(mut self, lifetime: ::std::time::Duration) -> Self {
                self.terms.default_lifetime = Some(lifetime);
                self
            }

            /// Sends requests by `http`.
            pub fn http_client(self, http: $crate::HttpClient) -> Self {
                self.configure(|client| client.http_client(http))
            }

            /// Takes the time from `clock`; a cache over the source does too.
            pub fn clock(self, clock: $crate::Clock) -> Self {
                self.configure(|client| client.clock(clock))
            }

            /// Allows a token endpoint over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
            pub fn allow_loopback_http(self) -> Self {
                self.configure($crate::OAuthClientBuilder::allow_loopback_http)
            }

            /// Options that weaken the protection.
            pub fn dangerous(self) -> $crate::Dangerous<Self> {
                $crate::Dangerous::new(self)
            }
        }

        impl $crate::Dangerous<$builder> {
            /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a
            /// service mesh. It is logged when the source is built.
            ///
            /// # Security
            /// The client's secret and the tokens cross the network as they are.
            pub fn allow_plaintext(self, origin: impl Into<String>) -> $builder {
                self.into_inner().configure(|client| client.dangerous().allow_plaintext(origin))
            }
        }
    };
}

/// [`client_options`], and those of a grant that is made whenever a cache asks.
macro_rules! grant_options {
    ($builder:ident, $source:ident) => {
        $crate::oauth::grant::options::client_options!($builder);

        impl $builder {
            /// A cache over the source, with every default of its `cache_builder`. Spawns nothing and asks nobody: the first
            /// request, or [`TokenCache::ready`](crate::TokenCache::ready), does.
            ///
            /// # Errors
            /// Those of [`build`](Self::build).
            pub fn cached(self) -> Result<$crate::TokenCache, $crate::ConfigError> {
                self.build()?.cache_builder().build()
            }
        }

        impl $source {
            /// Describes a cache over this source: named after the host of the token endpoint, on the client's clock, and with the
            /// client's DPoP key if it has one.
            pub fn cache_builder(&self) -> $crate::TokenCacheBuilder {
                self.client().cache_builder(self.clone())
            }
        }
    };
}

/// Options of token requests that are not refreshes.
macro_rules! request_options {
    ($builder:ident) => {
        impl $builder {
            /// Asks for scopes. Without any the parameter is left out.
            pub fn scopes<I>(mut self, scopes: I) -> Self
            where
                I: IntoIterator,
                I::Item: Into<String>,
            {
                self.terms.scopes.extend(scopes.into_iter().map(Into::into));
                self
            }

            /// Adds a parameter to the token request. Its value is held as a secret.
            pub fn param(self, name: impl Into<String>, value: impl Into<$crate::Secret>) -> Self {
                self.configure(|client| client.param(name, value))
            }

            /// Says for whom the token is, by the parameter `audience` that several servers know. May be repeated.
            pub fn audience(mut self, audience: impl Into<String>) -> Self {
                self.terms.audiences.push(audience.into());
                self
            }
        }
    };
}

/// Options of grants that end in refreshes.
macro_rules! refresh_options {
    ($builder:ident) => {
        impl $builder {
            /// Adds a parameter to refreshes. Its value is held as a secret.
            pub fn refresh_param(self, name: impl Into<String>, value: impl Into<$crate::Secret>) -> Self {
                self.configure(|client| client.refresh_param(name, value))
            }

            /// What the provider does with a refresh token that was used. Default [`Rotation::Unknown`](crate::Rotation).
            pub fn rotation(mut self, rotation: $crate::Rotation) -> Self {
                self.terms.rotation = rotation;
                self
            }

            /// How long after a lost answer the provider takes the same refresh token once more. Default zero: never.
            ///
            /// # Security
            /// Set it only as long as the provider documents. A server that does not know such a grace takes the second
            /// attempt for theft and ends the whole grant (RFC 9700 section 4.14.2).
            pub fn reuse_grace(mut self, grace: ::std::time::Duration) -> Self {
                self.terms.reuse_grace = grace;
                self
            }
        }
    };
}

pub(in crate::oauth) use {client_options, grant_options, refresh_options, request_options};
