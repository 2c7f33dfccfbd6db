use bytes::Bytes;
use http::{Response, StatusCode};

use super::answer::{html, html_with};
use super::params::first;
use super::received::Received;
use super::shared::Shared;
use super::{Account, Consent};

/// Where the user's answers stand in the form of the page; everything else in it is the authorization request.
const ACCOUNT: &str = "account";
const DECISION: &str = "decision";

/// What people see of a server that nobody gave a name.
const DEFAULT_NAME: &str = "Test provider";

impl Shared {
    /// What the user said on the page, if the request comes from there and says something that can be.
    pub(super) fn said(&self, request: &Received) -> Option<Consent> {
        let decision = request.param(DECISION).filter(|_| request.is_post() && !request.has_query())?;
        match decision {
            "allow" => {
                let id = request.param(ACCOUNT)?;
                let accounts = &self.parts.policy.accounts;
                let is_known = accounts.is_empty() || accounts.iter().any(|account| account.id == id);
                is_known.then(|| Consent::approve().subject(id))
            }
            "deny" => Some(Consent::deny()),
            _ => None,
        }
    }

    /// The page on which the user signs in and consents: one form, without script. `None` if the request is not one to ask anybody about.
    pub(super) fn sign_in_page(&self, request: &Received) -> Option<Response<Bytes>> {
        request.check_user_agent().ok()?;
        let client = self.client(request.param("client_id")?)?;
        let params = match request.param("request_uri") {
            Some(uri) => self.grants().pushed(uri, &client.id, self.clock().wall())?.params.clone(),
            None if self.parts.policy.requires_pushed || client.requires_pushed => return None,
            None => request.params.clone(),
        };
        self.target(&client, &params)?;
        let asked = self.check_asked(&client, &params).ok()?;
        if first(&params, "prompt") == Some("none") {
            return None;
        }

        let policy = &self.parts.policy;
        let provider = escaped(policy.display_name.as_deref().unwrap_or(DEFAULT_NAME));
        let scopes: String = asked.scope.iter().map(|scope| format!("<li>{}</li>\n", escaped(scope))).collect();
        let scopes = if scopes.is_empty() { scopes } else { format!("<p>It may use:</p>\n<ul>\n{scopes}</ul>\n") };
        let hint = first(&params, "login_hint").unwrap_or_default();
        let text = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Sign in to {provider}</title>\n{ICON}<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>Sign in to {provider}</h1>\n\
             <p><strong>{client}</strong> asks for access to your account.</p>\n{scopes}\
             <form method=\"post\" action=\"{action}\">\n{hidden}\
             <p><label for=\"account\">Account</label>\n{choice}</p>\n\
             <p><button name=\"{DECISION}\" value=\"allow\">Allow</button>\n\
             <button name=\"{DECISION}\" value=\"deny\" formnovalidate>Deny</button></p>\n\
             </form>\n</main>\n</body>\n</html>\n",
            client = escaped(&client.id),
            action = escaped(request.head.uri.path()),
            hidden = hidden(&request.params),
            choice = choice(&policy.accounts, hint),
        );
        Some(html(StatusCode::OK, text))
    }
}

/// The page that posts the answer to the client (OAuth 2.0 Form Post Response Mode section 2): by itself, and by a button without script.
pub(super) fn form_post(target: &str, fields: &[(String, String)]) -> Response<Bytes> {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Back to the application</title>\n{ICON}<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Back to the application</h1>\n<form method=\"post\" action=\"{}\">\n{}<p><button>Continue</button></p>\n\
         </form>\n</main>\n<script>{SENDS_ITSELF}</script>\n</body>\n</html>\n",
        escaped(target),
        inputs(fields.iter()),
    );
    html_with(StatusCode::OK, text, Some(SENDS_ITSELF))
}

const SENDS_ITSELF: &str = "document.forms[0].submit()";

/// No picture, so that browsers ask for none.
const ICON: &str = "<link rel=\"icon\" href=\"data:,\">\n";

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:32rem;padding:0 1rem}\
    label{display:block}select,input,button{font:inherit;padding:.4rem .8rem}";

/// The request, for the form to send it again.
fn hidden(params: &[(String, String)]) -> String {
    let own = |name: &str| name == ACCOUNT || name == DECISION;
    inputs(params.iter().filter(|(name, _)| !own(name)))
}

fn inputs<'a>(fields: impl Iterator<Item = &'a (String, String)>) -> String {
    let inputs = fields.map(|(name, value)| {
        format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escaped(name), escaped(value))
    });
    inputs.collect()
}

/// Who signs in: one of the accounts, or whoever the user says where there are none.
fn choice(accounts: &[Account], hint: &str) -> String {
    if accounts.is_empty() {
        let hint = escaped(hint);
        return format!(
            "<input id=\"account\" name=\"{ACCOUNT}\" autocomplete=\"username\" required value=\"{hint}\">"
        );
    }
    let options = accounts.iter().map(|account| {
        let selected = if account.id == hint { " selected" } else { "" };
        format!("<option value=\"{}\"{selected}>{}</option>\n", escaped(&account.id), escaped(&account.name))
    });
    format!("<select id=\"account\" name=\"{ACCOUNT}\">\n{}</select>", options.collect::<String>())
}

/// `text` as it may stand in HTML, between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let params = [("state".to_owned(), "\"><script>'&".to_owned()), ("account".to_owned(), "mallory".to_owned())];
        let shown = "<input type=\"hidden\" name=\"state\" value=\"&quot;&gt;&lt;script&gt;&#39;&amp;\">\n";
        assert_eq!(hidden(&params), shown);
        assert!(choice(&[Account::new("<b>")], "").contains("<option value=\"&lt;b&gt;\">&lt;b&gt;</option>"));
    }
}
