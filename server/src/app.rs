//! Ground Control put together: what starts, in which order, and how it stops.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::api::{self, App, Parts};
use crate::auth::keys::Keys;
use crate::auth::{Auth, ScrapeToken};
use crate::clock::wall_ms;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::events;
use crate::first_login;
use crate::gate::{self, Event, Gate, GateHandle, GateParts, GateSocket};
use crate::history::{self, History, Intakes};
use crate::http::HttpServer;
use crate::hub::Fleet;
use crate::jobs::Board;
use crate::notify::{Notifier, Watchdog};
use crate::oidc;
use crate::package_jobs;
use crate::run_dir::RunDir;
use crate::runner;
use crate::signals;
use crate::store::Store;
use crate::store::lock::DatabaseLock;
use crate::store::look;
use crate::{deploy, http};

/// Threads that answer API requests, besides those that may wait for a node.
const HTTP_WORKERS: usize = 8;

/// A Ground Control that is ready to run.
pub struct Running {
    pub app: Arc<App>,
    gate: Gate,
    http: HttpServer,
    job_threads: runner::Threads,
    schedule: std::thread::JoinHandle<()>,
    recorder: std::thread::JoinHandle<()>,
    writer: std::thread::JoinHandle<()>,
    stop_writer: std::sync::mpsc::Sender<history::Command>,
    /// What is said at the start to whoever will sign in first.
    pub first_login: Option<String>,
    _run_dir: RunDir,
    _database: DatabaseLock,
}

impl Running {
    /// Looks at the database, checks the secret, binds the port; then opens or makes the
    /// database and starts all threads but the gate's own.
    ///
    /// # Errors
    /// Anything that makes serving impossible or unsafe, before anything is served, and
    /// where there was no database yet, before anything is written.
    pub fn start(mut config: Config) -> Result<Self, Error> {
        let secret = config.secret.clone().ok_or_else(|| {
            Error::new(
                Kind::Config,
                "STARDUST_SECRET is not set.",
                "Set it in the environment.",
            )
        })?;
        let scrape_token = config.metrics_token_file.as_deref();
        let scrape_token = scrape_token.map(ScrapeToken::read).transpose()?;
        config.db = look::resolve(&config.db);
        let held = match config.db.exists() {
            true => Some(DatabaseLock::serve(&config.db)?),
            false => None,
        };
        if held.is_some() {
            crate::store::log::look(&config.db);
        }
        let seen = look::look(&config.db)?;
        let is_new = seen.is_new();
        let keys = Keys::look(&seen, &secret)?;
        first_login::prepare(&mut config, seen.is_new())?;
        let first_login = first_login::check(&config, &seen)?;
        let tls = config.tls.clone().map(crate::tls::start).transpose()?;
        let (socket, handle) = bind(&config)?;
        let run_dir = RunDir::create()?;

        // Nothing was written so far; from here on it is.
        let mut database = match held {
            Some(held) => held,
            None => DatabaseLock::serve(&config.db)?,
        };
        let store = Arc::new(Store::begin(seen)?);
        database.made(&config.db)?;
        let keys = match keys {
            Some(keys) => keys,
            None => Keys::make(&store, &secret)?,
        };
        // Sessions can only end once there is a gate to tell.
        let slot: Arc<OnceLock<GateHandle>> = Arc::default();
        let to_gate = Arc::clone(&slot);
        let auth = Arc::new(Auth::open(
            Arc::clone(&store),
            keys,
            &config.admin,
            Arc::new(move |ids| {
                if let Some(gate) = to_gate.get() {
                    gate.sessions_ended(ids);
                }
            }),
        )?);
        if is_new {
            // From here on the file alone says that it is not new.
            store.empty_log()?;
        }

        let progress = history::durable_progress(&store)?;
        // Of several runs the newest is the last here.
        let newest = progress.iter().rev();
        let newest: HashMap<i64, i64> = newest
            .map(|(node, progress)| (*node, progress.time_ms))
            .collect();
        let mut records = store.nodes()?;
        for record in &mut records {
            record.last_seen_ms = record.last_seen_ms.max(newest.get(&record.id).copied());
        }
        let records_count = records.len();
        let fleet = Arc::new(Fleet::new(records, wall_ms()));
        for node in store.nodes_with_credentials()? {
            fleet.set_managed(node, true);
        }
        for node in store.nodes_with_spiders()? {
            fleet.set_installed(node, true);
        }
        let files_max = stardust_base::files::raise_limit();
        check_file_limit(files_max, records_count);
        check_proxies(&config);
        let history = Arc::new(History::open(Arc::clone(&store), config.history.clone())?);
        let writer = history.writer()?;

        let _ = slot.set(handle.clone());
        let api_socket = run_dir.path().join("api.sock");
        let board = Board::open(Arc::clone(&store))?;
        let to_gate = handle.clone();
        board.notify(Box::new(move || to_gate.jobs_changed()));
        let oidc = config.oidc.clone().map(oidc::Issuer::new).transpose()?;
        let app = Arc::new(App::new(Parts {
            address: socket.address(),
            listens: socket.names(),
            history,
            store,
            auth: Arc::clone(&auth),
            fleet: Arc::clone(&fleet),
            gate: handle.clone(),
            jobs: Arc::clone(&board),
            scrape_token,
            tls: tls.clone(),
            oidc,
            config,
        }));
        let to_api = Arc::clone(&app);
        let http = http::serve(
            &api_socket,
            // As many work on nodes, and as many wait for their turn to.
            HTTP_WORKERS + 2 * app.config.ssh_threads,
            Box::new(move |request| api::answer(&to_api, request)),
        )?;

        let (commands, from_gate) = channel();
        let to_gate = handle.clone();
        let writer = std::thread::Builder::new()
            .name("history".into())
            .spawn(move || {
                writer.run(&from_gate, &|outcome| to_gate.send(Event::History(outcome)));
            })
            .map_err(|error| Error::system("start the history thread", &error))?;
        crate::capsule::warm();
        let gate = Gate::new(
            socket,
            GateParts {
                fleet,
                jobs: board,
                auth,
                intakes: Intakes::new(progress),
                trusted_proxies: app.config.trusted_proxies.clone(),
                networks: gate::Networks {
                    people: app.config.allow_from.clone(),
                    spiders: app.config.allow_spiders_from.clone(),
                },
                hosts: gate::Hosts::new(app.config.server_url.as_ref(), &app.config.allowed_hosts),
                interval_ms: app.config.interval_ms,
                api_socket,
                history: commands.clone(),
                commit_interval: Duration::from_millis(app.config.commit_interval_ms),
                tls,
                files_max,
                health: Arc::clone(&app.health),
                watchdog: Watchdog::from_environment(Instant::now()),
            },
        );
        let job_threads = runner::start(&app.work)?;
        let schedule = package_jobs::schedule::start(&app.work)?;
        let recorder = events::recorder::start(events_context(&app))?;
        Ok(Self {
            app,
            gate,
            http,
            job_threads,
            schedule,
            recorder,
            writer,
            stop_writer: commands,
            first_login,
            _run_dir: run_dir,
            _database: database,
        })
    }

