use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// What runs the steps of `interop/browser`.
pub(crate) struct Chromium {
    harness: PathBuf,
}

/// What the steps said.
#[must_use]
pub(crate) struct Said {
    out: String,
    is_success: bool,
}

impl Chromium {
    /// `None` where there is no browser and a test may be skipped.
    pub(crate) fn find() -> Option<Self> {
        let Some(harness) = std::env::var_os("TOWER_AUTH_BROWSER").map(PathBuf::from) else {
            assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_BROWSER is not set");
            println!("skipped: TOWER_AUTH_BROWSER is not set");
            return None;
        };
        Some(Self { harness })
    }

    /// Runs the steps in `script` with `args` and, after them, a folder for pictures.
    pub(crate) async fn run(&self, script: &str, args: &[&str], pictures: &str) -> Said {
        let kept = std::env::var_os("TOWER_AUTH_PICTURES").map(PathBuf::from);
        let kept = kept.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("connect-pictures"));
        let pictures = kept.join(pictures);
        let output = Command::new("node")
            .arg(self.harness.join(script))
            .args(args)
            .arg(&pictures)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{out}{}pictures: {}", String::from_utf8_lossy(&output.stderr), pictures.display());
        Said { out, is_success: output.status.success() }
    }
}

impl Said {
    pub(crate) fn is_good(&self) {
        assert!(self.is_success && self.out.contains("all passed"), "{}", self.out);
    }
}
