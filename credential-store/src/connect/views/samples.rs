//! Every page with made-up content, for tests and for looking at.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower_auth_core::FieldFormat;

use super::*;

/// What is in the place of all texts, when pages must show that they escape.
pub(super) const HOSTILE: &str = r#"</textarea></title><script>alert(1)</script>"'><img src=x onerror=alert(2)>"#;
/// The value of every secret field. No page may have it.
pub(super) const SECRET: &str = "s3cr3t-that-no-page-shows";
/// A moment in 2026.
const NOW: u64 = 1_796_000_000;

/// Makes texts: plain ones, or hostile ones.
#[derive(Clone, Copy)]
pub(super) struct Samples {
    pub(super) is_hostile: bool,
}

impl Samples {
    fn text(self, text: &str) -> String {
        if self.is_hostile { HOSTILE.to_owned() } else { text.to_owned() }
    }

    fn some(self, text: &str) -> Option<String> {
        Some(self.text(text))
    }

    pub(super) fn shell(self, section: Option<Section>) -> Shell {
        Shell {
            paths: Paths::new("/connect"),
            application: self.some("Northwind"),
            return_url: WebUrl::new("https://app.example.com/settings"),
            csrf: self.text("csrf-of-this-session"),
            section,
            flash: None,
        }
    }

    fn connector(self, id: &str, name: &str, description: &str) -> ConnectorLabel {
        let (id, name) = (self.text(id), self.text(name));
        ConnectorLabel { id, name, description: self.some(description), logo: None }
    }

    fn github(self) -> ConnectorLabel {
        self.connector("github", "GitHub", "Repositories, issues and pull requests")
    }

    fn freshdesk(self) -> ConnectorLabel {
        self.connector("freshdesk", "Freshdesk", "Tickets and contacts of your help desk")
    }

    fn field(self, name: &str, title: &str) -> Field {
        Field {
            // Names come from descriptions, which allow letters, digits and `_` only.
            name: name.to_owned(),
            title: self.text(title),
            help: None,
            help_url: None,
            example: None,
            kind: InputKind::Text(None),
            secret: false,
            required: true,
            pattern: None,
            prefix: None,
            suffix: None,
            visible_when: None,
            value: String::new(),
            error: None,
        }
    }

    fn secret(self, name: &str, title: &str) -> Field {
        Field { secret: true, value: SECRET.to_owned(), ..self.field(name, title) }
    }

    fn domain(self) -> Field {
        Field {
            help: self.some("The first part of the address at which you use Freshdesk."),
            example: self.some("acme"),
            prefix: self.some("https://"),
            suffix: self.some(".freshdesk.com"),
            pattern: self.some("[a-z0-9-]+"),
            kind: InputKind::Text(Some(FieldFormat::Hostname)),
            ..self.field("domain", "Help desk address")
        }
    }

    fn api_key(self) -> Field {
        Field {
            help: self.some("In Freshdesk, open your profile settings; the key is on the right."),
            help_url: WebUrl::new("https://support.example.com/api-key?a=1&b=2"),
            ..self.secret("api_key", "API key")
        }
    }

    fn form(self, section: Option<Section>, connector: ConnectorLabel, fields: Vec<Field>) -> ConnectForm {
        ConnectForm {
            shell: self.shell(section),
            connector,
            purpose: Purpose::Connect,
            methods: Vec::new(),
            method: self.text("api_key"),
            notices: Vec::new(),
            fields,
            label: Some(LabelInput::default()),
            errors: Vec::new(),
            check_failure: None,
            next: Next::Store,
            docs_url: WebUrl::new("https://developers.example.com/auth"),
        }
    }

    fn row(self, id: &str, connector: ConnectorLabel, label: &str, account: &str, status: Status) -> ConnectionRow {
        ConnectionRow {
            id: self.text(id),
            connector,
            label: (!label.is_empty()).then(|| self.text(label)),
            account: (!account.is_empty()).then(|| self.text(account)),
            status,
            reason: None,
            since: Some(ago(7200)),
            last_used: Some(ago(180)),
            last_refreshed: Some(ago(1500)),
            has_tokens: true,
            expires: Some(ahead(2100)),
            renews_itself: status == Status::Valid,
            can_test: true,
            can_revoke: true,
        }
    }

