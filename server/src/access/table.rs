//! Every route and every kind of message of `/live`, with what it takes, what it is about,
//! and what the audit calls it. What is not in here is served to nobody.

use crate::http::Method;
use stardust_model::access::Need;

/// What it takes to come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Anyone,
    /// Who is signed in, though the password must be changed first.
    SignedIn,
    /// Somebody who may this: on the node or job that it is about, or on some node where
    /// it is about none; then the handler answers for those alone.
    May(Need),
    /// Somebody who may this on all nodes, and so what is of none.
    MayEverywhere(Need),
    /// The same as `May(View)`, or a scraper with its token.
    Scraper,
    /// The same as `May(View)`, or a machine with the token of a node.
    Spider,
}

/// What `:id` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Nothing,
    Node,
    Job,
}

#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub method: Method,
    /// `:id` stands for a number, `:name` for a text.
    pub pattern: &'static str,
    pub door: Door,
    pub subject: Subject,
    /// What the audit calls it; empty for what changes nothing and tells no secret.
    pub action: &'static str,
}

/// A kind of message of `/live`.
#[derive(Clone, Copy, Debug)]
pub struct MessageRule {
    pub kind: &'static str,
    pub need: Need,
    /// Of what in it only the parts go out that are of nodes one may know of.
    pub subject: Subject,
}

use Door::{Anyone, MayEverywhere, Scraper, SignedIn, Spider};
use Method::{Delete, Get, Patch, Post, Put};
use Subject::{Job, Node, Nothing};

/// A question that is answered by another request: no line of its own.
pub const ASKED: &str = "asked";

const VIEW: Door = Door::May(Need::View);
const OPERATE: Door = Door::May(Need::Operate);
const DEPLOY: Door = Door::May(Need::Deploy);
const ADMIN: Door = Door::May(Need::Administer);
const ADMIN_OF_ALL: Door = MayEverywhere(Need::Administer);

const fn rule(
    method: Method,
    pattern: &'static str,
    door: Door,
    subject: Subject,
    action: &'static str,
) -> Rule {
    Rule {
        method,
        pattern,
        door,
        subject,
        action,
    }
}

