use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};

use super::answer::{Answer, Failure};
use super::endpoints::Target;
use super::lifetime::{lifetime, refresh_in};
use super::redact::Redactor;
use super::request::MIN_SECRET;
use crate::json::JsonError;
use crate::{Lifetime, ScopeSet, Secret, Token, TokenError, TokenErrorKind, TokenKind, TokenResponse};

/// The largest answer that is read, in bytes.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// What is known when an answer arrives.
pub(super) struct Reader<'a> {
    /// Host and port of the endpoint.
    pub(super) site: &'a str,
    pub(super) target: Target,
    /// How messages name the way in which the request was authenticated.
    pub(super) method: &'static str,
    pub(super) redactor: &'a Redactor,
    pub(super) now: SystemTime,
    /// What was asked for: granted, if the answer does not say otherwise.
    pub(super) requested: Option<&'a ScopeSet>,
    pub(super) separator: char,
    /// Whether the grant has a refresh token to expect.
    pub(super) keep_refresh_token: bool,
    pub(super) takes_bearer: bool,
    /// Whether there is a key to use DPoP tokens with.
    pub(super) takes_dpop: bool,
}

/// The token that a JSON document holds which has the members of a token response and did not come from a token endpoint: the
/// output of a program. The error says what it is instead.
#[cfg(feature = "command")]
pub(crate) fn read_document(document: &[u8], now: SystemTime) -> Result<TokenResponse, &'static str> {
    let answer = Answer::from_json(document).map_err(|_| "it is not one well-formed object")?;
    let secret = answer.secret("access_token").or_else(|| answer.secret("token")).ok_or("it has no access_token")?;
    let token = Token::new(secret).map_err(|_| "its token has characters that cannot be sent")?;
    let result = with_lifetime(TokenResponse::new(token), &answer, now);
    Ok(with_companions(result, answer.secret("refresh_token"), &answer))
}

fn with_lifetime(mut response: TokenResponse, answer: &Answer<'_>, now: SystemTime) -> TokenResponse {
    if let Lifetime::For(lifetime) = lifetime(answer, now) {
        response = response.expires_in(lifetime);
    }
    if let Some(after) = refresh_in(answer) {
        response = response.refresh_in(after);
    }
    response
}

fn with_companions(mut response: TokenResponse, refresh_token: Option<Secret>, answer: &Answer<'_>) -> TokenResponse {
    if let Some(refresh_token) = refresh_token {
        response = response.with_refresh_token(refresh_token);
    }
    if let Some(id_token) = answer.secret("id_token") {
        response = response.with_id_token(id_token);
    }
    if let Some(issued) = answer.secret("issued_token_type") {
        response = response.with_extra("issued_token_type", issued);
    }
    response
}

