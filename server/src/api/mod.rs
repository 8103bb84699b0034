//! The API: which request goes where, and who may send it.
//!
//! One table of routes; checks in one place and in one order: address, method,
//! login, default password, CSRF, then the handler. Called by HTTP workers.

mod auth;
mod body;
mod check;
mod connection;
mod context;
mod deploy;
mod events;
mod health;
mod history;
mod imports;
mod jobs;
mod metrics;
mod nodes;
mod objects;
mod openapi;
mod packages;
mod packages_fleet;
mod packages_looks;
mod packages_waves;
mod query;
mod spiders;
mod ssh;
#[cfg(test)]
mod tests;

use crate::auth::{Credentials, Session, node_token, origin};
use crate::capsule;
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::http::{Method, Request, Response, STRICT_TRANSPORT, is_of_api};
use crate::log;
use crate::store::damage;
pub use context::{App, Parts};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Anyone,
    /// Who is logged in, though the password is still the default one.
    LoggedIn,
    /// Who is logged in with a password of their own.
    Operator,
    /// The same, or a scraper with its token.
    Scraper,
    /// The same, or a machine with the token of a node.
    Spider,
}

type Handler = fn(&Context<'_>) -> Result<Response, Error>;

struct Route {
    method: Method,
    /// `:id` stands for a number.
    pattern: &'static str,
    access: Access,
    handler: Handler,
}

const fn route(method: Method, pattern: &'static str, access: Access, handler: Handler) -> Route {
    Route {
        method,
        pattern,
        access,
        handler,
    }
}

const fn get(pattern: &'static str, access: Access, handler: Handler) -> Route {
    route(Method::Get, pattern, access, handler)
}

const fn post(pattern: &'static str, access: Access, handler: Handler) -> Route {
    route(Method::Post, pattern, access, handler)
}

const fn put(pattern: &'static str, access: Access, handler: Handler) -> Route {
    route(Method::Put, pattern, access, handler)
}

const fn patch(pattern: &'static str, access: Access, handler: Handler) -> Route {
    route(Method::Patch, pattern, access, handler)
}

const fn delete(pattern: &'static str, access: Access, handler: Handler) -> Route {
    route(Method::Delete, pattern, access, handler)
}

use Access::{Anyone, LoggedIn, Operator, Scraper, Spider};

/// Everything that there is; `openapi.json` describes the same (tested).
/// A row a line, whatever its length.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    get("/healthz", Anyone, health::get),
    get("/metrics", Scraper, metrics::get),
    get("/api/openapi.json", Anyone, openapi::get),
    post("/api/auth/login", Anyone, auth::login),
    post("/api/auth/logout", LoggedIn, auth::logout),
    post("/api/auth/password", LoggedIn, auth::password),
    get("/api/auth/session", LoggedIn, auth::session),
    get("/api/nodes", Operator, nodes::list),
    post("/api/nodes", Operator, nodes::add),
    post("/api/nodes/check", Operator, check::post),
    get("/api/nodes/:id", Operator, nodes::get),
    patch("/api/nodes/:id", Operator, nodes::change),
    delete("/api/nodes/:id", Operator, nodes::remove),
    post("/api/nodes/deploy", Operator, deploy::deploy_new),
    post("/api/nodes/:id/deploy", Operator, deploy::deploy),
    post("/api/nodes/:id/upgrade", Operator, deploy::upgrade),
    post("/api/nodes/:id/remove", Operator, deploy::remove),
    post("/api/nodes/:id/rotate-token", Operator, deploy::rotate_token),
    post("/api/nodes/:id/token", Operator, nodes::new_token),
    get("/api/spiders", Operator, spiders::list),
    get("/api/spiders/install.sh", Spider, spiders::script),
    get("/api/spiders/x86_64", Spider, spiders::get),
    get("/api/spiders/aarch64", Spider, spiders::get),
    get("/api/spiders/armv7", Spider, spiders::get),
    post("/api/nodes/:id/reboot", Operator, deploy::reboot),
    get("/api/nodes/:id/connection", Operator, connection::get),
    put("/api/nodes/:id/connection", Operator, connection::put),
    put("/api/nodes/:id/host-key", Operator, connection::accept_host_key),
    post("/api/nodes/:id/check", Operator, connection::check_stored),
    delete("/api/nodes/:id/credentials", Operator, connection::forget),
    post("/api/upgrades", Operator, deploy::upgrade_fleet),
    post("/api/imports/parse", Operator, imports::parse),
    get("/api/events", Operator, events::list),
    get("/api/jobs", Operator, jobs::list),
    get("/api/jobs/:id", Operator, jobs::get),
    get("/api/jobs/:id/output", Operator, jobs::output),
    get("/api/jobs/:id/output.txt", Operator, jobs::download),
    post("/api/jobs/:id/cancel", Operator, jobs::cancel),
    post("/api/jobs/:id/retry", Operator, jobs::retry),
    get("/api/nodes/:id/stats", Operator, nodes::stats),
    get("/api/nodes/:id/series", Operator, nodes::series),
    get("/api/nodes/:id/history", Operator, history::get),
    get("/api/history/status", Operator, history::status),
    get("/api/history/health", Operator, history::health),
    post("/api/history/clock", Operator, history::clock),
    get("/api/nodes/:id/packages", Operator, packages::get),
    patch("/api/nodes/:id/packages", Operator, packages::settings),
    post("/api/nodes/:id/packages/refresh", Operator, packages::refresh),
    post("/api/nodes/:id/packages/preview", Operator, packages::preview),
    post("/api/nodes/:id/packages/upgrade", Operator, packages::upgrade),
    post("/api/nodes/:id/packages/full-upgrade", Operator, packages::full_upgrade),
    post("/api/nodes/:id/packages/install", Operator, packages::install),
    post("/api/nodes/:id/packages/remove", Operator, packages::remove),
    post("/api/nodes/:id/packages/autoremove", Operator, packages::autoremove),
    post("/api/nodes/:id/packages/hold", Operator, packages::hold),
    post("/api/nodes/:id/packages/unhold", Operator, packages::unhold),
    post("/api/nodes/:id/packages/clean", Operator, packages::clean),
    post("/api/nodes/:id/packages/repair", Operator, packages::repair),
    get("/api/nodes/:id/packages/installed", Operator, packages::installed),
    post("/api/nodes/:id/packages/installed", Operator, packages::installed),
    get("/api/nodes/:id/packages/search", Operator, packages::search),
    post("/api/nodes/:id/packages/search", Operator, packages::search),
    get("/api/nodes/:id/packages/details", Operator, packages::details),
    post("/api/nodes/:id/packages/details", Operator, packages::details),
    get("/api/packages", Operator, packages_fleet::get),
    post("/api/packages/upgrade", Operator, packages_waves::upgrade),
    post("/api/packages/preview", Operator, packages_waves::preview),
    post("/api/packages/refresh", Operator, packages_looks::refresh),
];

