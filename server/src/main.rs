//! Ground Control's command: flags, then [`stardust_server::app`].

use std::process::ExitCode;

use stardust_server::app::Running;
use stardust_server::auth::{offline, reset};
use stardust_server::config::{self, Command, Config};
use stardust_server::demo::Demo;
use stardust_server::environment::{self, Environment};
use stardust_server::error::Error;
use stardust_server::log;
use stardust_server::store::{backup, damage, restore, salvage};
use stardust_server::vault::rekey;

fn main() -> ExitCode {
    // SAFETY: nothing has started a thread yet.
    let environment = unsafe { Environment::take() };
    environment::keep_private();
    let command = config::parse(std::env::args_os().skip(1), |name| environment.get(name));
    let result = match command {
        Ok(Command::Help) => {
            print!("{}", config::HELP);
            Ok(())
        }
        Ok(Command::Version) => {
            println!("stardust-server {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Ok(Command::Rekey(given)) => rekey::run(&given.db, &given.old, &given.new).map(|sealed| {
            println!(
                "{} has the new secret ({sealed} stored credentials were encrypted anew; all \
                 sessions have ended). Start Ground Control with it as STARDUST_SECRET.",
                given.db.display()
            );
        }),
        Ok(Command::Backup(given)) => backup::run(&given.db, &given.file).map(|made| {
            println!(
                "{} holds {} and {} bytes. To restore it, stop Ground Control and run \
                 `stardust-server restore` with it; the secret is the same.",
                given.file.display(),
                count(made.nodes, "node"),
                made.bytes
            );
        }),
        Ok(Command::Restore(given)) => restore::run(&given.db, &given.file).map(|made| {
            println!(
                "{} is what {} holds now: {}. All sessions have ended; the secret is that of the \
                 backup.",
                given.db.display(),
                given.file.display(),
                count(made.nodes, "node")
            );
            if let Some(aside) = made.aside {
                println!("What was there before is kept as {}.", aside.display());
            }
        }),
        Ok(Command::Salvage(given)) => {
            let made = match &given.file {
                Some(file) => salvage::run(&given.db, file),
                None => salvage::in_place(&given.db),
            };
            made.map(|made| println!("{}", made.told(&given.db, given.file.as_deref())))
        }
        Ok(Command::ResetPassword(given)) => reset::ask(given.password)
            .and_then(|password| reset::run(&given.db, &given.user, password))
            .map(|done| match &done.one_time {
                Some(password) => println!(
                    "The login {} has this password now, for one login, at which it must be \
                     changed: {}",
                    given.user,
                    password.expose()
                ),
                None => println!(
                    "The login {} has the new password, and its sessions have ended.",
                    given.user
                ),
            }),
        Ok(Command::Users(given)) => {
            offline::run(&given.db, &given.deed).map(|words| println!("{words}"))
        }
        Ok(Command::VerifyAudit(db)) => offline::verify_audit(&db).map(|words| println!("{words}")),
        Ok(Command::Run(mut config)) => {
            config.take_credentials(|name| environment.credential(name));
            run(*config)
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::last_words(&format!("stardust-server: {error}"));
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn count(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}

fn run(config: Config) -> Result<(), Error> {
    log::set_format(config.log_format);
    config.log_level.apply()?;
    damage::watch();
    if config.demo {
        return Demo::prepare(config).and_then(Demo::run);
    }
    serve(config)
}

fn serve(config: Config) -> Result<(), Error> {
    let running = Running::start(config)?;
    let scheme = match running.app.config.tls {
        Some(_) => "https",
        None => "http",
    };
    let listens: Vec<String> = running
        .app
        .listens
        .iter()
        .map(|name| match name.starts_with("unix:") {
            true => name.clone(),
            false => format!("{scheme}://{name}"),
        })
        .collect();
    println!(
        "Ground Control {} listens on {}",
        env!("CARGO_PKG_VERSION"),
        listens.join(", ")
    );
    if let Some(words) = &running.first_login {
        println!("{words}");
    }
    running.run()
}
