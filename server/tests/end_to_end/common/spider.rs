//! The real Spider, as Ground Control carries it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::Process;

pub struct Spider {
    pub process: Process,
}

impl Spider {
    pub fn path() -> &'static str {
        binary().to_str().expect("a path of plain text")
    }

    pub fn start(url: &str, token: &str, interval_ms: u32, args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["--server", url, "--interval", &interval_ms.to_string()])
            .args(args)
            .env("STARDUST_TOKEN", token);
        Self {
            process: Process::start("Spider", &mut command),
        }
    }
}

/// Written once for all tests, into cargo's own temp folder.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join("stardust-spider");
        let fresh = folder.join(format!("stardust-spider-{}", std::process::id()));
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o755)
            .open(&fresh)
            .and_then(|mut file| file.write_all(stardust_server::embedded_spiders::native()))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .expect("the Spider is written");
        path
    })
}