/// A row a line, whatever its length.
#[rustfmt::skip]
pub const ROUTES: &[Rule] = &[
    rule(Get, "/healthz", Anyone, Nothing, ""),
    rule(Get, "/metrics", Scraper, Nothing, ""),
    rule(Get, "/api/openapi.json", Anyone, Nothing, ""),
    rule(Post, "/api/auth/login", Anyone, Nothing, "auth.login"),
    rule(Post, "/api/auth/logout", SignedIn, Nothing, "auth.logout"),
    rule(Post, "/api/auth/password", SignedIn, Nothing, "auth.password"),
    rule(Get, "/api/auth/session", SignedIn, Nothing, ""),
    rule(Get, "/api/auth/methods", Anyone, Nothing, ""),
    rule(Get, "/api/auth/oidc/start", Anyone, Nothing, ""),
    rule(Get, "/api/auth/oidc/callback", Anyone, Nothing, "auth.login"),
    rule(Post, "/api/auth/proof", SignedIn, Nothing, "auth.proof"),
    rule(Get, "/api/auth/factors", SignedIn, Nothing, ""),
    rule(Post, "/api/auth/totp", SignedIn, Nothing, "factor.begin"),
    rule(Post, "/api/auth/totp/confirm", SignedIn, Nothing, "factor.add"),
    rule(Delete, "/api/auth/totp", SignedIn, Nothing, "factor.remove"),
    rule(Post, "/api/auth/login/options", Anyone, Nothing, ASKED),
    rule(Post, "/api/auth/proof/options", SignedIn, Nothing, ASKED),
    rule(Post, "/api/auth/passkeys/options", SignedIn, Nothing, "factor.begin"),
    rule(Post, "/api/auth/passkeys", SignedIn, Nothing, "factor.add"),
    rule(Delete, "/api/auth/passkeys/:id", SignedIn, Nothing, "factor.remove"),
    rule(Post, "/api/auth/recovery-codes", SignedIn, Nothing, "factor.recovery"),
    rule(Get, "/api/settings", ADMIN_OF_ALL, Nothing, ""),
    rule(Patch, "/api/settings", ADMIN_OF_ALL, Nothing, "settings.change"),
    rule(Get, "/api/sessions", VIEW, Nothing, ""),
    rule(Delete, "/api/sessions/:name", VIEW, Nothing, "session.end"),
    rule(Get, "/api/users", ADMIN_OF_ALL, Nothing, ""),
    rule(Post, "/api/users", ADMIN_OF_ALL, Nothing, "user.add"),
    rule(Get, "/api/users/:id", ADMIN_OF_ALL, Nothing, ""),
    rule(Patch, "/api/users/:id", ADMIN_OF_ALL, Nothing, "user.change"),
    rule(Delete, "/api/users/:id", ADMIN_OF_ALL, Nothing, "user.remove"),
    rule(Delete, "/api/users/:id/factors", ADMIN_OF_ALL, Nothing, "factor.remove"),
    rule(Get, "/api/groups", ADMIN_OF_ALL, Nothing, ""),
    rule(Post, "/api/groups", ADMIN_OF_ALL, Nothing, "group.add"),
    rule(Get, "/api/groups/:id", ADMIN_OF_ALL, Nothing, ""),
    rule(Patch, "/api/groups/:id", ADMIN_OF_ALL, Nothing, "group.change"),
    rule(Delete, "/api/groups/:id", ADMIN_OF_ALL, Nothing, "group.remove"),
    rule(Get, "/api/tokens", VIEW, Nothing, ""),
    rule(Post, "/api/tokens", VIEW, Nothing, "token.add"),
    rule(Delete, "/api/tokens/:id", VIEW, Nothing, "token.remove"),
    rule(Get, "/api/audit", ADMIN_OF_ALL, Nothing, ""),
    rule(Get, "/api/audit.jsonl", ADMIN_OF_ALL, Nothing, "audit.export"),
    rule(Get, "/api/nodes", VIEW, Nothing, ""),
    rule(Post, "/api/nodes", ADMIN, Nothing, "node.add"),
    rule(Post, "/api/nodes/check", DEPLOY, Nothing, "node.check"),
    rule(Get, "/api/nodes/:id", VIEW, Node, ""),
    rule(Patch, "/api/nodes/:id", ADMIN, Node, "node.change"),
    rule(Delete, "/api/nodes/:id", ADMIN, Node, "node.remove"),
    rule(Post, "/api/nodes/deploy", DEPLOY, Nothing, "node.deploy"),
    rule(Post, "/api/nodes/:id/deploy", DEPLOY, Node, "node.deploy"),
    rule(Post, "/api/nodes/:id/upgrade", DEPLOY, Node, "spider.upgrade"),
    rule(Post, "/api/nodes/:id/remove", ADMIN, Node, "spider.remove"),
    rule(Post, "/api/nodes/:id/rotate-token", DEPLOY, Node, "node.token"),
    rule(Post, "/api/nodes/:id/token", DEPLOY, Node, "node.token"),
    rule(Get, "/api/spiders", VIEW, Nothing, ""),
    rule(Get, "/api/spiders/install.sh", Spider, Nothing, ""),
    rule(Get, "/api/spiders/x86_64", Spider, Nothing, ""),
    rule(Get, "/api/spiders/aarch64", Spider, Nothing, ""),
    rule(Get, "/api/spiders/armv7", Spider, Nothing, ""),
    rule(Post, "/api/nodes/:id/reboot", OPERATE, Node, "node.reboot"),
    rule(Get, "/api/nodes/:id/connection", OPERATE, Node, ""),
    rule(Put, "/api/nodes/:id/connection", ADMIN, Node, "credentials.put"),
    rule(Put, "/api/nodes/:id/host-key", ADMIN, Node, "host_key.accept"),
    rule(Post, "/api/nodes/:id/check", OPERATE, Node, "node.check"),
    rule(Delete, "/api/nodes/:id/credentials", ADMIN, Node, "credentials.forget"),
    rule(Post, "/api/upgrades", DEPLOY, Nothing, "spider.upgrade"),
    rule(Post, "/api/imports/parse", DEPLOY, Nothing, "import.parse"),
    rule(Get, "/api/events", VIEW, Nothing, ""),
    rule(Get, "/api/jobs", VIEW, Nothing, ""),
    rule(Get, "/api/jobs/:id", VIEW, Job, ""),
    rule(Get, "/api/jobs/:id/output", VIEW, Job, ""),
    rule(Get, "/api/jobs/:id/output.txt", VIEW, Job, ""),
    rule(Post, "/api/jobs/:id/cancel", OPERATE, Job, "job.cancel"),
    rule(Post, "/api/jobs/:id/retry", OPERATE, Job, "job.retry"),
    rule(Get, "/api/nodes/:id/stats", VIEW, Node, ""),
    rule(Get, "/api/nodes/:id/series", VIEW, Node, ""),
    rule(Get, "/api/nodes/:id/history", VIEW, Node, ""),
    rule(Get, "/api/history/status", MayEverywhere(Need::View), Nothing, ""),
    rule(Get, "/api/history/health", VIEW, Nothing, ""),
    rule(Post, "/api/history/clock", ADMIN_OF_ALL, Nothing, "history.clock"),
    rule(Get, "/api/nodes/:id/packages", VIEW, Node, ""),
    rule(Patch, "/api/nodes/:id/packages", OPERATE, Node, "packages.settings"),
    rule(Post, "/api/nodes/:id/packages/refresh", OPERATE, Node, "packages.refresh"),
    rule(Post, "/api/nodes/:id/packages/preview", OPERATE, Node, "packages.preview"),
    rule(Post, "/api/nodes/:id/packages/upgrade", OPERATE, Node, "packages.upgrade"),
    rule(Post, "/api/nodes/:id/packages/full-upgrade", OPERATE, Node, "packages.full_upgrade"),
    rule(Post, "/api/nodes/:id/packages/install", OPERATE, Node, "packages.install"),
    rule(Post, "/api/nodes/:id/packages/remove", OPERATE, Node, "packages.remove"),
    rule(Post, "/api/nodes/:id/packages/autoremove", OPERATE, Node, "packages.autoremove"),
    rule(Post, "/api/nodes/:id/packages/hold", OPERATE, Node, "packages.hold"),
    rule(Post, "/api/nodes/:id/packages/unhold", OPERATE, Node, "packages.unhold"),
    rule(Post, "/api/nodes/:id/packages/clean", OPERATE, Node, "packages.clean"),
    rule(Post, "/api/nodes/:id/packages/repair", OPERATE, Node, "packages.repair"),
    rule(Get, "/api/nodes/:id/packages/installed", OPERATE, Node, ""),
    rule(Post, "/api/nodes/:id/packages/installed", OPERATE, Node, "packages.look"),
    rule(Get, "/api/nodes/:id/packages/search", OPERATE, Node, ""),
    rule(Post, "/api/nodes/:id/packages/search", OPERATE, Node, "packages.look"),
    rule(Get, "/api/nodes/:id/packages/details", OPERATE, Node, ""),
    rule(Post, "/api/nodes/:id/packages/details", OPERATE, Node, "packages.look"),
    rule(Get, "/api/packages", VIEW, Nothing, ""),
    rule(Post, "/api/packages/upgrade", OPERATE, Nothing, "packages.upgrade"),
    rule(Post, "/api/packages/preview", OPERATE, Nothing, "packages.preview"),
    rule(Post, "/api/packages/refresh", OPERATE, Nothing, "packages.refresh"),
];

