use std::fmt;
use std::path::Path;

use axum::http::HeaderName;
use toml::de::{DeTable, DeValue};
use tower_auth::core::{Verifier, VerifierSpec};

use super::section::{Notes, Section};
use super::{CorsSpec, GrpcSpec, MetadataSpec, OWN, Plaintext, RuleSpec, ServerSpec, TlsSpec, UpstreamSpec};

/// What a configuration file describes.
#[non_exhaustive]
pub struct Config {
    /// Whose credentials are accepted.
    pub verifier: Verifier,
    /// Where to listen.
    pub server: ServerSpec,
    /// How connections are protected; `None` is not at all.
    pub tls: Option<TlsSpec>,
    /// What the service says of itself.
    pub metadata: Option<MetadataSpec>,
    /// Which pages may call from a browser.
    pub cors: Option<CorsSpec>,
    /// What requests to some paths need.
    pub rules: Vec<RuleSpec>,
    /// The service behind this one.
    pub upstream: Option<UpstreamSpec>,
    /// What calls of methods need.
    pub grpc: GrpcSpec,
    /// The file without the sections above. It may hold secrets in place; [`check`](crate::check) masks them.
    pub(crate) callers: toml::Table,
}

impl Config {
    /// Reads and builds everything in `file`.
    ///
    /// # Errors
    /// Every mistake there is, one to a line, each with file, line and key path.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let text =
            std::fs::read_to_string(file).map_err(|error| format!("{name}: the file cannot be read: {error}"))?;
        // That the whole is not TOML is said by who reads the sections about callers.
        let document = DeTable::parse(&text).ok();
        let notes = Notes::new(&text);
        let own = Own::read(&Section::root(&notes, document.as_ref().map(|document| document.get_ref())));
        let mut spec = VerifierSpec::from_toml_beside(&text, OWN);
        match &own.server.plaintext {
            Plaintext::Never => {}
            Plaintext::Loopback => spec = spec.allow_loopback_http(),
            Plaintext::Origins(origins) => {
                spec = origins.iter().fold(spec, |spec, origin| spec.dangerous().allow_plaintext(origin));
            }
        }
        if let Some(http) = &own.server.issuer_http {
            spec = spec.http_client(http.clone());
        }
        let built = spec.build();
        let mut report: Vec<String> =
            notes.into_sorted().iter().map(|(line, text)| format!("{name}:{line}: {text}")).collect();
        match built {
            Ok(verifier) if report.is_empty() => {
                let mut callers: toml::Table = text.parse().map_err(|_| format!("{name}: the file is not TOML"))?;
                OWN.iter().for_each(|section| drop(callers.remove(*section)));
                return own.finish(verifier, callers).map_err(|mistake| format!("{name}: {mistake}"));
            }
            Ok(_) => {}
            Err(errors) => report.extend(errors.iter().map(|mistake| {
                let line = mistake.line().map_or_else(String::new, |line| format!(":{line}"));
                let key = if mistake.key().is_empty() { String::new() } else { format!("{}: ", mistake.key()) };
                format!("{name}{line}: {key}{}", mistake.error())
            })),
        }
        Err(report.join("\n"))
    }

    /// The header that API keys are in.
    pub(crate) fn api_key_header(&self) -> HeaderName {
        let chosen = self.callers.get("api_key_header").and_then(toml::Value::as_str);
        chosen.and_then(|name| name.parse().ok()).unwrap_or(HeaderName::from_static("x-api-key"))
    }
}

/// What does not need the verifier.
struct Own {
    server: ServerSpec,
    tls: Option<TlsSpec>,
    metadata: Option<MetadataSpec>,
    cors: Option<CorsSpec>,
    rules: Vec<RuleSpec>,
    upstream: Option<UpstreamSpec>,
    grpc: GrpcSpec,
}

impl Own {
    fn read(file: &Section<'_>) -> Self {
        let own = Self {
            server: ServerSpec::read(&file.section("server")),
            tls: TlsSpec::read(&file.section("tls")),
            metadata: MetadataSpec::read(&file.section("metadata"), &issuers(file)),
            cors: CorsSpec::read(&file.section("cors")),
            rules: file.sections("route").iter().filter_map(RuleSpec::read).collect(),
            upstream: UpstreamSpec::read(&file.section("upstream")),
            grpc: GrpcSpec::read(&file.section("grpc")),
        };
        own.check(file);
        own
    }

    /// What two sections say must fit together.
    fn check(&self, file: &Section<'_>) {
        let Some(upstream) = &self.upstream else { return };
        for prefix in &upstream.allow {
            let rule =
                self.rules.iter().find(|rule| rule.methods.is_empty() && crate::http::covers(&rule.path, prefix));
            if let Some(rule) = rule {
                let message = format!("{prefix:?} is never open, since the rule for {:?} is about it too", rule.path);
                file.section("upstream").mistake("allow", &message);
            }
        }
    }

    /// Makes what needs the verifier.
    fn finish(self, verifier: Verifier, callers: toml::Table) -> Result<Config, String> {
        let verifier = match &self.metadata {
            Some(spec) => verifier
                .with_resource_metadata(spec.metadata.url())
                .map_err(|error| format!("metadata.resource: {error}"))?,
            None => verifier,
        };
        self.grpc.layer(verifier.clone()).map_err(|error| format!("grpc: {error}"))?;
        let Self { server, tls, metadata, cors, rules, upstream, grpc } = self;
        Ok(Config { verifier, server, tls, metadata, cors, rules, upstream, grpc, callers })
    }
}

/// The issuers that the file accepts tokens of.
fn issuers(file: &Section<'_>) -> Vec<String> {
    let Some(DeValue::Array(list)) = file.value("issuer") else { return Vec::new() };
    let urls = list.iter().filter_map(|one| one.get_ref().get("url")?.get_ref().as_str());
    // One with an open part stands for many.
    urls.filter(|url| !url.contains('{')).map(str::to_owned).collect()
}

impl fmt::Debug for Config {
    /// Without the file's text: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("tls", &self.tls)
            .field("rules", &self.rules)
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}
