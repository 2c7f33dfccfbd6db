//! One file based on another.

use crate::config::{At, Node, Notes, Value, invalid, unknown};
use crate::error::{ConfigError, ConfigErrorKind};

/// The longest chain of parents.
const MAX_PARENTS: usize = 8;

/// `node` with everything of its parents that it does not say itself. `find` knows the others by id; it gives `None` for an id that
/// there is not. `None` if a parent is missing or the chain is a circle, which is noted.
pub(super) fn extended(
    node: &Node,
    find: &mut dyn FnMut(&str) -> Option<Node>,
    known: &[&str],
    notes: &Notes,
) -> Option<Node> {
    let mut chain = vec![node.clone()];
    let mut ids: Vec<String> = node.get("id").and_then(Node::text).map(str::to_owned).into_iter().collect();
    while let Some(extends) = chain.last().and_then(|last| last.get("extends")).cloned() {
        let at = At { key: "extends".to_owned(), file: extends.file.clone(), line: extends.line };
        // A value of another type is objected to when the file is read.
        let Some(id) = extends.text() else { break };
        if ids.iter().any(|own| own == id) || chain.len() > MAX_PARENTS {
            let text = format!("the files extend each other in a circle: {}, {id}", ids.join(", "));
            notes.push(&at, invalid(&text));
            return None;
        }
        match find(id) {
            Some(parent) => {
                ids.push(id.to_owned());
                chain.push(parent);
            }
            None => {
                let text = unknown(&format!("provider {id:?}"), id, known);
                notes.push(&at, ConfigError::new(ConfigErrorKind::MissingOption, text));
                return None;
            }
        }
    }
    let mut merged = chain.pop()?;
    while let Some(child) = chain.pop() {
        remove(&mut merged, "id");
        remove(&mut merged, "extends");
        merged = merge(merged, child, &[]);
    }
    Some(merged)
}

fn remove(node: &mut Node, name: &str) {
    if let Value::Table(entries) = &mut node.value {
        entries.retain(|(own, _)| own != name);
    }
}

/// Tables are merged at any depth; `path` says which lists have elements that are matched by name.
fn merge(parent: Node, child: Node, path: &[&str]) -> Node {
    let (file, line) = (child.file, child.line);
    let value = match (parent.value, child.value) {
        (Value::Table(mut entries), Value::Table(own)) => {
            for (name, node) in own {
                match entries.iter().position(|(other, _)| *other == name) {
                    Some(index) => {
                        let (_, parent) = entries.remove(index);
                        let path: Vec<_> = path.iter().copied().chain([name.as_str()]).collect();
                        let merged = merge(parent, node, &path);
                        entries.insert(index, (name, merged));
                    }
                    None => entries.push((name, node)),
                }
            }
            Value::Table(entries)
        }
        (Value::List(elements), Value::List(own)) => match path {
            ["auth"] => Value::List(merge_lists(elements, own, path, method_key)),
            ["auth", "fields" | "secondary_tokens"] => {
                Value::List(merge_lists(elements, own, path, |node| node.get("name").and_then(Node::text)))
            }
            _ => Value::List(own),
        },
        (_, own) => own,
    };
    Node { file, line, value }
}

fn method_key(node: &Node) -> Option<&str> {
    node.get("key").or_else(|| node.get("kind")).and_then(Node::text)
}

/// The parent's elements, each changed by the child's of the same name, and then the child's others.
fn merge_lists(
    mut elements: Vec<Node>,
    own: Vec<Node>,
    path: &[&str],
    name: impl Fn(&Node) -> Option<&str>,
) -> Vec<Node> {
    let only = elements.len() == 1 && path == ["auth"];
    for node in own {
        let index = match name(&node) {
            Some(wanted) => elements.iter().position(|other| name(other) == Some(wanted)),
            None => only.then_some(0),
        };
        match index {
            Some(index) => {
                let parent = elements.remove(index);
                elements.insert(index, merge(parent, node, path));
            }
            None => elements.push(node),
        }
    }
    elements
}
