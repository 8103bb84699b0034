//! Ground Control's command: flags, then [`stardust_server::app`].

use std::process::ExitCode;

use stardust_server::app::Running;
use stardust_server::auth::reset;
use stardust_server::config::{self, Command, Config};
use stardust_server::demo::Demo;
use stardust_server::error::Error;
use stardust_server::store::{backup, damage, salvage};
use stardust_server::vault::rekey;

fn main() -> ExitCode {
    let command = config::parse(std::env::args_os().skip(1), |name| std::env::var_os(name));
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
                "{} holds {} {} and {} bytes. To restore it, stop Ground Control and put it in \
                 the place of its database; the secret is the same.",
                given.file.display(),
                made.nodes,
                if made.nodes == 1 { "node" } else { "nodes" },
                made.bytes
            );
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
        Ok(Command::Run(config)) => run(*config),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stardust-server: {error}");
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn run(config: Config) -> Result<(), Error> {
    stardust_server::log::set_format(config.log_format);
    damage::watch();
    if config.demo {
        return Demo::prepare(config).and_then(Demo::run);
    }
    serve(config)
}

fn serve(config: Config) -> Result<(), Error> {
    let running = Running::start(config)?;
    println!(
        "Ground Control {} listens on {}://{}",
        env!("CARGO_PKG_VERSION"),
        if running.app.config.tls.is_some() {
            "https"
        } else {
            "http"
        },
        running.app.address
    );
    if let Some(words) = &running.first_login {
        println!("{words}");
    }
    running.run()
}
