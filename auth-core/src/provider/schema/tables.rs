use crate::provider::kind::*;

/// The keys of a table of a provider file.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What a key may have as its value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Text,
    Template,
    Bool,
    Integer,
    Duration,
    /// A text or a list of texts.
    Texts,
    Word(fn() -> Vec<&'static str>),
    /// A table of strings with places; of anything if they are nested.
    Params,
    /// Free names, each with a table.
    Tables(&'static Table),
    Table(&'static Table),
    List(&'static Table),
    Place,
    Predicate,
    /// A text or `false`.
    GrantType,
    /// A new name or `false`.
    Rename,
    Equals,
    Status,
}

impl Table {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

fn words<T>(words: &[(&'static str, T)]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, required: false, about }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, required: true, about }
}

use Shape::{
    Bool, Duration, Equals, GrantType, Integer, List, Params, Place, Predicate, Rename, Status, Template, Text, Texts,
    Word,
};

pub(crate) const PROVIDER: Table = Table {
    name: "provider",
    keys: &[
        required("id", Text, "Letters, digits, '-', '_'. Names the environment variables of its values."),
        key("display_name", Text, "For people."),
        key("docs_url", Text, "The provider's page about authentication."),
        key("logo", Text, "URL or file name of a picture."),
        key("categories", Texts, "For lists."),
        key("extends", Text, "The id of another file that this one is based on."),
        key("base_url", Template, "Where the API is. The only origin that gets the credential."),
        key("environments", Shape::Tables(&URLS), "Named sets of URLs."),
        key("auth", List(&METHOD), "The methods of authentication."),
    ],
};

pub(crate) const URLS: Table = Table {
    name: "urls",
    keys: &[
        key("base_url", Template, "Where the API is."),
        key("authorize_url", Template, "Where a person consents."),
        key("token_url", Template, "Where tokens are issued."),
        key("refresh_url", Template, "Where they are renewed."),
        key("revoke_url", Template, "Revocation (RFC 7009)."),
        key("introspect_url", Template, "Introspection (RFC 7662)."),
        key("device_url", Template, "Where device codes come from (RFC 8628)."),
        key("issuer", Template, "The authorization server's issuer identifier (RFC 8414)."),
    ],
};

pub(crate) const METHOD: Table = Table {
    name: "method",
    keys: &[
        key("key", Text, "The method's name; each needs its own."),
        key("title", Text, "The method's name for people."),
        required("kind", Word(|| words(KINDS)), "The grant or scheme."),
        key("fields", List(&FIELD), "The values it needs."),
        key("base_url", Template, "Where the API is, for this method alone."),
        key("authorize_url", Template, "Where a person consents."),
        key("token_url", Template, "Where tokens are issued."),
        key("refresh_url", Template, "Where they are renewed."),
        key("revoke_url", Template, "Revocation (RFC 7009)."),
        key("introspect_url", Template, "Introspection (RFC 7662)."),
        key("device_url", Template, "Where device codes come from (RFC 8628)."),
        key("issuer", Template, "The authorization server's issuer identifier (RFC 8414)."),
        key("client_auth", Word(|| words(CLIENT_PROOFS)), "How the client proves itself."),
        key("basic_encoding", Word(|| words(BASIC_ENCODINGS)), "Whether the halves of a Basic pair are form-encoded."),
        key("basic_user", Template, "The first half of a Basic pair."),
        key("basic_password", Template, "The second half of a Basic pair."),
        key("body_format", Word(|| words(FORMATS)), "How the token request is encoded."),
        key("method", Word(|| words(TOKEN_METHODS)), "The HTTP method of the token request."),
        key("grant_type", GrantType, "The value to send, or \"omit\" or false for none."),
        key("token_params", Params, "Further parameters of the token request."),
        key("token_headers", Params, "Headers of token, refresh and step requests."),
        key("param_names", Shape::Table(&PARAM_NAMES), "Other names of standard parameters."),
        key("skip_empty", Bool, "Parameters whose value is empty are not sent."),
        key("scopes", Texts, "Asked for always."),
        key("default_scopes", Texts, "Asked for when the caller names none."),
        key("available_scopes", Texts, "What a caller may name."),
        key("scope_separator", Text, "One character."),
        key("scope_raw", Bool, "Scopes are not percent-encoded in the authorization URL."),
        key("authorize_params", Params, "Further parameters of the authorization URL."),
        key("pkce", Word(|| words(PKCES)), "Proof key (RFC 7636)."),
        key("response_mode", Word(|| words(RESPONSE_MODES)), "How the code comes back."),
        key("fragment_route", Text, "The route after # of a sign-in page that is a single-page application."),
        key("callback", Shape::Table(&CALLBACK), "What comes back with the code."),
        key("refresh", Word(|| words(REFRESHES)), "What a renewal spends."),
        key("refresh_grant_type", GrantType, "The value to send, or \"omit\" or false for none."),
        key("refresh_params", Params, "Parameters of the refresh request."),
        key("refresh_headers", Params, "Headers of the refresh request, beside token_headers."),
        key("rotation", Word(|| words(ROTATIONS)), "Whether a refresh token works once."),
        key("reuse_grace", Duration, "For how long an old refresh token is taken again after a lost answer."),
        key("keep_alive", Duration, "Renew idle credentials this often."),
        key("refresh_margin", Duration, "Renew this long before the end."),
        key("expired_signal", Predicate, "When an answer of the API means that the token is dead."),
        key("expires", Shape::Table(&EXPIRES), "How the lifetime is read."),
        key("response", Shape::Table(&RESPONSE), "Where the parts of the answer are."),
        key("steps", List(&STEP), "Requests that follow the token request before there is a token."),
        key("assertion", Shape::Table(&ASSERTION), "An assertion that we sign."),
        key("client_certificate", Shape::Table(&CERTIFICATE), "The pair for mutual TLS."),
        key("secondary_tokens", List(&SECONDARY), "Further tokens by the same refresh token."),
        key("placement", List(&PLACEMENT), "Where the credential goes."),
        key("api_headers", Params, "Headers of every request to the API."),
        key("api_query", Params, "Query parameters of every request to the API."),
        key("signer", Shape::Table(&SIGNER), "What signs every request."),
        key("verify", List(&VERIFY), "Requests that show whether a credential works."),
        key("probe", List(&PROBE), "Requests after connecting whose answers are kept."),
        key("revoke", Shape::Table(&REVOKE), "The request when a credential is deleted."),
        key("limits", Shape::Table(&LIMITS), "What the provider allows."),
    ],
};

pub(crate) const FIELD: Table = Table {
    name: "field",
    keys: &[
        required("name", Text, "Letters, digits and '_'."),
        key("title", Text, "The label."),
        key("help", Text, "Where to find the value."),
        key("help_url", Text, "A page that tells more."),
        key("example", Text, "What a value looks like."),
        key("type", Word(|| words(FIELD_TYPES)), "What kind of text it is."),
        key("secret", Bool, "Masked, never shown, never in a URL."),
        key("required", Bool, "Whether there must be a value."),
        key("pattern", Text, "A regular expression that the whole value matches."),
        key("format", Word(|| words(FIELD_FORMATS)), "A well-known form."),
        key("enum", Texts, "The allowed values."),
        key("default", Text, "Used when nobody gives a value."),
        key("hidden", Bool, "Not shown in forms."),
        key("prefix", Text, "Fixed text in front of the input."),
        key("suffix", Text, "Fixed text behind the input."),
        key("order", Integer, "The place in a form."),
        key("visible_when", Shape::Table(&VISIBLE_WHEN), "When it is asked for."),
        key("scope", Word(|| words(FIELD_SCOPES)), "Whose value it is."),
        key("source", Word(|| words(FIELD_SOURCES)), "Where the value comes from."),
    ],
};

pub(crate) const VISIBLE_WHEN: Table = Table {
    name: "visible_when",
    keys: &[required("field", Text, "Another field."), required("equals", Texts, "The values of it.")],
};

pub(crate) const PARAM_NAMES: Table = Table {
    name: "param_names",
    keys: &[
        key("client_id", Rename, "The new name, or false."),
        key("client_secret", Rename, "The new name, or false."),
        key("scope", Rename, "The new name, or false."),
        key("code", Rename, "The new name."),
        key("redirect_uri", Rename, "The new name, or false."),
        key("state", Rename, "The new name."),
        key("refresh_token", Rename, "The new name, or false."),
        key("grant_type", Rename, "The new name, or false."),
        key("response_type", Rename, "The new name, or false."),
        key("username", Rename, "The new name, or false."),
        key("password", Rename, "The new name, or false."),
        key("assertion", Rename, "The new name, or false."),
        key("code_verifier", Rename, "The new name."),
        key("authorize", Shape::Table(&RENAMES), "For the authorization URL only."),
        key("token", Shape::Table(&RENAMES), "For the token request only."),
        key("refresh", Shape::Table(&RENAMES), "For the refresh request only."),
    ],
};

pub(crate) const RENAMES: Table = Table {
    name: "renames",
    keys: &[
        key("client_id", Rename, "The new name, or false."),
        key("client_secret", Rename, "The new name, or false."),
        key("scope", Rename, "The new name, or false."),
        key("code", Rename, "The new name."),
        key("redirect_uri", Rename, "The new name, or false."),
        key("state", Rename, "The new name."),
        key("refresh_token", Rename, "The new name, or false."),
        key("grant_type", Rename, "The new name, or false."),
        key("response_type", Rename, "The new name, or false."),
        key("username", Rename, "The new name, or false."),
        key("password", Rename, "The new name, or false."),
        key("assertion", Rename, "The new name, or false."),
        key("code_verifier", Rename, "The new name."),
    ],
};

pub(crate) const CALLBACK: Table = Table {
    name: "callback",
    keys: &[
        key("code_param", Text, "The name of the code when it comes back."),
        key("capture", List(&CALLBACK_CAPTURE), "Values to keep from the callback."),
    ],
};

pub(crate) const CALLBACK_CAPTURE: Table = Table {
    name: "callback_capture",
    keys: &[required("name", Text, "The field."), required("param", Text, "The parameter of the callback.")],
};

pub(crate) const EXPIRES: Table = Table {
    name: "expires",
    keys: &[
        key("kind", Word(|| words(EXPIRY_KINDS)), "How the lifetime is read."),
        key("default", Duration, "Used when the answer states none."),
        key("max", Duration, "A cap."),
    ],
};

pub(crate) const RESPONSE: Table = Table {
    name: "response",
    keys: &[
        key("token", Place, "The access token."),
        key("token_type", Place, "Its type."),
        key("refresh_token", Place, "The refresh token."),
        key("id_token", Place, "The ID token."),
        key("expires", Place, "The lifetime or end."),
        key("refresh_expires", Place, "The lifetime of the refresh token in seconds."),
        key("scope", Place, "The granted scope."),
        key("error", Place, "The code of an error."),
        key("error_description", Place, "What the error says."),
        key("success_when", Predicate, "What a good answer looks like."),
        key("error_when", Predicate, "What an error looks like."),
        key("capture", List(&CAPTURE), "Values to keep with the credential."),
        key("capture_headers", List(&CAPTURE_HEADER), "Values to keep from headers and cookies."),
    ],
};

pub(crate) const SOURCE: Table = Table {
    name: "source",
    keys: &[key("header", Text, "The name of a header."), key("cookie", Text, "The name of a cookie.")],
};

pub(crate) const CAPTURE: Table = Table {
    name: "capture",
    keys: &[
        required("name", Text, "The field."),
        required("path", Text, "Where the value is in the JSON."),
        key("required", Bool, "Fail without it."),
        key("secret", Bool, "Whether the value is a secret."),
    ],
};

pub(crate) const CAPTURE_HEADER: Table = Table {
    name: "capture_header",
    keys: &[
        required("name", Text, "The field."),
        key("header", Text, "The name of a header."),
        key("cookie", Text, "The name of a cookie."),
        key("required", Bool, "Fail without it."),
        key("secret", Bool, "Whether the value is a secret."),
    ],
};

pub(crate) const STEP: Table = Table {
    name: "step",
    keys: &[
        required("url", Template, "Where it goes."),
        key("method", Word(request_methods), "The HTTP method."),
        key("headers", Params, "Headers."),
        key("params", Params, "Parameters."),
        key("body_format", Word(|| words(FORMATS)), "How the parameters are encoded."),
        key("body", Template, "A body as it is."),
        key("expect", Predicate, "What the answer must look like."),
        key("capture", List(&CAPTURE), "Values to keep with the credential."),
        key("capture_headers", List(&CAPTURE_HEADER), "Values to keep from headers and cookies."),
    ],
};

pub(crate) const VERIFY: Table = Table {
    name: "verify",
    keys: &[
        required("url", Template, "Where it goes."),
        key("method", Word(request_methods), "The HTTP method."),
        key("headers", Params, "Headers."),
        key("params", Params, "Parameters."),
        key("body_format", Word(|| words(FORMATS)), "How the parameters are encoded."),
        key("body", Template, "A body as it is."),
        key("expect", Predicate, "What the answer must look like."),
        key("authorized", Bool, "Whether the credential goes with it."),
    ],
};

pub(crate) const PROBE: Table = Table {
    name: "probe",
    keys: &[
        required("url", Template, "Where it goes."),
        key("method", Word(request_methods), "The HTTP method."),
        key("headers", Params, "Headers."),
        key("params", Params, "Parameters."),
        key("body_format", Word(|| words(FORMATS)), "How the parameters are encoded."),
        key("body", Template, "A body as it is."),
        key("expect", Predicate, "What the answer must look like."),
        key("capture", List(&CAPTURE), "Values to keep with the credential."),
        key("capture_headers", List(&CAPTURE_HEADER), "Values to keep from headers and cookies."),
        key("authorized", Bool, "Whether the credential goes with it."),
    ],
};

pub(crate) const REVOKE: Table = Table { name: "revoke", keys: VERIFY.keys };

pub(crate) const ASSERTION: Table = Table {
    name: "assertion",
    keys: &[
        key("type", Word(|| vec!["jwt"]), "The kind of assertion."),
        key("alg", Word(algorithms), "The signature algorithm."),
        key("key", Template, "The key: PEM, or a secret."),
        key("key_encoding", Word(|| words(KEY_ENCODINGS)), "How a secret key is written."),
        key("kid", Template, "Key id in the header."),
        key("x5t", Template, "Certificate thumbprint in the header."),
        key("header", Params, "Further members of the header."),
        key("claims", Params, "Claims."),
        key("lifetime", Duration, "At most a day."),
    ],
};

pub(crate) const CERTIFICATE: Table = Table {
    name: "client_certificate",
    keys: &[required("certificate", Template, "The chain in PEM."), required("key", Template, "The key in PEM.")],
};

pub(crate) const SECONDARY: Table = Table {
    name: "secondary_token",
    keys: &[
        required("name", Text, "Letters, digits, '_'."),
        key("url", Template, "The endpoint, if it is not refresh_url."),
        key("params", Params, "Instead of refresh_params."),
        key("expires", Shape::Table(&EXPIRES), "How the lifetime is read."),
        key("placement", List(&PLACEMENT), "Where it goes."),
    ],
};

pub(crate) const PLACEMENT: Table = Table {
    name: "placement",
    keys: &[
        key("header", Text, "A header."),
        key("query", Text, "A query parameter, for API keys."),
        key("insecure_query", Text, "A query parameter, for tokens that a provider takes nowhere else."),
        key("body", Text, "A member of the body."),
        key("path", Template, "In front of the request's path."),
        key("cookie", Text, "A cookie."),
        key("value", Template, "What goes there; {token} if not written."),
    ],
};

pub(crate) const SIGNER: Table = Table {
    name: "signer",
    keys: &[
        required("kind", Word(|| words(SIGNER_KINDS)), "How requests are signed."),
        key("access_key_id", Template, "aws_sigv4: the key's id."),
        key("secret_access_key", Template, "aws_sigv4: the key."),
        key("session_token", Template, "aws_sigv4: of temporary keys."),
        key("region", Template, "aws_sigv4."),
        key("service", Template, "aws_sigv4."),
        key("key_id", Template, "http_signature: the key's id."),
        key("key", Template, "http_signature: the key."),
        key("algorithm", Word(|| words(SIGNATURE_ALGORITHMS)), "http_signature."),
        key("headers", Texts, "http_signature: the headers that are covered."),
        key("name", Text, "custom: the name that the program knows."),
        key("params", Params, "custom: what the program gets."),
    ],
};

pub(crate) const LIMITS: Table = Table {
    name: "limits",
    keys: &[
        key("timeout", Duration, "For one token request."),
        key("concurrency", Integer, "Calls of the API at once."),
        key("token_calls", Shape::Table(&TOKEN_CALLS), "How often tokens may be asked for."),
        key("retry_after", Texts, "Headers that say when to come back."),
    ],
};

pub(crate) const TOKEN_CALLS: Table = Table {
    name: "token_calls",
    keys: &[required("count", Integer, "How many."), required("per", Duration, "In which time.")],
};

pub(crate) const ANSWER: Table = Table {
    name: "answer",
    keys: &[
        key("status", Status, "200, \"2xx\", \"400-403\", or a list."),
        key("header", Shape::Table(&ANSWER_HEADER), "What a header must be."),
        key("body", Shape::Table(&ANSWER_BODY), "What a place of the body must be."),
    ],
};

pub(crate) const ANSWER_HEADER: Table = Table {
    name: "answer_header",
    keys: &[
        required("name", Text, "The name of the header."),
        key("equals", Equals, "One of these."),
        key("contains", Text, "A part."),
        key("present", Bool, "Whether it is there."),
    ],
};

pub(crate) const ANSWER_BODY: Table = Table {
    name: "answer_body",
    keys: &[
        required("path", Text, "The place; empty for the whole."),
        key("equals", Equals, "One of these."),
        key("contains", Text, "A part."),
        key("present", Bool, "Whether it is there."),
    ],
};

/// Every table, for tests and for the generator.
pub(crate) const TABLES: &[&Table] = &[
    &PROVIDER,
    &URLS,
    &METHOD,
    &FIELD,
    &VISIBLE_WHEN,
    &PARAM_NAMES,
    &RENAMES,
    &CALLBACK,
    &CALLBACK_CAPTURE,
    &EXPIRES,
    &RESPONSE,
    &SOURCE,
    &CAPTURE,
    &CAPTURE_HEADER,
    &STEP,
    &VERIFY,
    &PROBE,
    &REVOKE,
    &ASSERTION,
    &CERTIFICATE,
    &SECONDARY,
    &PLACEMENT,
    &SIGNER,
    &LIMITS,
    &TOKEN_CALLS,
    &ANSWER,
    &ANSWER_HEADER,
    &ANSWER_BODY,
];

pub(crate) const REQUEST_METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

fn request_methods() -> Vec<&'static str> {
    REQUEST_METHODS.to_vec()
}

fn algorithms() -> Vec<&'static str> {
    crate::jose::Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect()
}