impl Reader<'_> {
    /// The token that an answer holds (RFC 6749 section 5.1), or the error that it means (section 5.2).
    pub(super) fn read(&self, response: &Response<Bytes>) -> Result<TokenResponse, TokenError> {
        self.token_response(response, &self.success(response)?)
    }

    /// The members of an answer, or the error that it means.
    pub(super) fn success<'b>(&self, response: &'b Response<Bytes>) -> Result<Answer<'b>, TokenError> {
        // The status counts, however large the page is that comes with it.
        if !response.status().is_success() {
            return Err(self.read_refusal(response));
        }
        self.check_size(response)?;
        let answer = self.answer(response)?;
        match answer.failure() {
            Some(failure) => Err(self.refused(response, &answer, failure)),
            None => Ok(answer),
        }
    }

    /// The members of a JSON object. An error in it counts unless it has the member `decisive`.
    pub(super) fn json_object<'b>(
        &self,
        response: &'b Response<Bytes>,
        decisive: &str,
    ) -> Result<Answer<'b>, TokenError> {
        self.check_size(response)?;
        let answer = self.json(response)?;
        match answer.failure().filter(|_| !answer.has(decisive)) {
            Some(failure) => Err(self.refused(response, &answer, failure)),
            None => Ok(answer),
        }
    }

    fn check_size(&self, response: &Response<Bytes>) -> Result<(), TokenError> {
        if response.body().len() > MAX_ANSWER {
            return Err(self.unparsable(response, "more than 64 KiB"));
        }
        Ok(())
    }

    /// The error that an answer means which is no success.
    pub(super) fn read_refusal(&self, response: &Response<Bytes>) -> TokenError {
        let readable = response.body().len() <= MAX_ANSWER;
        let answer = Some(response).filter(|_| readable).and_then(|response| self.answer(response).ok());
        match answer.and_then(|answer| answer.failure().map(|failure| (answer, failure))) {
            Some((answer, failure)) => self.refused(response, &answer, failure),
            None => self.refusal(response.status(), response.headers(), None),
        }
    }

    /// The error `failure` of `answer`. Its description may repeat what stands beside it.
    fn refused(&self, response: &Response<Bytes>, answer: &Answer<'_>, failure: Failure) -> TokenError {
        let beside = ["access_token", "refresh_token", "id_token"].into_iter().filter_map(|name| answer.secret(name));
        let redactor = self.redactor.and(beside.filter(|secret| secret.expose_secret().len() >= MIN_SECRET));
        Reader { redactor: &redactor, ..*self }.refusal(response.status(), response.headers(), Some(failure))
    }

    /// Whether the server refused the client itself (RFC 6749 section 5.2), not the grant, and said so plainly.
    pub(super) fn refuses_client(&self, response: &Response<Bytes>) -> bool {
        matches!(response.status().as_u16(), 400 | 401) && self.has_code(response, "invalid_client")
    }

    /// Whether the answer is an error of this code.
    pub(super) fn has_code(&self, response: &Response<Bytes>, code: &str) -> bool {
        response.body().len() <= MAX_ANSWER
            && self
                .answer(response)
                .ok()
                .and_then(|answer| answer.failure())
                .is_some_and(|failure| failure.code == code)
    }

    fn token_response(&self, response: &Response<Bytes>, answer: &Answer<'_>) -> Result<TokenResponse, TokenError> {
        let Some(secret) = answer.secret("access_token") else {
            return Err(self.unparsable(response, "neither a token nor an error"));
        };
        // The mistake of leaving the type out is common; a type that is written must be understood (RFC 6749 section
        // 7.1).
        let kind = match answer.text("token_type").as_deref().map(|name| TokenKind::from_token_type(name)) {
            None | Some(Some(TokenKind::Bearer)) if self.takes_bearer => TokenKind::Bearer,
            Some(Some(TokenKind::Dpop)) if self.takes_dpop => TokenKind::Dpop,
            None | Some(Some(TokenKind::Bearer)) => {
                return Err(self.unparsable(response, "a token that is not bound to the DPoP key"));
            }
            Some(_) => return Err(self.unparsable(response, "a token of a type that this client cannot use")),
        };
        let mut token = Token::new(secret)
            .map_err(|_| self.unparsable(response, "a token with characters that cannot be sent"))?
            .with_kind(kind);
        let scope = match answer.words("scope") {
            Some(words) => ScopeSet::parse_lenient(&words, self.separator),
            None => self.requested.cloned().unwrap_or_default(),
        };
        if !scope.is_empty() {
            token = token.with_scope(scope);
        }
        let result = with_lifetime(TokenResponse::new(token), answer, self.now);
        let refresh_token = answer.secret("refresh_token").filter(|_| self.keep_refresh_token);
        Ok(with_companions(result, refresh_token, answer))
    }

    fn answer<'b>(&self, response: &'b Response<Bytes>) -> Result<Answer<'b>, TokenError> {
        let body = response.body();
        if has_type(response.headers(), "application/x-www-form-urlencoded") {
            return Answer::from_form(body).ok_or_else(|| self.unparsable(response, "a broken form"));
        }
        self.json(response)
    }

    fn json<'b>(&self, response: &'b Response<Bytes>) -> Result<Answer<'b>, TokenError> {
        let body = response.body();
        Answer::from_json(body).map_err(|error| {
            // Judged after the attempt, since some servers call their JSON HTML.
            if has_type(response.headers(), "text/html") || body.trim_ascii_start().starts_with(b"<") {
                let status = response.status().as_u16();
                let message = format!(
                    "{} answered with an HTML page (status {status}), not JSON: is the {} right?",
                    self.site,
                    self.target.url()
                );
                return TokenError::new(TokenErrorKind::Unparsable, message).with_status(status);
            }
            let what = match error {
                JsonError::Syntax | JsonError::NotUtf8 => "something that is not a JSON object",
                JsonError::TooDeep | JsonError::TooManyMembers => "JSON beyond the limits on depth and members",
                JsonError::DuplicateName => "JSON that names a member twice",
            };
            self.unparsable(response, what)
        })
    }

    pub(super) fn unparsable(&self, response: &Response<Bytes>, what: &str) -> TokenError {
        let status = response.status().as_u16();
        let message = format!("{} answered with {what} (status {status})", self.site);
        TokenError::new(TokenErrorKind::Unparsable, message).with_status(status)
    }
}