/// What asks again who it is when the last proof is over ten minutes old: what hands out
/// rights or secrets, or can't be taken back.
const DANGEROUS: &[&str] = &[
    "credentials.put",
    "factor.begin",
    "factor.recovery",
    "factor.remove",
    "group.add",
    "group.change",
    "group.remove",
    "node.remove",
    "settings.change",
    "token.add",
    "user.add",
    "user.change",
    "user.remove",
];

impl Rule {
    pub fn wants_proof(&self) -> bool {
        DANGEROUS.contains(&self.action)
    }
}

const fn message(kind: &'static str, subject: Subject) -> MessageRule {
    MessageRule {
        kind,
        need: Need::View,
        subject,
    }
}

/// What `/live` says, and what it is asked.
pub const MESSAGES: &[MessageRule] = &[
    message("snapshot", Node),
    message("changes", Node),
    message("layout", Node),
    message("sample", Node),
    message("job", Job),
    message("output", Job),
    message("events", Node),
    message("bye", Nothing),
    message("watch", Node),
    message("follow", Job),
];

/// What a route takes; what has no rule is served to nobody.
pub fn rule_of(method: Method, pattern: &str) -> Option<&'static Rule> {
    ROUTES
        .iter()
        .find(|rule| rule.method == method && rule.pattern == pattern)
}
