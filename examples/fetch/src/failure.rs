use std::fmt;
use std::sync::Arc;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Every call was answered with a status below 400.
    Success,
    /// An API answered 400 or above, with a gRPC error, or not at all.
    CallFailed,
    /// The command line, the provider file or the values cannot be used.
    Usage,
    /// No token could be had.
    NoToken,
}

/// Why the program ends early: what it says on standard error.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// One line or several; never a secret.
    pub text: String,
}

/// Where in a file something stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file as it was named on the command line.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
    /// The key path, such as `auth[0].token_url`; empty for the file as a whole.
    pub path: String,
}

/// A mistake in a file, on the command line or in the environment. All that can be found are reported at once.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// Where, if it is in a file.
    pub place: Option<Place>,
    /// What is wrong and what to write instead.
    pub text: String,
}

impl Exit {
    /// The code for the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::CallFailed => 1,
            Self::Usage => 2,
            Self::NoToken => 3,
        }
    }
}

impl Failure {
    /// A failure of the given kind.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// A mistake of the user's.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Several mistakes of the user's, one per line.
    pub fn mistakes(mistakes: &[Mistake]) -> Self {
        Self::usage(mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n"))
    }
}

impl Mistake {
    /// A mistake at a place in a file.
    pub fn at(place: &Place, text: impl Into<String>) -> Self {
        Self { place: Some(place.clone()), text: text.into() }
    }

    /// A mistake elsewhere.
    pub fn new(text: impl Into<String>) -> Self {
        Self { place: None, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
