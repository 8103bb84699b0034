//! SIGINT and SIGTERM stop in order, SIGHUP reads certificate, scraper's token and log
//! level again. One thread that waits for them.

use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::api::App;
use crate::error::Error;
use crate::log;
use crate::notify::Notifier;

/// From here on signals do what they should.
pub fn follow(app: Arc<App>) -> Result<(), Error> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Error::system("handle signals", &error))?;
    let notifier = Notifier::from_environment();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut told = false;
            for signal in &mut signals {
                // A demo ends with its terminal.
                if signal == SIGHUP && !app.config.demo {
                    if !told {
                        reload(&app, notifier.as_ref());
                    }
                    continue;
                }
                if told {
                    // Asked twice: now. What is pending stays with the Spiders.
                    std::process::exit(130);
                }
                told = true;
                if let Some(notifier) = &notifier {
                    notifier.say("STOPPING=1");
                }
                // First: an answer that waits for a node would hold the stop up.
                app.jobs.stop();
                app.major_tom.stop();
                app.gate.stop();
            }
        })
        .map(|_| ())
        .map_err(|error| Error::system("start the signal thread", &error))
}

/// What is no good is said, and what held before holds on.
fn reload(app: &App, notifier: Option<&Notifier>) {
    if let Some(notifier) = notifier {
        notifier.reloading();
    }
    let token = app.scrape_token.as_ref();
    let token = token.zip(app.config.metrics_token_file.as_deref());
    let done = [
        token.map_or(Ok(()), |(token, path)| token.reload(path)),
        app.config.log_level.apply(),
    ];
    for error in done.into_iter().filter_map(Result::err) {
        log::error(&format!("not reloaded: {} {}", error.message, error.hint));
    }
    if let Some(tls) = &app.tls {
        tls.reload();
    }
    log::info("certificate, token and log level are read again");
    if let Some(notifier) = notifier {
        notifier.say("READY=1");
    }
}
