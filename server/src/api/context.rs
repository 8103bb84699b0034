//! What the API works with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::auth::{Auth, ScrapeToken};
use crate::clock::wall_ms;
use crate::config::Config;
use crate::embedded_spiders::Sources;
use crate::gate::GateHandle;
use crate::history::History;
use crate::hub::Fleet;
use crate::jobs::{Board, JobContext};
use crate::major_tom::MajorTom;
use crate::oidc::Issuer;
use crate::stats::Stats;
use crate::store::Store;
use crate::tls::TlsSlot;
use crate::vault::Vault;

/// Shared by the HTTP workers.
pub struct App {
    pub config: Config,
    /// Where the gate listens; the port is the real one, also after `--port 0`.
    pub address: SocketAddr,
    /// All that it listens on, for a person.
    pub listens: Vec<String>,
    pub store: Arc<Store>,
    pub auth: Arc<Auth>,
    pub vault: Arc<Vault>,
    pub fleet: Arc<Fleet>,
    pub history: Arc<History>,
    pub gate: GateHandle,
    pub major_tom: MajorTom,
    pub jobs: Arc<Board>,
    /// What work on nodes is done with: for what is asked of a node at once.
    pub work: Arc<JobContext>,
    /// What the server counts about itself.
    pub health: Arc<Stats>,
    /// What a scraper of `/metrics` shows, besides a login.
    pub scrape_token: Option<ScrapeToken>,
    /// The certificate of the public port.
    pub tls: Option<TlsSlot>,
    /// Where people can sign in elsewhere.
    pub oidc: Option<Issuer>,
    /// Requests that wait for something to happen.
    pub waiting: AtomicUsize,
}

/// What must be there before the API is put together.
pub struct Parts {
    pub config: Config,
    pub address: SocketAddr,
    pub listens: Vec<String>,
    pub store: Arc<Store>,
    pub auth: Arc<Auth>,
    pub fleet: Arc<Fleet>,
    pub history: Arc<History>,
    pub gate: GateHandle,
    pub jobs: Arc<Board>,
    pub scrape_token: Option<ScrapeToken>,
    pub tls: Option<TlsSlot>,
    pub oidc: Option<Issuer>,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        let vault = Arc::new(Vault::open(Arc::clone(&parts.store), parts.auth.keys()));
        let major_tom = MajorTom::new(parts.config.ssh_threads);
        let to_gate = parts.gate.clone();
        let work = Arc::new(JobContext {
            store: Arc::clone(&parts.store),
            fleet: Arc::clone(&parts.fleet),
            history: Arc::clone(&parts.history),
            vault: Arc::clone(&vault),
            jobs: Arc::clone(&parts.jobs),
            connector: major_tom.connector.clone(),
            spiders: Sources {
                file: parts.config.agent_binary.clone(),
                folder: parts.config.agent_dir.clone(),
            },
            threads: parts.config.ssh_threads,
            packages_refresh_ms: parts.config.packages_refresh_ms,
            on_removed: Box::new(move |node| to_gate.node_removed(node)),
        });
        Self {
            config: parts.config,
            address: parts.address,
            listens: parts.listens,
            store: parts.store,
            auth: parts.auth,
            vault,
            fleet: parts.fleet,
            history: parts.history,
            gate: parts.gate,
            major_tom,
            jobs: parts.jobs,
            work,
            health: Arc::new(Stats::new(wall_ms())),
            scrape_token: parts.scrape_token,
            tls: parts.tls,
            oidc: parts.oidc,
            waiting: AtomicUsize::new(0),
        }
    }
}
