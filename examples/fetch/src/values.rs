use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tower_auth::core::Secret;
use zeroize::Zeroizing;

use crate::document::{Document, Keys, Located, Section, unknown};
use crate::failure::{Failure, Mistake};
use crate::provider::Provider;

/// What the user gave: by `--set`, in the environment, in a values file.
pub struct Values {
    id: String,
    set: BTreeMap<String, String>,
    environment: Environment,
    file: BTreeMap<String, Located<Given>>,
}

/// Looks an environment variable up.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A value, and what to call the place it came from in messages.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) value: Secret,
    pub(crate) from: String,
}

/// What stands in a values file.
#[derive(Clone, Debug)]
enum Given {
    Plain(String),
    Value(Secret),
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
}

/// How long a command may take, and how much it may print.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const COMMAND_OUTPUT: u64 = 64 * 1024;

const SOURCE: Keys = Keys { known: &["env", "file", "command", "value"], later: &[], elsewhere: &[] };

impl Values {
    /// Takes in what was given for `provider`. Nothing is looked up yet, and no command runs.
    ///
    /// # Errors
    /// Every mistake in the `--set` options and in the file.
    pub fn new(
        provider: &Provider,
        set: &[(String, String)],
        file: Option<&str>,
        environment: Environment,
    ) -> Result<Self, Failure> {
        let mut mistakes = check_set(provider, set);
        let given = match file.map(|path| read_file(provider, path)) {
            None => BTreeMap::new(),
            Some(Ok(given)) => given,
            Some(Err(more)) => {
                mistakes.extend(more);
                BTreeMap::new()
            }
        };
        if mistakes.is_empty() {
            Ok(Self { id: provider.id.clone(), set: set.iter().cloned().collect(), environment, file: given })
        } else {
            Err(Failure::mistakes(&mistakes))
        }
    }

    /// The value of `name` from the first place that has one: command line, environment, file. An empty variable counts as
    /// not set.
    ///
    /// # Errors
    /// When the place that has it does not yield it.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<Found>, Mistake> {
        if let Some(text) = self.set.get(name) {
            return Ok(Some(Found { value: Secret::new(text.as_str()), from: "--set".to_owned() }));
        }
        let variable = variable(&self.id, name);
        if let Some(text) = (self.environment)(&variable).filter(|text| !text.is_empty()) {
            return Ok(Some(Found { value: Secret::new(text), from: format!("the environment, {variable}") }));
        }
        let Some(given) = self.file.get(name) else { return Ok(None) };
        let value = self.read(&given.value).await.map_err(|why| Mistake::at(&given.place, why))?;
        Ok(Some(Found { value, from: given.place.to_string() }))
    }

    async fn read(&self, given: &Given) -> Result<Secret, String> {
        match given {
            Given::Plain(text) => Ok(Secret::new(text.as_str())),
            Given::Value(secret) => Ok(secret.clone()),
            Given::Env(name) => {
                Secret::lookup(name, |name| (self.environment)(name)).map_err(|error| error.to_string())
            }
            Given::File(path) => Secret::file(path).map_err(|error| error.to_string()),
            Given::Command(words) => run(words).await,
        }
    }
}

/// The environment variable for a field: `ALVYS__CLIENT_ID`.
pub(crate) fn variable(id: &str, field: &str) -> String {
    let upper = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    format!("{}__{}", upper(id), upper(field))
}

/// Objects to `--set` for names that nobody knows, and for secrets.
fn check_set(provider: &Provider, set: &[(String, String)]) -> Vec<Mistake> {
    let known = known_names(provider);
    let mut mistakes = Vec::new();
    for (name, _) in set {
        if !known.contains(&name.as_str()) {
            let text = unknown("field", name, &known);
            mistakes.push(Mistake::new(format!("--set {name}: {text}")));
        } else if is_secret(provider, name) {
            let variable = variable(&provider.id, name);
            mistakes.push(Mistake::new(format!(
                "--set {name}: this field is secret, and a command line can be read by every user of the machine; set the \
                 environment variable {variable}, or write {name} = {{ file = \"…\" }} into a values file"
            )));
        }
    }
    mistakes
}

