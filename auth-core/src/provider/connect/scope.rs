use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::answer::Answer;
use crate::provider::filled::{FilledProvider, Scene};
use crate::provider::model::{Headers, ParamValue};
use crate::provider::template::{Filling, Template};
use crate::{Clock, Secret, TokenError, TokenErrorKind};

/// What the templates of one request are filled with.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    scene: Scene<'a>,
    clock: &'a Clock,
}

impl<'a> Scope<'a> {
    pub(super) fn new(filled: &'a FilledProvider, clock: &'a Clock) -> Self {
        Self { scene: filled.scene(), clock }
    }

    /// Gives one of the names with a meaning a value.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Secret>) -> Self {
        self.scene = self.scene.meaning(name, value.into());
        self
    }

    /// Adds values that were captured; they come before those that were given.
    pub(super) fn captured(mut self, values: &'a BTreeMap<String, Secret>) -> Self {
        self.scene = self.scene.captured(values);
        self
    }

    /// Adds the answer of the next step.
    pub(super) fn step(mut self, answer: &'a Answer) -> Self {
        self.scene = self.scene.step(answer.json());
        self
    }

    pub(super) fn filling(&self) -> Filling<'_> {
        Filling::new(&self.scene, self.clock)
    }

    /// The text of `template`; `what` names it in the error.
    pub(super) fn text(&self, what: &str, template: &Template) -> Result<Secret, TokenError> {
        self.filling().text(template).map_err(|why| unfillable(what, &why))
    }

    /// Header names and values. Empty values are left out.
    pub(super) fn headers(&self, headers: &Headers) -> Result<http::HeaderMap, TokenError> {
        let mut filled = http::HeaderMap::new();
        for (name, template) in headers {
            let text = self.filling().header(&template.value).map_err(|why| unfillable(name.as_str(), &why))?;
            if text.is_empty() {
                continue;
            }
            let mut value = http::HeaderValue::from_str(text.expose_secret())
                .map_err(|_| unfillable(name.as_str(), "the value cannot stand in a header"))?;
            value.set_sensitive(true);
            filled.insert(name.clone(), value);
        }
        Ok(filled)
    }

    /// The value of a parameter as JSON.
    pub(super) fn json(&self, what: &str, value: &ParamValue) -> Result<Value, TokenError> {
        Ok(match value {
            ParamValue::Text(template) => Value::from(self.text(what, template)?.expose_secret()),
            ParamValue::Integer(number) => Value::Number(Number::from(*number)),
            ParamValue::Bool(value) => Value::Bool(*value),
            ParamValue::List(list) => {
                Value::Array(list.iter().map(|value| self.json(what, value)).collect::<Result<_, _>>()?)
            }
            ParamValue::Table(entries) => {
                let mut members = Map::new();
                for (name, value) in entries {
                    members.insert(name.clone(), self.json(what, value)?);
                }
                Value::Object(members)
            }
        })
    }

    /// The value of a parameter where it is a text.
    pub(super) fn param(&self, what: &str, value: &ParamValue) -> Result<Secret, TokenError> {
        Ok(match value {
            ParamValue::Text(template) => self.text(what, template)?,
            ParamValue::Integer(number) => Secret::new(number.to_string()),
            ParamValue::Bool(value) => Secret::new(value.to_string()),
            ParamValue::List(_) | ParamValue::Table(_) => Secret::new(self.json(what, value)?.to_string()),
        })
    }
}

/// The error of a template that cannot be filled. Neither `what` nor `why` holds a value.
pub(super) fn unfillable(what: &str, why: &str) -> TokenError {
    TokenError::new(
        TokenErrorKind::Misconfigured,
        format!("{what} of the provider's description cannot be filled: {why}"),
    )
}
