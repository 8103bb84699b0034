//! `--demo`: a whole Stardust of this machine alone, gone without a trace at the end.

use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use stardust_shared::base64;

use crate::api::App;
use crate::app::Running;
use crate::auth::{keys, node_token};
use crate::clock::wall_ms;
use crate::config::{COMMIT_INTERVAL_MS_DEFAULT, Config};
use crate::embedded_spiders;
use crate::error::{Error, Kind};
use crate::run_dir::RunDir;
use crate::secret::Secret;

/// Name of the node that is this machine.
const NODE_NAME: &str = "this-machine";
const INTERVAL_MS: u64 = 1_000;
/// Short, so that a reload of the page shows history at once.
const COMMIT_INTERVAL_MS: u64 = 1_000;

pub struct Demo {
    config: Config,
    password: Secret,
    folder: RunDir,
}

impl Demo {
    /// Makes a fresh data folder, a secret and a login.
    pub fn prepare(mut config: Config) -> Result<Self, Error> {
        let folder = RunDir::create()?;
        let password = random_text(9)?;
        config.db = folder.path().join("stardust.db");
        config.secret = Some(random_text(32)?);
        config.admin.password = password.clone();
        config.admin.given = true;
        if config.commit_interval_ms == COMMIT_INTERVAL_MS_DEFAULT {
            config.commit_interval_ms = COMMIT_INTERVAL_MS;
        }
        Ok(Self {
            config,
            password,
            folder,
        })
    }

    /// Serves until Ctrl-C, with a Spider of this machine as a child process.
    pub fn run(self) -> Result<(), Error> {
        let running = Running::start(self.config)?;
        let app = Arc::clone(&running.app);
        let binary = spider_binary(&app.config, self.folder.path())?;
        let spider = Spider::start(&binary, &app)?;
        println!("Stardust is live at http://{}", app.address);
        println!(
            "Sign in as {} with {}",
            app.config.admin.user,
            self.password.expose()
        );
        println!("It shows this machine. Ctrl-C stops it and leaves nothing behind.");
        let result = running.run();
        spider.stop();
        result
    }
}

fn random_text(bytes: usize) -> Result<Secret, Error> {
    let mut random = vec![0; bytes];
    keys::random(&mut random)?;
    Ok(Secret::new(base64::URL.encode(&random)))
}

/// The Spider of `--agent-binary`, or the built-in one, put into the data folder.
fn spider_binary(config: &Config, folder: &Path) -> Result<PathBuf, Error> {
    if let Some(binary) = &config.agent_binary {
        return Ok(binary.clone());
    }
    let path = folder.join("stardust-spider");
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, embedded_spiders::native()));
    written.map_err(|error| Error::system("write the Spider into the data folder", &error))?;
    Ok(path)
}

/// The child process, watched by a thread.
struct Spider {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

impl Spider {
    fn start(binary: &Path, app: &App) -> Result<Self, Error> {
        let (token, hash) = node_token::generate()?;
        let node = app
            .store
            .insert_node(NODE_NAME, &["demo".into()], hash, wall_ms())?;
        app.fleet.insert(node);
        let mut command = Command::new(binary);
        command
            .args(["--server", &format!("ws://{}", app.address)])
            .args(["--interval", &INTERVAL_MS.to_string()])
            .env_remove("STARDUST_SECRET")
            .env_remove("STARDUST_ADMIN_PASS")
            .env("STARDUST_TOKEN", token.expose())
            .stdin(Stdio::null());
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                // Killed with us, also when we can't say goodbye. Ctrl-C goes to
                // the whole terminal group; the Spider is stopped by us instead.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::setpgid(0, 0);
                Ok(())
            });
        }
        let child = command.spawn().map_err(|error| {
            Error::new(
                Kind::System,
                format!("The Spider {} can't be started: {error}.", binary.display()),
                "If the temp folder is mounted noexec, set TMPDIR to another one.",
            )
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        // It ends with the first signal, before it could wonder where the server went.
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))
                .map_err(|error| Error::system("handle signals", &error))?;
        }
        let told = Arc::clone(&stop);
        let watcher = std::thread::Builder::new()
            .name("demo".into())
            .spawn(move || watch(child, &told))
            .map_err(|error| Error::system("start the demo's thread", &error))?;
        Ok(Self { stop, watcher })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.watcher.join();
    }
}

fn watch(mut child: Child, stop: &AtomicBool) {
    loop {
        if stop.load(Ordering::Relaxed) {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        if let Ok(Some(status)) = child.try_wait() {
            crate::log::error(&format!(
                "the Spider has ended: {status}. Start the demo again."
            ));
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
