#[cfg(feature = "oauth")]
use std::io;

use bytes::Bytes;
use zeroize::Zeroizing;

/// A growing buffer for bytes that may hold a secret: overwritten with zeros when it is dropped, and when it is
/// outgrown.
#[derive(Default)]
pub(crate) struct WipedBuffer(Zeroizing<Vec<u8>>);

impl WipedBuffer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            // `Vec` would move its content and leave the old one behind as it is.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(self.0.capacity() * 2).max(64)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    /// The content, wiped when its last clone is dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.0)
    }
}

#[cfg(feature = "oauth")]
impl WipedBuffer {
    pub(crate) fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    /// The content as text; `None` if it is not UTF-8.
    pub(crate) fn into_text(mut self) -> Option<Zeroizing<String>> {
        match String::from_utf8(std::mem::take(&mut *self.0)) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                None
            }
        }
    }
}

#[cfg(feature = "oauth")]
impl io::Write for WipedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-L5
    #[test]
    fn growth_keeps_the_content() {
        let mut buffer = WipedBuffer::default();
        for index in 0..1000_u32 {
            buffer.extend(index.to_string().as_bytes());
            buffer.extend(b",");
        }
        let expected: String = (0..1000).map(|index| format!("{index},")).collect();
        assert_eq!(buffer.len(), expected.len());
        assert_eq!(buffer.into_bytes(), expected.as_bytes());
    }

    #[cfg(feature = "oauth")]
    #[test]
    fn text_must_be_utf_8() {
        let mut buffer = WipedBuffer::with_capacity(2);
        buffer.extend("ä".as_bytes());
        assert_eq!(buffer.into_text().as_deref().map(String::as_str), Some("ä"));
        let mut buffer = WipedBuffer::default();
        buffer.extend(&[0xff]);
        assert!(buffer.into_text().is_none());
    }
}
