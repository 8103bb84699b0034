//! The API: which request goes where, and who may send it.
//!
//! One table of routes; checks in one place and in one order: address, method,
//! login, default password, CSRF, right, then the handler. Called by HTTP workers.

mod audit;
mod audited;
mod auth;
mod body;
mod check;
mod connection;
mod context;
mod deploy;
mod etag;
mod events;
mod factors;
mod grants;
mod groups;
mod health;
mod history;
mod idempotent;
mod imports;
mod jobs;
mod metrics;
mod nodes;
mod objects;
mod oidc;
mod openapi;
mod packages;
mod packages_fleet;
mod packages_looks;
mod packages_waves;
mod passkeys;
mod query;
mod routes;
mod seeing;
mod sessions;
mod settings;
mod spiders;
mod ssh;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::sync::Arc;

use crate::access::{Door, Principal, Rule, table};
use crate::auth::{Credentials, Session, node_token, origin, proof_needed, rate};
use crate::capsule;
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::http::{Method, Request, Response, STRICT_TRANSPORT, is_of_api};
use crate::log;
use crate::store::damage;
pub use context::{App, Parts};
use routes::{ROUTES, Route};

/// Longest text that stands for `:name`.
const NAME_BYTES_MAX: usize = 64;

/// What a handler works with.
struct Context<'a> {
    app: &'a App,
    request: &'a Request,
    /// Always there where the route asks for a login.
    session: Option<Session>,
    /// What whoever asks may.
    principal: Arc<Principal>,
    /// What stood for `:id`.
    id: i64,
    /// What stood for `:name`.
    name: &'a str,
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
    let matching: Vec<(&Route, Matched<'_>)> = ROUTES
        .iter()
        .filter_map(|route| Some((route, matched(route.pattern, &request.path)?)))
        .collect();
    if matching.is_empty() {
        return Err(not_found());
    }
    let Some(&(route, found)) = matching
        .iter()
        .find(|(route, _)| route.method == request.method)
    else {
        return Ok(method_not_allowed(&allowed(&matching)));
    };
    let Some(rule) = table::rule_of(route.method, route.pattern) else {
        log::error(&format!("{} has no rule of who may use it", route.pattern));
        return Err(Error::internal());
    };
    audited::run(app, request, rule, now_ms, || {
        let session = come_in(app, request, rule)?;
        app.auth.write_uses();
        audited::by(session.as_ref());
        let turn = rate_limit(app, session.as_ref())?;
        let principal = match &session {
            Some(session) => Arc::clone(&session.principal),
            None => Arc::new(Principal::server()),
        };
        let context = Context {
            app,
            request,
            session,
            principal,
            id: found.id,
            name: found.name,
            now_ms,
        };
        context.admit(rule)?;
        let session = context.session.as_ref();
        let answer = || (route.handler)(&context);
        let answered = idempotent::run(app, request, session, now_ms, answer)?;
        Ok(match turn {
            Some(left) => with_rate(answered, left),
            None => answered,
        })
    })
    .map_err(|error| hide_database_faults(request, error))
}

/// A token asks so often at most.
fn rate_limit(app: &App, session: Option<&Session>) -> Result<Option<rate::Left>, Error> {
    let Some(token) = session.and_then(|session| session.token.as_ref()) else {
        return Ok(None);
    };
    let left = app.auth.take_turn(token.id);
    match left.is_over {
        false => Ok(Some(left)),
        true => Err(Error::new(
            Kind::Throttled,
            format!(
                "This token asks more than {} times a minute.",
                rate::PER_MINUTE
            ),
            "Ask less often, or for more at a time; /live tells of changes by itself.",
        )
        .retry_after_s(left.reset_s)),
    }
}

/// As the IETF's draft on RateLimit headers has them.
fn with_rate(response: Response, left: rate::Left) -> Response {
    response
        .header("RateLimit-Limit", rate::PER_MINUTE.to_string())
        .header("RateLimit-Remaining", left.remaining.to_string())
        .header("RateLimit-Reset", left.reset_s.to_string())
}

/// The session of whoever asks; none where the route takes none, or another token.
fn come_in(app: &App, request: &Request, rule: &Rule) -> Result<Option<Session>, Error> {
    match rule.door {
        Door::Anyone => {
            if rule.method != Method::Get {
                check_origin(app, request)?;
            }
            Ok(None)
        }
        Door::Scraper if scrapes(app, request) => Ok(None),
        Door::Spider if is_spider(app, request) => Ok(None),
        _ => authorize(app, request, rule).map(Some),
    }
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

fn authorize(app: &App, request: &Request, rule: &Rule) -> Result<Session, Error> {
    let given = Credentials {
        authorization: request.header("Authorization"),
        cookie: request.header("Cookie"),
        https: request.https,
        address: Some(request.client),
    };
    let session = app.auth.authenticate(given, app.auth.now_ms())?;
    if session.must_change_password && rule.door != Door::SignedIn {
        return Err(Error::new(
            Kind::PasswordChangeRequired,
            "The password must be changed first: it is the one of the first start, or was made for one \
             login.",
            "Set your own with POST /api/auth/password; everything else works after that.",
        ));
    }
    if session.must_enrol && rule.door != Door::SignedIn {
        return Err(Error::new(
            Kind::FactorRequired,
            "Your role takes a second factor, and you have none yet.",
            "Set one up with POST /api/auth/totp; everything else works after that.",
        ));
    }
    if rule.method != Method::Get {
        if session.via_cookie {
            check_origin(app, request)?;
        }
        app.auth
            .check_csrf(&session, request.header("X-CSRF-Token"))?;
    }
    if rule.wants_proof() && !app.auth.is_fresh(&session) {
        return Err(proof_needed(app.auth.factors(session.user_id).any()));
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

/// What stood for the placeholders of a pattern.
#[derive(Clone, Copy, Default)]
struct Matched<'a> {
    id: i64,
    name: &'a str,
}

/// What stands for `:id` and `:name` when `path` fits `pattern`.
fn matched<'a>(pattern: &str, path: &'a str) -> Option<Matched<'a>> {
    let mut matched = Matched::default();
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(matched),
            (Some(":id"), Some(text)) => matched.id = number(text)?,
            (Some(":name"), Some(text)) => matched.name = plain_name(text)?,
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
}

/// A name of ours: nothing in it has to be encoded.
fn plain_name(text: &str) -> Option<&str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    ((1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)).then_some(text)
}

/// A node's number in its one spelling.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn allowed(routes: &[(&Route, Matched<'_>)]) -> String {
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
