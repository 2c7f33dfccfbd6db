//! What shows: errors to the last source, and the log.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use tracing_subscriber::fmt::format::FmtSpan;

use super::bodies::form_encoded;

/// What the subscriber wrote.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Captures everything from now on, on this thread.
    pub(crate) fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

/// Everything that an error shows.
pub(crate) fn everything(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?} {error:#?}");
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!(" {error} {error:?}"));
        next = error.source();
    }
    text
}

/// The first of `secrets` that shows in `text`, in a spelling that gives it away, or the first half of a long one.
pub(crate) fn leak<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    secrets.into_iter().find(|secret| {
        let beginning = secret.get(..12).filter(|_| secret.len() >= 20);
        text.contains(*secret)
            || beginning.is_some_and(|beginning| text.contains(beginning))
            || text.contains(&form_encoded(secret))
            || text.contains(&STANDARD.encode(secret))
            || text.contains(&STANDARD_NO_PAD.encode(secret))
    })
}