/// What a handler works with.
struct Context<'a> {
    app: &'a App,
    request: &'a Request,
    /// Always there where the route asks for a login.
    session: Option<Session>,
    /// What stood for `:id`.
    id: i64,
    now_ms: i64,
}

impl Context<'_> {
    fn session(&self) -> Result<&Session, Error> {
        self.session.as_ref().ok_or_else(Error::internal)
    }
}

/// Answers any request: the API's own, else the Capsule's files.
pub fn answer(app: &App, request: &Request) -> Response {
    let response = answer_plain(app, request);
    match request.https {
        true => response.header("Strict-Transport-Security", STRICT_TRANSPORT),
        false => response,
    }
}

fn answer_plain(app: &App, request: &Request) -> Response {
    if !is_of_api(&request.path) {
        return match request.method {
            Method::Get => capsule::answer(request),
            _ => method_not_allowed("GET, HEAD"),
        };
    }
    dispatch(app, request, wall_ms()).unwrap_or_else(Response::from)
}

fn dispatch(app: &App, request: &Request, now_ms: i64) -> Result<Response, Error> {
    let matching: Vec<(&Route, i64)> = ROUTES
        .iter()
        .filter_map(|route| Some((route, matched(route.pattern, &request.path)?)))
        .collect();
    if matching.is_empty() {
        return Err(not_found());
    }
    let Some(&(route, id)) = matching
        .iter()
        .find(|(route, _)| route.method == request.method)
    else {
        return Ok(method_not_allowed(&allowed(&matching)));
    };
    let session = match route.access {
        Access::Anyone => {
            if route.method != Method::Get {
                check_origin(app, request)?;
            }
            None
        }
        Access::Scraper if scrapes(app, request) => None,
        Access::Spider if is_spider(app, request) => None,
        _ => Some(authorize(app, request, route)?),
    };
    let context = Context {
        app,
        request,
        session,
        id,
        now_ms,
    };
    (route.handler)(&context).map_err(|error| hide_database_faults(request, error))
}