/// Whether `Content-Type` is `essence`, parameters aside.
fn has_type(headers: &HeaderMap, essence: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(essence))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ClientAuth;
    use super::*;

    fn read_as(content_type: &str, status: u16, body: impl Into<Bytes>) -> Result<TokenResponse, TokenError> {
        let response = Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body.into()).unwrap();
        Reader {
            site: "login.example.com",
            target: Target::Token,
            method: ClientAuth::Basic.as_str(),
            redactor: &Redactor::new(["sentinel"]),
            now: SystemTime::UNIX_EPOCH,
            requested: Some(&"a b".parse().unwrap()),
            separator: ' ',
            keep_refresh_token: true,
            takes_bearer: true,
            takes_dpop: false,
        }
        .read(&response)
    }

    fn read(body: &str) -> Result<TokenResponse, TokenError> {
        read_as("application/json", 200, body.to_owned())
    }

    fn text_of(body: &str) -> String {
        read(body).unwrap_err().to_string()
    }

    // R6749-5.1a, R6749-5.1b, R6749-3.1b, SYS-L2, SYS-L8
    #[test]
    fn a_plain_answer_is_read_and_unknown_members_are_ignored() {
        let response = read(
            r#"{"access_token":"t0k","token_type":"bEARER","expires_in":3600,"refresh_token":"r","id_token":"i","x":{"y":1e400}}"#,
        )
        .unwrap();
        assert_eq!(response.token().secret().expose_secret(), "t0k");
        assert_eq!(response.token().kind(), TokenKind::Bearer);
        assert_eq!(response.lifetime(), Lifetime::For(Duration::from_secs(3600)));
        assert_eq!(response.refresh_token().unwrap().expose_secret(), "r");
        assert_eq!(response.id_token().unwrap().expose_secret(), "i");
    }

    // R6749-3.3b
    #[test]
    fn an_absent_scope_is_the_requested_one_and_a_written_one_counts() {
        let scope = |body: &str| read(body).unwrap().token().scope().map(ToString::to_string);
        assert_eq!(scope(r#"{"access_token":"t"}"#).as_deref(), Some("a b"));
        assert_eq!(scope(r#"{"access_token":"t","scope":""}"#).as_deref(), Some("a b"));
        assert_eq!(scope(r#"{"access_token":"t","scope":"c"}"#).as_deref(), Some("c"));
        assert_eq!(scope(r#"{"access_token":"t","scope":["d","c"]}"#).as_deref(), Some("c d"));
    }

    // R6749-5.1a, R6749-7.1a, R6749-Aa
    #[test]
    fn an_answer_without_a_usable_token_is_an_error() {
        for (body, expected) in [
            ("{}", "neither a token nor an error"),
            (r#"{"access_token":""}"#, "neither a token nor an error"),
            (r#"{"access_token":null}"#, "neither a token nor an error"),
            (r#"{"access_token":17}"#, "neither a token nor an error"),
            (r#"{"access_token":"t","token_type":"mac"}"#, "a token of a type that this client cannot use"),
            (r#"{"access_token":"t","token_type":"DPoP"}"#, "a token of a type that this client cannot use"),
            (r#"{"access_token":"a\r\nb"}"#, "a token with characters that cannot be sent"),
            (r#"{"access_token":"t","access_token":"u"}"#, "JSON that names a member twice"),
            (r#"["access_token","t"]"#, "something that is not a JSON object"),
            ("", "something that is not a JSON object"),
            ("\u{1f}", "something that is not a JSON object"),
        ] {
            let expected = format!("login.example.com answered with {expected} (status 200) [token.unparsable]");
            assert_eq!(text_of(body), expected, "{body}");
        }
    }

    // THREAT-A6
    #[test]
    fn no_lifetime_is_bad_enough_to_lose_the_token() {
        for lifetime in ["null", "\"\"", "\"x\"", "-1", "1e400", "{}", "[]", "true", "3.7"] {
            let body = format!(r#"{{"access_token":"t","expires_in":{lifetime},"refresh_token":{lifetime}}}"#);
            assert!(read(&body).is_ok(), "{lifetime}");
        }
    }

    // THREAT-A5
    #[test]
    fn size_depth_and_members_are_bounded() {
        let padded = |size: usize| {
            let head = r#"{"access_token":"t","x":""#;
            format!("{head}{}\"}}", "x".repeat(size - head.len() - 2))
        };
        assert!(read(&padded(MAX_ANSWER)).is_ok());
        assert!(text_of(&padded(MAX_ANSWER + 1)).contains("more than 64 KiB"));
        let nested = |depth: usize| format!(r#"{{"access_token":"t","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(15)).is_ok());
        assert!(text_of(&nested(16)).contains("beyond the limits"));
        assert!(text_of(&"[".repeat(60_000)).contains("beyond the limits"));
    }

    #[test]
    fn a_form_is_read_where_the_type_says_so() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let response = read_as(form, 200, "access_token=t%2B0&scope=c+d&token_type=bearer&expires_in=60").unwrap();
        assert_eq!(response.token().secret().expose_secret(), "t+0");
        assert_eq!(response.token().scope().unwrap().to_string(), "c d");
        assert_eq!(response.lifetime(), Lifetime::For(Duration::from_secs(60)));
        let error = read_as(form, 200, "error=bad_verification_code&error_description=The+code").unwrap_err();
        assert_eq!(error.oauth_error(), Some("bad_verification_code"));
        assert!(read_as(form, 200, "access_token=t&access_token=u").is_err());
        assert!(read_as("text/plain", 200, "access_token=t").is_err());
    }

    // R6749-5.1a
    #[test]
    fn an_error_that_is_empty_is_none() {
        for empty in ["null", "false", "0", "\"\"", "[]"] {
            let body = format!(r#"{{"access_token":"t","error":{empty}}}"#);
            assert!(read(&body).is_ok(), "{empty}");
        }
        for real in ["true", "1", "\"x\"", "[\"x\"]", "{\"code\":\"x\"}", "{\"x\":1}"] {
            let body = format!(r#"{{"access_token":"t","error":{real}}}"#);
            assert!(read(&body).is_err(), "{real}");
        }
    }

    // R6749-5.1a, SYS-V10
    #[test]
    fn json_that_is_called_html_is_json_all_the_same() {
        let response = read_as("text/html; charset=UTF-8", 200, r#" {"access_token":"t","expires_in":60}"#).unwrap();
        assert_eq!(response.token().secret().expose_secret(), "t");
        let error = read_as("text/html", 400, r#"{"error":"invalid_grant"}"#).unwrap_err();
        assert_eq!(error.oauth_error(), Some("invalid_grant"));
        let error = read_as("text/html", 200, "Sign in").unwrap_err();
        assert!(error.to_string().contains("an HTML page"), "{error}");
    }

    // SYS-V10
    #[test]
    fn a_web_page_is_called_by_its_name_and_not_shown() {
        let expected = "login.example.com answered with an HTML page (status 200), not JSON: is the token URL right? [token.unparsable]";
        for content_type in ["text/html; charset=utf-8", "application/json", ""] {
            let error = read_as(content_type, 200, "\n <!doctype html><title>sentinel page</title>").unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("page</title>"));
        }
    }
}