    fn rows(self) -> Vec<ConnectionRow> {
        let broken = ConnectionRow {
            reason: self.some("GitHub no longer accepts the access: somebody revoked it, or the password was changed."),
            last_refreshed: Some(ago(90_000)),
            expires: None,
            ..self.row("con_7Qm2", self.github(), "Release bot", "northwind-bot", Status::NeedsReauth)
        };
        let expired = ConnectionRow {
            reason: self.some("It must be renewed by hand."),
            last_refreshed: None,
            expires: Some(ago(86_400 * 2)),
            last_used: Some(ago(86_400 * 3)),
            ..self.row("con_1x9d", self.connector("etsy", "Etsy", ""), "", "northwind-shop", Status::ExpiredManual)
        };
        let slow = ConnectionRow {
            reason: self.some("The token endpoint did not answer three times. It is tried again."),
            ..self.row(
                "con_55dk",
                self.connector("google", "Google", ""),
                "",
                "mia@northwind.example",
                Status::Degraded,
            )
        };
        let key = ConnectionRow {
            last_refreshed: Some(ago(600)),
            has_tokens: false,
            expires: None,
            last_used: None,
            can_revoke: false,
            ..self.row("con_a0bb", self.freshdesk(), "", "", Status::Unconfirmed)
        };
        vec![
            self.row("con_9fK3", self.github(), "Marketing site", "mia-northwind", Status::Valid),
            broken,
            slow,
            expired,
            key,
            self.row("con_zz01", self.connector("box", "Box", ""), "Archive", "", Status::Revoked),
            self.row("con_zz02", self.connector("figma", "Figma", ""), "Design", "", Status::Pending),
        ]
    }

    fn wait(self) -> Wait {
        Wait { flow: self.text("flow-1"), finished: "/connect/connections/con_9fK3".to_owned() }
    }

    fn handover(self) -> Option<Handover> {
        Some(Handover { opener_origin: self.text("https://app.example.com"), credential_id: self.some("con_9fK3") })
    }