fn scrapes(app: &App, request: &Request) -> bool {
    let token = app.scrape_token.as_ref();
    token.is_some_and(|token| token.allows(request.header("Authorization")))
}

/// Only the hash is looked up, as for a Spider that connects.
fn is_spider(app: &App, request: &Request) -> bool {
    let token = request
        .header("Authorization")
        .and_then(|header| header.strip_prefix("Bearer "));
    token.is_some_and(|token| {
        app.fleet
            .node_of_token(&node_token::sha256(token.trim()))
            .is_some()
    })
}

fn authorize(app: &App, request: &Request, route: &Route) -> Result<Session, Error> {
    let given = Credentials {
        authorization: request.header("Authorization"),
        cookie: request.header("Cookie"),
        https: request.https,
    };
    let session = app.auth.authenticate(given, app.auth.now_ms())?;
    if session.must_change_password && route.access != Access::LoggedIn {
        return Err(Error::new(
            Kind::PasswordChangeRequired,
            "The password must be changed first: it is the one of the first start, or was made for one \
             login.",
            "Set your own with POST /api/auth/password; everything else works after that.",
        ));
    }
    if route.method != Method::Get {
        if session.via_cookie {
            check_origin(app, request)?;
        }
        app.auth
            .check_csrf(&session, request.header("X-CSRF-Token"))?;
    }
    Ok(session)
}

/// Whether a change was asked for by a page of ours, as far as browsers say.
fn check_origin(app: &App, request: &Request) -> Result<(), Error> {
    let is_own = |origin: &str| {
        let host = request.header("Host").unwrap_or("");
        let named = app.config.server_url.as_ref();
        origin::is_own(origin, host)
            || named.is_some_and(|url| origin::is_own(origin, &url.authority()))
    };
    let is_ours = origin::is_own_site(request.header("Sec-Fetch-Site"))
        && request.header("Origin").is_none_or(is_own);
    if is_ours {
        return Ok(());
    }
    Err(Error::new(
        Kind::Csrf,
        "This was asked for by a page of another site.",
        "Use the page of this server. A proxy in front must pass Host on as it came, or the host \
         is named with --server-url.",
    ))
}

/// The number that stands for `:id` (0 without one), when `path` fits `pattern`.
fn matched(pattern: &str, path: &str) -> Option<i64> {
    let mut id = 0;
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(id),
            (Some(":id"), Some(text)) => id = number(text)?,
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
}

/// A node's number in its one spelling.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn allowed(routes: &[(&Route, i64)]) -> String {
    let mut methods: Vec<_> = routes
        .iter()
        .map(|(route, _)| route.method.name())
        .collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

fn method_not_allowed(allow: &str) -> Response {
    Response::from(Error::new(
        Kind::MethodNotAllowed,
        "This address does not take that method.",
        format!("It takes {allow}."),
    ))
    .header("Allow", allow.to_owned())
}

fn not_found() -> Error {
    Error::new(
        Kind::NotFound,
        "The API has nothing at this address.",
        "GET /api/openapi.json lists what there is.",
    )
}

/// What the database said goes to the log; the answer names no files.
fn hide_database_faults(request: &Request, error: Error) -> Error {
    let is_storage = error.kind == Kind::Storage;
    if error.kind.http_status() != 500 && !is_storage {
        return error;
    }
    log::error(&format!(
        "{} {} failed: {}",
        request.method.name(),
        request.path,
        error.message
    ));
    if damage::found().is_some() {
        return Error::new(
            Kind::Internal,
            "The database is damaged: nothing is written into it any more.",
            damage::ADVICE,
        );
    }
    if is_storage {
        return error;
    }
    Error::internal()
}
