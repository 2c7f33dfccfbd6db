use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::json;
use serde_json::value::RawValue;
use tower_auth_core::jose::Algorithm;

use super::answer::{public_json, wrong_method};
use super::authorize::RESPONSE_MODES;
use super::device::DEVICE_CODE;
use super::exchange::TOKEN_EXCHANGE;
use super::jwt_bearer::JWT_BEARER;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::overridden;
use super::{AuthorizationServer, Quirk};
use crate::dpop::ALGORITHMS;

impl Shared {
    /// The key set.
    pub(super) fn jwks(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        public_json(self.minter.jwks())
    }

    /// The metadata of RFC 8414 section 2; with `openid` what OpenID Discovery section 3 wants beside it.
    pub(super) fn metadata(&self, request: &Received, openid: bool) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        let base = self.base();
        let algorithms = self.minter.keys().algorithm_names();
        let methods = self.auth_method_names();
        let mut members = vec![
            ("issuer", json!(self.minter.issuer())),
            ("token_endpoint", json!(format!("{base}/token"))),
            ("jwks_uri", json!(format!("{base}/jwks"))),
            ("introspection_endpoint", json!(format!("{base}/introspect"))),
            ("revocation_endpoint", json!(format!("{base}/revoke"))),
            ("authorization_endpoint", json!(format!("{base}/authorize"))),
            ("pushed_authorization_request_endpoint", json!(format!("{base}/par"))),
            ("require_pushed_authorization_requests", json!(self.parts.policy.requires_pushed)),
            ("device_authorization_endpoint", json!(format!("{base}/device"))),
            ("response_types_supported", json!(["code"])),
            ("response_modes_supported", json!(RESPONSE_MODES)),
            ("code_challenge_methods_supported", json!(["S256"])),
            ("grant_types_supported", json!(self.grant_names())),
            ("token_endpoint_auth_methods_supported", json!(methods)),
        ];
        if self.registers() {
            members.push(("registration_endpoint", json!(format!("{base}/register"))));
        }
        if let Some(origin) = self.mtls_origin() {
            members.push(("tls_client_certificate_bound_access_tokens", json!(true)));
            let path = &self.parts.path;
            let at = |name: &str| format!("{origin}{path}/{name}");
            if !base.starts_with(&origin) {
                let aliases = json!({
                    "token_endpoint": at("token"),
                    "introspection_endpoint": at("introspect"),
                    "revocation_endpoint": at("revoke"),
                    "pushed_authorization_request_endpoint": at("par"),
                    "device_authorization_endpoint": at("device"),
                });
                members.push(("mtls_endpoint_aliases", aliases));
            }
        }
        members.push(("dpop_signing_alg_values_supported", json!(ALGORITHMS)));
        if methods.contains("client_secret_jwt") || methods.contains("private_key_jwt") {
            let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            members.push(("token_endpoint_auth_signing_alg_values_supported", json!(names)));
        }
        if !self.quirks.has(Quirk::UnannouncedIss) {
            members.push(("authorization_response_iss_parameter_supported", json!(true)));
        }
        members.push(("revocation_endpoint_auth_methods_supported", json!(methods)));
        members.push(("introspection_endpoint_auth_methods_supported", json!(methods)));
        if openid {
            members.extend([
                ("subject_types_supported", json!(["public"])),
                ("id_token_signing_alg_values_supported", json!(algorithms)),
            ]);
        }
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        public_json(overridden(members, &self.metadata_changes()))
    }

    pub(super) fn grant_names(&self) -> Vec<&'static str> {
        let mut names =
            vec!["authorization_code", "client_credentials", "refresh_token", DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE];
        if !self.parts.policy.users.is_empty() {
            names.push("password");
        }
        names
    }

    /// The registered names of what the clients may use.
    fn auth_method_names(&self) -> BTreeSet<&'static str> {
        self.clients().values().flat_map(|client| client.auth.iter()).filter_map(|method| method.name()).collect()
    }
}

/// The metadata, while the server runs.
impl AuthorizationServer {
    /// Sets a member of both metadata documents to a JSON text from now on, such as a wrong `issuer` or a hostile `token_endpoint`; with `None`
    /// it is left out.
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
    /// server.set_metadata("issuer", Some("\"https://evil.test\""));
    /// server.set_metadata("jwks_uri", None);
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// When `json` is no JSON.
    pub fn set_metadata(&self, member: &str, json: Option<&str>) {
        let is_json = json.is_none_or(|json| serde_json::from_str::<&RawValue>(json).is_ok());
        assert!(is_json, "a member of the metadata is JSON");
        self.shared().change_metadata(member.to_owned(), json.map(str::to_owned));
    }
}
