//! Which request goes to which handler.

use super::{
    Context, audit, auth, check, connection, deploy, events, factors, groups, health, history,
    imports, jobs, metrics, nodes, oidc, openapi, packages, packages_fleet, packages_looks,
    packages_waves, passkeys, sessions, settings, spiders, tokens, users,
};
use crate::error::Error;
use crate::http::{Method, Response};

pub(super) type Handler = fn(&Context<'_>) -> Result<Response, Error>;

pub(super) struct Route {
    pub method: Method,
    /// `:id` stands for a number, `:name` for a text.
    pub pattern: &'static str,
    pub handler: Handler,
}

const fn get(pattern: &'static str, handler: Handler) -> Route {
    Route {
        method: Method::Get,
        pattern,
        handler,
    }
}

const fn post(pattern: &'static str, handler: Handler) -> Route {
    Route {
        method: Method::Post,
        pattern,
        handler,
    }
}

const fn put(pattern: &'static str, handler: Handler) -> Route {
    Route {
        method: Method::Put,
        pattern,
        handler,
    }
}

const fn patch(pattern: &'static str, handler: Handler) -> Route {
    Route {
        method: Method::Patch,
        pattern,
        handler,
    }
}

const fn delete(pattern: &'static str, handler: Handler) -> Route {
    Route {
        method: Method::Delete,
        pattern,
        handler,
    }
}

/// Everything that there is; what each takes is in `access::table`, and `openapi.json`
/// describes the same (both tested). A row a line, whatever its length.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    get("/healthz", health::get),
    get("/metrics", metrics::get),
    get("/api/openapi.json", openapi::get),
    post("/api/auth/login", auth::login),
    post("/api/auth/logout", auth::logout),
    post("/api/auth/password", auth::password),
    get("/api/auth/session", auth::session),
    get("/api/auth/methods", oidc::methods),
    get("/api/auth/oidc/start", oidc::begin),
    get("/api/auth/oidc/callback", oidc::callback),
    post("/api/auth/proof", factors::prove),
    get("/api/auth/factors", factors::list),
    post("/api/auth/totp", factors::begin_totp),
    post("/api/auth/totp/confirm", factors::confirm_totp),
    delete("/api/auth/totp", factors::remove_totp),
    post("/api/auth/login/options", passkeys::login_options),
    post("/api/auth/proof/options", passkeys::proof_options),
    post("/api/auth/passkeys/options", passkeys::options),
    post("/api/auth/passkeys", passkeys::add),
    delete("/api/auth/passkeys/:id", passkeys::remove),
    post("/api/auth/recovery-codes", factors::new_recovery),
    get("/api/settings", settings::get),
    patch("/api/settings", settings::change),
    get("/api/sessions", sessions::list),
    delete("/api/sessions/:name", sessions::end),
    get("/api/users", users::list),
    post("/api/users", users::add),
    get("/api/users/:id", users::get),
    patch("/api/users/:id", users::change),
    delete("/api/users/:id", users::remove),
    delete("/api/users/:id/factors", factors::remove_of_user),
    get("/api/groups", groups::list),
    post("/api/groups", groups::add),
    get("/api/groups/:id", groups::get),
    patch("/api/groups/:id", groups::change),
    delete("/api/groups/:id", groups::remove),
    get("/api/tokens", tokens::list),
    post("/api/tokens", tokens::add),
    delete("/api/tokens/:id", tokens::remove),
    get("/api/audit", audit::list),
    get("/api/audit.jsonl", audit::export),
    get("/api/nodes", nodes::list),
    post("/api/nodes", nodes::add),
    post("/api/nodes/check", check::post),
    get("/api/nodes/:id", nodes::get),
    patch("/api/nodes/:id", nodes::change),
    delete("/api/nodes/:id", nodes::remove),
    post("/api/nodes/deploy", deploy::deploy_new),
    post("/api/nodes/:id/deploy", deploy::deploy),
    post("/api/nodes/:id/upgrade", deploy::upgrade),
    post("/api/nodes/:id/remove", deploy::remove),
    post("/api/nodes/:id/rotate-token", deploy::rotate_token),
    post("/api/nodes/:id/token", nodes::new_token),
    get("/api/spiders", spiders::list),
    get("/api/spiders/install.sh", spiders::script),
    get("/api/spiders/x86_64", spiders::get),
    get("/api/spiders/aarch64", spiders::get),
    get("/api/spiders/armv7", spiders::get),
    post("/api/nodes/:id/reboot", deploy::reboot),
    get("/api/nodes/:id/connection", connection::get),
    put("/api/nodes/:id/connection", connection::put),
    put("/api/nodes/:id/host-key", connection::accept_host_key),
    post("/api/nodes/:id/check", connection::check_stored),
    delete("/api/nodes/:id/credentials", connection::forget),
    post("/api/upgrades", deploy::upgrade_fleet),
    post("/api/imports/parse", imports::parse),
    get("/api/events", events::list),
    get("/api/jobs", jobs::list),
    get("/api/jobs/:id", jobs::get),
    get("/api/jobs/:id/output", jobs::output),
    get("/api/jobs/:id/output.txt", jobs::download),
    post("/api/jobs/:id/cancel", jobs::cancel),
    post("/api/jobs/:id/retry", jobs::retry),
    get("/api/nodes/:id/stats", nodes::stats),
    get("/api/nodes/:id/series", nodes::series),
    get("/api/nodes/:id/history", history::get),
    get("/api/history/status", history::status),
    get("/api/history/health", history::health),
    post("/api/history/clock", history::clock),
    get("/api/nodes/:id/packages", packages::get),
    patch("/api/nodes/:id/packages", packages::settings),
    post("/api/nodes/:id/packages/refresh", packages::refresh),
    post("/api/nodes/:id/packages/preview", packages::preview),
    post("/api/nodes/:id/packages/upgrade", packages::upgrade),
    post("/api/nodes/:id/packages/full-upgrade", packages::full_upgrade),
    post("/api/nodes/:id/packages/install", packages::install),
    post("/api/nodes/:id/packages/remove", packages::remove),
    post("/api/nodes/:id/packages/autoremove", packages::autoremove),
    post("/api/nodes/:id/packages/hold", packages::hold),
    post("/api/nodes/:id/packages/unhold", packages::unhold),
    post("/api/nodes/:id/packages/clean", packages::clean),
    post("/api/nodes/:id/packages/repair", packages::repair),
    get("/api/nodes/:id/packages/installed", packages::installed),
    post("/api/nodes/:id/packages/installed", packages::installed),
    get("/api/nodes/:id/packages/search", packages::search),
    post("/api/nodes/:id/packages/search", packages::search),
    get("/api/nodes/:id/packages/details", packages::details),
    post("/api/nodes/:id/packages/details", packages::details),
    get("/api/packages", packages_fleet::get),
    post("/api/packages/upgrade", packages_waves::upgrade),
    post("/api/packages/preview", packages_waves::preview),
    post("/api/packages/refresh", packages_looks::refresh),
];