    /// Serves on this thread until told to stop, then stops in order: Spiders and
    /// browsers are told, what is pending is committed, threads end.
    pub fn run(self) -> Result<(), Error> {
        signals::follow(Arc::clone(&self.app))?;
        if let Some(notifier) = Notifier::from_environment() {
            notifier.say(&format!("READY=1\nSTATUS=Serving on {}", self.app.address));
        }
        let result = self.gate.run();
        // Also when it was not a signal that ended it.
        self.app.jobs.stop();
        self.app.major_tom.stop();
        self.http.stop();
        self.job_threads.join();
        let _ = self.schedule.join();
        let _ = self.recorder.join();
        let _ = self.stop_writer.send(history::Command::Stop);
        let _ = self.writer.join();
        if let Err(error) = self.app.store.close() {
            crate::log::warn(&format!(
                "the write-ahead log is not in the database's file: {error} Copy both, or make a \
                 copy with `stardust-server backup`"
            ));
        }
        result.map_err(|error| Error::system("wait for connections", &error))
    }
}

/// What events are written and told with.
fn events_context(app: &App) -> events::recorder::Context {
    let (board, work, gate) = (
        Arc::clone(&app.jobs),
        Arc::clone(&app.work),
        app.gate.clone(),
    );
    let (history, keep_audit_ms) = (Arc::clone(&app.history), app.config.keep_audit_ms);
    events::recorder::Context {
        store: Arc::clone(&app.store),
        fleet: Arc::clone(&app.fleet),
        audit_before_ms: Box::new(move || {
            let is_doubted = history.clock().state == "doubted";
            (!is_doubted).then(|| wall_ms() - keep_audit_ms)
        }),
        pause: Box::new(move |time| board.pause(time)),
        seen: Box::new(move |node| deploy::settle_by_hand(&work, node)),
        hand_on: Box::new(move |news| gate.happened(news)),
    }
}

fn bind(config: &Config) -> Result<(GateSocket, GateHandle), Error> {
    let bound = match GateSocket::bind(&config.binds, config.port) {
        // To try it out, any port will do.
        Err((_, error)) if config.demo && error.kind() == std::io::ErrorKind::AddrInUse => {
            GateSocket::bind(&config.binds, 0)
        }
        other => other,
    };
    bound.map_err(|(what, error)| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "Another program has this port: stop it, or choose another one with --port."
            }
            std::io::ErrorKind::PermissionDenied => {
                "Ports under 1024 need privileges: choose a higher one with --port."
            }
            std::io::ErrorKind::AlreadyExists => {
                "A file that is no socket has this name: choose another one."
            }
            _ => {
                "Check --bind: it must be an address of this machine, or unix:PATH in a folder \
                  that this user may write to."
            }
        };
        Error::new(
            Kind::System,
            format!("Can't listen on {what}: {error}."),
            hint,
        )
    })
}

/// Says so when whoever comes may say who he is: each of his tries at a password would be
/// another one's first.
fn check_proxies(config: &Config) {
    let mut everybody = config.trusted_proxies.iter();
    if let Some(range) = everybody.find(|range| range.is_everybody()) {
        crate::log::warn(&format!(
            "--trusted-proxy {range} takes everybody for a proxy, and believes whom they say they \
             ask for: name the proxy's address, or the network that it comes from"
        ));
    }
}

/// Says so when the fleet will not fit into the limit of open files.
fn check_file_limit(files_max: usize, nodes: usize) {
    let needed = gate::files_needed(nodes);
    if files_max < needed {
        crate::log::warn(&format!(
            "only {files_max} files may be open, which is enough for about {} connections, and \
             there are {nodes} nodes. Raise the hard limit to {needed} or more (LimitNOFILE= in \
             the systemd unit, or ulimit -Hn)",
            gate::connections_max(files_max)
        ));
    }
}