    fn log(self) -> LogView {
        let message = |headers: &[(&str, &str)], body: &str| Message {
            headers: headers.iter().map(|(name, value)| (self.text(name), self.text(value))).collect(),
            body: self.some(body),
        };
        let entry = |seconds, status, error: Option<&str>, response| LogEntry {
            at: ago(seconds),
            method: self.text("POST"),
            url: self.text("https://github.com/login/oauth/access_token"),
            status,
            milliseconds: 214,
            error: error.map(|error| self.text(error)),
            request: message(
                &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")],
                "grant_type=refresh_token&refresh_token=***&client_id=***&client_secret=***",
            ),
            response,
        };
        let json = &[("content-type", "application/json; charset=utf-8")];
        LogView {
            enabled: true,
            entries: vec![
                entry(
                    90,
                    Some(200),
                    None,
                    message(json, r#"{"access_token":"***","expires_in":28800,"token_type":"bearer"}"#),
                ),
                entry(28_900, Some(400), None, message(json, r#"{"error":"temporarily_unavailable"}"#)),
                entry(28_960, None, Some("The connection was closed before an answer came."), Message::default()),
            ],
        }
    }

    fn forms(self) -> Vec<(&'static str, String)> {
        let plain = ConnectForm {
            methods: vec![
                MethodTab { name: self.text("api_key"), title: self.text("API key") },
                MethodTab { name: self.text("basic"), title: self.text("User and password") },
            ],
            ..self.form(Some(Section::Picker), self.freshdesk(), vec![self.domain(), self.api_key()])
        };
        let mut rejected = plain.clone();
        rejected.check_failure = Some(CheckFailure {
            check: vec!["domain".to_owned(), "api_key".to_owned()],
            advice: vec![self.text("Is the key of an agent, and not of a contact?")],
            status: Some(401),
            code: self.some("invalid_credentials"),
            message: self.some("You have to be logged in to perform this action."),
        });
        rejected.fields =
            vec![self.domain().answered(&self.text("northwind"), None), self.api_key().answered(SECRET, None)];
        let mut wrong = plain.clone();
        wrong.errors = vec![self.text("This connector allows three connections, and there are three.")];
        wrong.fields = vec![
            self.domain().answered(&self.text("north wind"), self.some("the value must match [a-z0-9-]+")),
            self.api_key().answered(SECRET, self.some("the value is empty")),
        ];
        wrong.label =
            Some(LabelInput { value: self.text("Support"), error: self.some("another connection has this name") });

        let grant = Field {
            kind: InputKind::Choice(
                ["interactive", "client_credentials", "password"].map(|word| self.text(word)).to_vec(),
            ),
            value: self.text("password"),
            help: self.some("Ask whoever runs the API which one it takes."),
            ..self.field("grant", "Grant")
        };
        let user = Field {
            visible_when: Some(("grant".to_owned(), vec![self.text("password")])),
            kind: InputKind::Text(Some(FieldFormat::Email)),
            example: self.some("mia@northwind.example"),
            ..self.field("username", "User name")
        };
        let password = Field {
            visible_when: Some(("grant".to_owned(), vec![self.text("password")])),
            ..self.secret("password", "Password")
        };
        let code = Field {
            visible_when: Some(("grant".to_owned(), vec!["other".to_owned()])),
            ..self.secret("code", "Code from the page")
        };
        let pem = Field {
            kind: InputKind::Pem,
            required: false,
            example: self.some("-----BEGIN PRIVATE KEY-----"),
            ..self.secret("key", "Private key")
        };
        let json = Field {
            kind: InputKind::Json,
            required: false,
            value: self.text("{\"audience\": \"https://api.example.com\"}"),
            help: self.some("Parameters of the token request, as a JSON object."),
            ..self.field("extra", "Additional options")
        };
        let sandbox = Field {
            kind: InputKind::Checkbox,
            help: self.some("Use the test environment of the provider."),
            value: "true".to_owned(),
            ..self.field("sandbox", "This is a sandbox account")
        };
        let token_url = Field {
            kind: InputKind::Text(Some(FieldFormat::Uri)),
            example: self.some("https://auth.example.com/oauth/token"),
            ..self.field("token_url", "Token URL")
        };
        let generic = self.connector("generic-oauth2", "OAuth 2.0", "Any API with an authorization server");
        let all = ConnectForm {
            notices: vec![
                Notice::PasswordDiscouraged,
                Notice::NotLasting,
                Notice::Text(self.text("The server must be reachable from the internet.")),
            ],
            ..self.form(
                Some(Section::Picker),
                generic,
                vec![grant, token_url, user, password, code, pem, json, sandbox],
            )
        };

        let bare = ConnectForm {
            label: None,
            docs_url: None,
            next: Next::Provider(self.wait()),
            ..self.form(None, self.github(), Vec::new())
        };
        let reconnect = ConnectForm {
            purpose: Purpose::Reconnect { id: self.text("con_7Qm2"), label: self.text("Release bot") },
            label: None,
            next: Next::Provider(self.wait()),
            ..self.form(Some(Section::Connections), self.github(), vec![self.domain()])
        };
        vec![
            ("form", html(&plain)),
            ("form-rejected", html(&rejected)),
            ("form-errors", html(&wrong)),
            ("form-all-kinds", html(&all)),
            ("form-continue", html(&bare)),
            ("form-reconnect", html(&reconnect)),
        ]
    }

    fn picker(self) -> Vec<(&'static str, String)> {
        let entry = |connector: ConnectorLabel, category: &str, connected| PickerEntry {
            connector,
            categories: vec![self.text(category)],
            connected,
        };
        let with_logo = ConnectorLabel {
            logo: WebUrl::new("https://logos.example.com/box.svg?size=\"48\"&x='y'"),
            ..self.connector("box", "Box", "Files and folders")
        };
        let entries = vec![
            entry(self.github(), "Development", 2),
            entry(self.freshdesk(), "Support", 0),
            entry(self.connector("google-ads", "Google Ads", "Campaigns, budgets and reports"), "Marketing", 0),
            entry(with_logo, "Files", 0),
            entry(self.connector("etsy", "Etsy", "Listings, orders and shipping of your shop"), "Commerce", 1),
            entry(self.connector("datev", "DATEV", "Bookkeeping"), "Finance", 0),
            entry(
                self.connector("generic-http", "HTTP credentials", "Any API with a key, or a user and a password"),
                "Other",
                0,
            ),
        ];
        let shell = || self.shell(Some(Section::Picker));
        let full = Picker { shell: shell(), query: String::new(), entries };
        let nothing = Picker { shell: shell(), query: self.text("salesforce"), entries: Vec::new() };
        let empty = Picker { shell: shell(), query: String::new(), entries: Vec::new() };
        vec![("picker", html(&full)), ("picker-nothing-fits", html(&nothing)), ("picker-empty", html(&empty))]
    }

    fn oauth(self) -> Vec<(&'static str, String)> {
        let code = || self.some("invalid_client");
        let outcomes = [
            ("done-connected", Outcome::Connected { account: self.some("mia-northwind") }),
            (
                "done-other-account",
                Outcome::OtherAccount { before: self.text("mia-northwind"), now: self.text("mia-private") },
            ),
            ("done-denied", Outcome::Denied),
            ("done-state-expired", Outcome::StateExpired),
            ("done-state-mismatch", Outcome::StateMismatch),
            (
                "done-provider-error",
                Outcome::ProviderError {
                    code: self.text("access_restricted"),
                    description: self.some("Third-party applications are not allowed in this organization."),
                },
            ),
            ("done-exchange-failed", Outcome::ExchangeFailed { status: Some(401), code: code() }),
            ("done-check-failed", Outcome::CheckFailed { status: Some(403), code: code() }),
        ];
        let page = |outcome| OAuthDone {
            shell: self.shell(None),
            connector: self.github(),
            outcome,
            flow: self.some("flow-1"),
            back: Some("/connect/connectors/github".to_owned()),
            handover: self.handover(),
        };
        outcomes.into_iter().map(|(name, outcome)| (name, html(&page(outcome)))).collect()
    }

    fn success(self) -> Vec<(&'static str, String)> {
        let lasting = Success {
            shell: self.shell(Some(Section::Connections)),
            connector: self.github(),
            id: self.text("con_9fK3"),
            reconnected: false,
            label: self.some("Marketing site"),
            account: self.some("mia-northwind"),
            scopes: ["repo", "read:org", "workflow"].map(|scope| self.text(scope)).to_vec(),
            missing_scopes: Vec::new(),
            renewal: Renewal::Automatic,
            can_close: false,
            handover: None,
        };
        let by_hand = Success {
            missing_scopes: vec![self.text("listings_w")],
            connector: self.connector("etsy", "Etsy", ""),
            shell: self.shell(None),
            reconnected: true,
            renewal: Renewal::ByHand { expires: Some(ahead(86_400 * 9)) },
            can_close: true,
            handover: self.handover(),
            ..lasting.clone()
        };
        vec![("success", html(&lasting)), ("success-by-hand", html(&by_hand))]
    }

    fn connections(self) -> Vec<(&'static str, String)> {
        let shell = || self.shell(Some(Section::Connections));
        let mut rows = self.rows();
        let mut flashed = shell();
        flashed.flash = Some(Flash { kind: FlashKind::Good, text: self.text("“Marketing site” works.") });
        let list = |shell, rows: &[ConnectionRow], filter| ConnectionList {
            shell,
            filter,
            rows: rows.to_vec(),
            is_continued: false,
            next: self.some("cursor"),
        };
        let full = list(flashed, &rows, None);
        let filtered = ConnectionList { next: None, ..list(shell(), &[], Some(Status::Pending)) };
        let empty = ConnectionList { next: None, ..list(shell(), &[], None) };
        let broken = rows.swap_remove(1);
        let row = rows.swap_remove(0);
        let details = |connection: &ConnectionRow, tab| Details {
            shell: shell(),
            connection: connection.clone(),
            method: self.text("Sign in with GitHub"),
            created: ago(86_400 * 40),
            owner: self.some("mia@northwind.example"),
            scopes: ["repo", "read:org", "workflow"].map(|scope| self.text(scope)).to_vec(),
            tab,
        };
        let confirm = |removal, in_use| Confirm { shell: shell(), connection: row.clone(), removal, in_use };
        let rename =
            |error| RenameForm { shell: shell(), connection: row.clone(), value: self.text("Marketing site"), error };
        vec![
            ("list", html(&full)),
            ("list-filtered", html(&filtered)),
            ("list-empty", html(&empty)),
            ("details", html(&details(&row, Tab::Overview))),
            ("details-broken", html(&details(&broken, Tab::Overview))),
            ("details-log", html(&details(&row, Tab::Log(self.log())))),
            ("details-log-empty", html(&details(&row, Tab::Log(LogView::default())))),
            ("confirm-delete", html(&confirm(Removal::Delete, true))),
            ("confirm-revoke", html(&confirm(Removal::Revoke, false))),
            ("rename", html(&rename(None))),
            ("rename-error", html(&rename(self.some("Another connection has this name")))),
        ]
    }

    fn errors(self) -> Vec<(&'static str, String)> {
        let kinds = [
            ("error-session", ErrorKind::SessionExpired),
            ("error-not-found", ErrorKind::NotFound),
            ("error-form", ErrorKind::FormExpired),
            ("error-too-many", ErrorKind::TooManyRequests { retry_after: Some(30) }),
            ("error-not-allowed", ErrorKind::NotAllowed),
            ("error-unavailable", ErrorKind::Unavailable),
        ];
        let page = |kind| ErrorPage {
            shell: self.shell(Some(Section::Connections)),
            kind,
            reference: self.some("4bf92f3577b34da6"),
        };
        kinds.into_iter().map(|(name, kind)| (name, html(&page(kind)))).collect()
    }

    /// Each page with the name of its file.
    pub(super) fn all(self) -> Vec<(&'static str, String)> {
        [self.picker(), self.forms(), self.oauth(), self.success(), self.connections(), self.errors()].concat()
    }
}

fn html(view: &impl View) -> String {
    view.render().unwrap()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn ago(seconds: u64) -> Moment {
    Moment::new(now() - Duration::from_secs(seconds), now())
}

fn ahead(seconds: u64) -> Moment {
    Moment::new(now() + Duration::from_secs(seconds), now())
}
