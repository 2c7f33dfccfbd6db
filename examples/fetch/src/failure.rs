use std::fmt;

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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