fn read_file(provider: &Provider, path: &str) -> Result<BTreeMap<String, Located<Given>>, Vec<Mistake>> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| vec![Mistake::new(format!("the values file {path} cannot be read: {error}"))])?;
    let document = Document::new(path, &text);
    let table = document.parse();
    let root = document.root(&table);
    let known = known_names(provider);
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut all = BTreeMap::new();
    for name in root.names() {
        let Some(given) = given(&root, &name, folder) else { continue };
        if !known.contains(&name.as_str()) {
            root.note(&given.place, unknown("field", &name, &known));
        }
        if matches!(given.value, Given::Plain(_)) && is_secret(provider, &name) {
            root.note(
                &given.place,
                "this field is secret: write { env = \"…\" }, { file = \"…\" } or { command = [\"…\"] }, or, if it must \
                 stand here, { value = \"…\" }",
            );
        }
        all.insert(name, given);
    }
    let mistakes = document.into_mistakes();
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

/// A plain text, or a table that says where the value is. Files are looked for beside the values file.
fn given(root: &Section<'_>, name: &str, folder: &Path) -> Option<Located<Given>> {
    if !root.is_table(name) {
        return root.string(name).map(|text| Located { value: Given::Plain(text.value), place: text.place });
    }
    let table = root.section(name)?;
    table.check_keys(&SOURCE);
    let mut found = Vec::new();
    found.extend(table.string("env").map(|text| Given::Env(text.value)));
    found.extend(table.string("file").map(|text| Given::File(folder.join(text.value))));
    found.extend(table.string("value").map(|text| Given::Value(Secret::new(text.value))));
    if table.has("command") {
        found.push(Given::Command(table.strings("command").into_iter().map(|word| word.value).collect()));
    }
    match <[Given; 1]>::try_from(found) {
        Ok([value]) => Some(Located { value, place: table.place().clone() }),
        Err(_) => {
            table.note(table.place(), "this must have one of: env, file, command, value");
            None
        }
    }
}

/// What a command prints, without one line break at its end. Its standard error is ours.
async fn run(words: &[String]) -> Result<Secret, String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let fail = |what: String| format!("the command {program} {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fail(format!("cannot be started: {error}")))?;
    // Most secrets fit, so that no outgrown buffer is left behind.
    let mut output = Zeroizing::new(String::with_capacity(4096));
    let read = async {
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(COMMAND_OUTPUT)
                .read_to_string(&mut output)
                .await
                .map_err(|_| "did not print text".to_owned())?;
        }
        child.wait().await.map_err(|error| format!("cannot be waited for: {error}"))
    };
    let status = tokio::time::timeout(COMMAND_TIMEOUT, read)
        .await
        .map_err(|_| fail(format!("took longer than {COMMAND_TIMEOUT:?}")))?
        .map_err(fail)?;
    if !status.success() {
        return Err(fail(format!("failed ({status})")));
    }
    let text = output.strip_suffix('\n').unwrap_or(&output);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err(fail("printed nothing".to_owned())) } else { Ok(Secret::new(text)) }
}

/// The names that can be given values: fields, and the URLs that an operator may override.
fn known_names(provider: &Provider) -> Vec<&str> {
    let mut names = provider.field_names();
    names.extend(["base_url", "token_url"]);
    names
}

fn is_secret(provider: &Provider, name: &str) -> bool {
    provider.methods.iter().flat_map(|method| &method.fields).any(|field| field.name == name && field.secret)
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_after_the_provider_and_the_field() {
        assert_eq!(variable("alvys", "client_id"), "ALVYS__CLIENT_ID");
        assert_eq!(variable("my-api", "tenant_id2"), "MY_API__TENANT_ID2");
    }
}
