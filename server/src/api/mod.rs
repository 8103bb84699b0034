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

/// Everything that there is; `openapi.json` describes the same (tested).
const ROUTES: &[Route] = &[
    route(Method::Get, "/healthz", Access::Anyone, health::get),
    route(Method::Get, "/metrics", Access::Scraper, metrics::get),
    route(
        Method::Get,
        "/api/openapi.json",
        Access::Anyone,
        openapi::get,
    ),
    route(Method::Post, "/api/auth/login", Access::Anyone, auth::login),
    route(
        Method::Post,
        "/api/auth/logout",
        Access::LoggedIn,
        auth::logout,
    ),
    route(
        Method::Post,
        "/api/auth/password",
        Access::LoggedIn,
        auth::password,
    ),
    route(
        Method::Get,
        "/api/auth/session",
        Access::LoggedIn,
        auth::session,
    ),
    route(Method::Get, "/api/nodes", Access::Operator, nodes::list),
    route(Method::Post, "/api/nodes", Access::Operator, nodes::add),
    route(
        Method::Post,
        "/api/nodes/check",
        Access::Operator,
        check::post,
    ),
    route(Method::Get, "/api/nodes/:id", Access::Operator, nodes::get),
    route(
        Method::Patch,
        "/api/nodes/:id",
        Access::Operator,
        nodes::change,
    ),
    route(
        Method::Delete,
        "/api/nodes/:id",
        Access::Operator,
        nodes::remove,
    ),
    route(
        Method::Post,
        "/api/nodes/deploy",
        Access::Operator,
        deploy::deploy_new,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/deploy",
        Access::Operator,
        deploy::deploy,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/upgrade",
        Access::Operator,
        deploy::upgrade,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/remove",
        Access::Operator,
        deploy::remove,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/rotate-token",
        Access::Operator,
        deploy::rotate_token,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/token",
        Access::Operator,
        nodes::new_token,
    ),
    route(Method::Get, "/api/spiders", Access::Operator, spiders::list),
    route(
        Method::Get,
        "/api/spiders/install.sh",
        Access::Spider,
        spiders::script,
    ),
    route(
        Method::Get,
        "/api/spiders/x86_64",
        Access::Spider,
        spiders::get,
    ),
    route(
        Method::Get,
        "/api/spiders/aarch64",
        Access::Spider,
        spiders::get,
    ),
    route(
        Method::Get,
        "/api/spiders/armv7",
        Access::Spider,
        spiders::get,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/reboot",
        Access::Operator,
        deploy::reboot,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/connection",
        Access::Operator,
        connection::get,
    ),
    route(
        Method::Put,
        "/api/nodes/:id/connection",
        Access::Operator,
        connection::put,
    ),
    route(
        Method::Put,
        "/api/nodes/:id/host-key",
        Access::Operator,
        connection::accept_host_key,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/check",
        Access::Operator,
        connection::check_stored,
    ),
    route(
        Method::Delete,
        "/api/nodes/:id/credentials",
        Access::Operator,
        connection::forget,
    ),
    route(
        Method::Post,
        "/api/upgrades",
        Access::Operator,
        deploy::upgrade_fleet,
    ),
    route(
        Method::Post,
        "/api/imports/parse",
        Access::Operator,
        imports::parse,
    ),
    route(Method::Get, "/api/events", Access::Operator, events::list),
    route(Method::Get, "/api/jobs", Access::Operator, jobs::list),
    route(Method::Get, "/api/jobs/:id", Access::Operator, jobs::get),
    route(
        Method::Get,
        "/api/jobs/:id/output",
        Access::Operator,
        jobs::output,
    ),
    route(
        Method::Get,
        "/api/jobs/:id/output.txt",
        Access::Operator,
        jobs::download,
    ),
    route(
        Method::Post,
        "/api/jobs/:id/cancel",
        Access::Operator,
        jobs::cancel,
    ),
    route(
        Method::Post,
        "/api/jobs/:id/retry",
        Access::Operator,
        jobs::retry,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/stats",
        Access::Operator,
        nodes::stats,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/series",
        Access::Operator,
        nodes::series,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/history",
        Access::Operator,
        history::get,
    ),
    route(
        Method::Get,
        "/api/history/status",
        Access::Operator,
        history::status,
    ),
    route(
        Method::Get,
        "/api/history/health",
        Access::Operator,
        history::health,
    ),
    route(
        Method::Post,
        "/api/history/clock",
        Access::Operator,
        history::clock,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/packages",
        Access::Operator,
        packages::get,
    ),
    route(
        Method::Patch,
        "/api/nodes/:id/packages",
        Access::Operator,
        packages::settings,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/refresh",
        Access::Operator,
        packages::refresh,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/preview",
        Access::Operator,
        packages::preview,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/upgrade",
        Access::Operator,
        packages::upgrade,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/full-upgrade",
        Access::Operator,
        packages::full_upgrade,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/install",
        Access::Operator,
        packages::install,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/remove",
        Access::Operator,
        packages::remove,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/autoremove",
        Access::Operator,
        packages::autoremove,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/hold",
        Access::Operator,
        packages::hold,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/unhold",
        Access::Operator,
        packages::unhold,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/clean",
        Access::Operator,
        packages::clean,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/repair",
        Access::Operator,
        packages::repair,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/packages/installed",
        Access::Operator,
        packages::installed,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/installed",
        Access::Operator,
        packages::installed,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/packages/search",
        Access::Operator,
        packages::search,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/search",
        Access::Operator,
        packages::search,
    ),
    route(
        Method::Get,
        "/api/nodes/:id/packages/details",
        Access::Operator,
        packages::details,
    ),
    route(
        Method::Post,
        "/api/nodes/:id/packages/details",
        Access::Operator,
        packages::details,
    ),
    route(
        Method::Get,
        "/api/packages",
        Access::Operator,
        packages_fleet::get,
    ),
    route(
        Method::Post,
        "/api/packages/upgrade",
        Access::Operator,
        packages_waves::upgrade,
    ),
    route(
        Method::Post,
        "/api/packages/preview",
        Access::Operator,
        packages_waves::preview,
    ),
    route(
        Method::Post,
        "/api/packages/refresh",
        Access::Operator,
        packages_looks::refresh,
    ),
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
    if error.kind.http_status() != 500 {
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
    Error::internal()
}
