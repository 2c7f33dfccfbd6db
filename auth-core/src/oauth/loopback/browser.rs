use std::io;
use std::process::{Command, Stdio};

use http::Uri;

use crate::BoxError;

/// Opens `url` in the user's browser: by `xdg-open`, on macOS by `open`, on Windows by `rundll32`. No shell sees it.
///
/// For [`NativeLogin`](super::NativeLogin); any other way of showing a URL to the user is a closure.
///
/// # Errors
/// When the URL is not `http` or `https`, or the program cannot be started. Whether a browser came up is not known.
///
/// # Security
/// Other users of the machine may see the URL in the list of processes. Neither the code nor the proof key is in it.
pub fn open_system_browser(url: &Uri) -> Result<(), BoxError> {
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err("only http and https URLs are opened".into());
    }
    let (program, arguments) = PROGRAM;
    let child = Command::new(program)
        .args(arguments)
        .arg(url.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no program {program} to open a browser with").into(),
        _ => BoxError::from(error),
    })?;
    // Somebody has to wait for a child. Some of these programs end with the browser only.
    std::thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(target_os = "macos")]
const PROGRAM: (&str, &[&str]) = ("open", &[]);

#[cfg(target_os = "windows")]
const PROGRAM: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);

#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const PROGRAM: (&str, &[&str]) = ("xdg-open", &[]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_opened() {
        for bad in ["ftp://a.example/", "/path", "app://x/", "*"] {
            assert!(open_system_browser(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
