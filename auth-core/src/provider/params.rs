//! Parameters with their places filled: as pairs for forms and queries, as JSON text.

use zeroize::Zeroizing;

use super::model::{Located, ParamValue, Params};
use super::template::Filling;
use crate::Secret;

impl Filling<'_> {
    /// Names and values for a form or a query. With `skip_empty` those without a value are left out.
    ///
    /// # Errors
    /// The key path of the parameter that cannot be made, and why.
    pub(crate) fn pairs(&self, params: &Params, skip_empty: bool) -> Result<Vec<(String, Secret)>, String> {
        let mut pairs = Vec::with_capacity(params.len());
        for (name, Located { value, at }) in params {
            let value = match value {
                ParamValue::Text(template) => self.text(template).map_err(|what| format!("{}: {what}", at.key))?,
                ParamValue::Integer(number) => Secret::new(number.to_string()),
                ParamValue::Bool(value) => Secret::new(value.to_string()),
                ParamValue::List(_) | ParamValue::Table(_) => {
                    return Err(format!("{}: lists and tables are for bodies in JSON", at.key));
                }
            };
            if !(skip_empty && value.is_empty()) {
                pairs.push((name.clone(), value));
            }
        }
        Ok(pairs)
    }

    /// A JSON object of `first`, which are texts, and then `params`; one of `params` with the name of a first one replaces it. With
    /// `skip_empty` texts without a value are left out.
    ///
    /// # Errors
    /// The key path of the parameter that cannot be made, and why.
    pub(crate) fn json(&self, first: &[(String, Secret)], params: &Params, skip_empty: bool) -> Result<Secret, String> {
        let mut out = Zeroizing::new(String::with_capacity(1024));
        out.push('{');
        for (name, value) in first {
            let replaced = params.iter().any(|(own, _)| own == name);
            if !(replaced || skip_empty && value.is_empty()) {
                member(&mut out, name);
                string(&mut out, value.expose_secret());
            }
        }
        for (name, Located { value, at }) in params {
            let mark = out.len();
            member(&mut out, name);
            let written = self.json_value(&mut out, value, skip_empty).map_err(|what| format!("{}: {what}", at.key))?;
            if !written {
                out.truncate(mark);
            }
        }
        out.push('}');
        Ok(Secret::new(out.as_str()))
    }

    /// Writes a value; `false` if it was left out because it is empty.
    fn json_value(&self, out: &mut Zeroizing<String>, value: &ParamValue, skip_empty: bool) -> Result<bool, String> {
        match value {
            ParamValue::Text(template) => {
                let text = self.text(template)?;
                if skip_empty && text.is_empty() {
                    return Ok(false);
                }
                string(out, text.expose_secret());
            }
            ParamValue::Integer(number) => out.push_str(&number.to_string()),
            ParamValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            ParamValue::List(list) => {
                out.push('[');
                for one in list {
                    let mark = out.len();
                    if !out.ends_with('[') {
                        out.push(',');
                    }
                    if !self.json_value(out, one, skip_empty)? {
                        out.truncate(mark);
                    }
                }
                out.push(']');
            }
            ParamValue::Table(entries) => {
                out.push('{');
                for (name, one) in entries {
                    let mark = out.len();
                    member(out, name);
                    if !self.json_value(out, one, skip_empty)? {
                        out.truncate(mark);
                    }
                }
                out.push('}');
            }
        }
        Ok(true)
    }
}

fn member(out: &mut Zeroizing<String>, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    string(out, name);
    out.push(':');
}

/// A JSON string (RFC 8259 section 7).
fn string(out: &mut Zeroizing<String>, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::provider::{ProviderSpec, ProviderValues};

    #[test]
    fn parameters_become_pairs_and_nested_json_and_hostile_values_stay_texts() {
        let spec = ProviderSpec::from_toml(
            r#"
id = "acme"
[[auth]]
kind = "login"
token_url = "https://login.acme.test/"
token_params = { user = "{user}", none = "{none}", n = 1, deep = { list = ["{user}", true, "{none}"], "a\"b" = "" } }
[[auth]]
key = "flat"
kind = "login"
body_format = "form"
token_url = "https://login.acme.test/"
token_params = { user = "{user}", none = "{none}", n = 1, b = false }
[[auth.fields]]
name = "user"
[[auth.fields]]
name = "none"
required = false
"#
            .replace(
                "[[auth]]\nkey",
                "[[auth.fields]]\nname = \"user\"\n[[auth.fields]]\nname = \"none\"\nrequired = false\n[[auth]]\nkey",
            )
            .as_str(),
        )
        .unwrap_or_else(|errors| panic!("{errors}"));
        let hostile = "a\", \"admin\": \"\\ü";
        let values = |key: &str| ProviderValues::new().env(|_| None).value("user", hostile).value("auth", key);
        let filled = spec.fill(&values("login")).unwrap();
        let (scene, params) = (filled.scene(), &filled.method().token.params);
        let filling = Filling::new(&scene, &Clock::system());
        let first = [("grant_type".to_owned(), Secret::from("x")), ("n".to_owned(), Secret::from("replaced"))];
        let read = |text: Secret| -> serde_json::Value { serde_json::from_str(text.expose_secret()).unwrap() };
        assert_eq!(
            read(filling.json(&first, params, false).unwrap()),
            serde_json::json!({"grant_type": "x", "user": hostile, "none": "", "n": 1, "deep": {"list": [hostile, true, ""], "a\"b": ""}})
        );
        assert_eq!(
            read(filling.json(&[], params, true).unwrap()),
            serde_json::json!({"user": hostile, "n": 1, "deep": {"list": [hostile, true]}})
        );
        assert!(filling.pairs(params, false).unwrap_err().contains("auth[0].token_params.deep"));

        let filled = spec.fill(&values("flat")).unwrap();
        let scene = filled.scene();
        let pairs = Filling::new(&scene, &Clock::system()).pairs(&filled.method().token.params, true).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(pairs, [("user", hostile), ("n", "1"), ("b", "false")]);
    }
}
