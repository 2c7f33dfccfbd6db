/// What may be kept of a text that a peer sent: its printable ASCII, at most `max` bytes of it.
pub(crate) fn printable(text: &str, max: usize) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).take(max).collect()
}

/// A text whose control characters are written out, so that it is one line and does nothing to whatever shows it.
pub(super) fn one_line(text: String) -> String {
    if !text.chars().any(char::is_control) {
        return text;
    }
    let written = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(written).collect()
}
