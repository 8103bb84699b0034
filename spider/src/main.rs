//! The Spider's command.

use std::ffi::{CStr, CString};
use std::io::Write as _;
use std::process::ExitCode;

use stardust_spider::collect::Sampler;
use stardust_spider::config::{self, Config, FileText, Input, Mode, Outcome, TOKEN_VARIABLE};
use stardust_spider::identify::identify;
use stardust_spider::root::Root;
use stardust_spider::{VERSION, link, output};

/// The command is wrong: nothing was done.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let input = Input {
        args: &args,
        token: take_token(),
        env: &|name| std::env::var(name).ok(),
        read: &FileText::open,
    };
    match config::parse(&input) {
        Ok(Outcome::Run(config)) => run(*config),
        Ok(Outcome::Help) => print(config::HELP),
        Ok(Outcome::Version) => print(&["stardust-spider ", VERSION, "\n"].concat()),
        Err(error) => {
            eprintln!("stardust-spider: {}", error.0);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Takes the token out of the environment and wipes it where it was: /proc
/// would go on showing it to this user's other programs.
fn take_token() -> Option<String> {
    let name = CString::new(TOKEN_VARIABLE).ok()?;
    // SAFETY: this is the first thing that main does, so no other thread uses
    // the environment. getenv gives a C string that the process may write to,
    // and its bytes are copied before they are overwritten up to their NUL.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        let token = CStr::from_ptr(value).to_string_lossy().into_owned();
        std::ptr::write_bytes(value, 0, libc::strlen(value));
        std::env::remove_var(TOKEN_VARIABLE);
        Some(token)
    }
}

fn run(config: Config) -> ExitCode {
    for warning in &config.warnings {
        eprintln!("stardust-spider: warning: {warning}");
    }
    if !config.root.is_dir() {
        let root = config.root.display();
        eprintln!("stardust-spider: --root: {root} is not a directory; give one, or leave it out");
        return ExitCode::from(EXIT_USAGE);
    }
    let root = Root::new(&config.root);
    let mut sampler = Sampler::with(root.clone(), config.rules.clone());
    match config.mode {
        Mode::Link => link::run(&config, sampler, identify(&root)),
        mode => output::run(&mut sampler, mode, config.interval_ms, &|| identify(&root)),
    }
}

fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    // A reader that went away has seen enough.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    ExitCode::SUCCESS
}
