/// What may be kept of a text that a peer sent: its printable ASCII, at most `max` bytes of it.
pub(crate) fn printable(text: &str, max: usize) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).take(max).collect()
}
