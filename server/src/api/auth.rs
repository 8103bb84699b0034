//! /api/auth: login, logout, password.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::factors::person;
use super::grants::GrantView;
use super::passkeys::{Page, PasskeyBody, Shown};
use super::{Context, audited, body};
use crate::access::{Need, Role};
use crate::auth::{self, LoggedIn, Login, SESSION_MS, Session, cookies, device};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    /// `user` is what it was called before.
    #[serde(alias = "user")]
    username: Option<String>,
    password: Option<Secret>,
    /// Of the second factor.
    code: Option<Secret>,
    /// Beside the password or, alone, instead of it.
    passkey: Option<PasskeyBody>,
    /// The token is wanted in the answer, also by a page.
    #[serde(default)]
    token: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    current: Secret,
    new: Secret,
    #[serde(default)]
    token: bool,
}

#[derive(Serialize)]
struct SessionView<'a> {
    /// The same as `username`: what it was called before.
    user: &'a str,
    username: &'a str,
    user_id: i64,
    /// The highest anywhere.
    role: Role,
    /// Where and what it may: the grants of the user and of the user's groups.
    grants: Vec<GrantView>,
    /// Further bounds of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<GrantView>,
    read_only: bool,
    /// What it may on all nodes, and so in the settings.
    everywhere: Vec<&'static str>,
    /// What it may on some nodes.
    somewhere: Vec<&'static str>,
    /// The name of the token that this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_name: Option<&'a str>,
    csrf: &'a str,
    must_change_password: bool,
    /// A second factor has to be set up before anything else.
    must_enrol: bool,
    /// None for a token without an end.
    expires_ms: Option<i64>,
    /// Only where the session begins, and for those who ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> SessionView<'a> {
    fn new(auth: &auth::Auth, session: &'a Session, token: Option<&'a Secret>) -> Self {
        let by = &session.principal;
        Self {
            user: &session.user,
            username: &session.user,
            user_id: session.user_id,
            role: by.role(),
            grants: by.grants().iter().map(GrantView::from).collect(),
            limit: by.limit().map(GrantView::from),
            read_only: by.is_read_only(),
            everywhere: names(|need| by.may_everywhere(need)),
            somewhere: names(|need| by.may_somewhere(need)),
            token_name: session.token.as_ref().map(|token| token.name.as_str()),
            csrf: &session.csrf,
            must_change_password: session.must_change_password,
            must_enrol: session.must_enrol,
            expires_ms: (session.expires_ms != i64::MAX).then(|| auth.shown_ms(session.expires_ms)),
            token: token.map(Secret::expose),
        }
    }
}

/// Needs by name, as the page asks for them.
fn names(may: impl Fn(Need) -> bool) -> Vec<&'static str> {
    [
        (Need::View, "view"),
        (Need::Operate, "operate"),
        (Need::Deploy, "deploy"),
        (Need::Administer, "administer"),
        (Need::Terminal, "terminal"),
        (Need::Command, "command"),
    ]
    .into_iter()
    .filter(|(need, _)| may(*need))
    .map(|(_, name)| name)
    .collect()
}

/// Where passwords are switched off, only one that `reset-password` has just made lets in:
/// the way back for whoever owns the host.
fn may_use_password(context: &Context<'_>, username: &str) -> Result<(), Error> {
    let is_reset = || {
        let user = context.app.auth.user_named(username);
        user.is_some_and(|user| user.must_change)
    };
    if context.app.config.password_login || is_reset() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        "Passwords are switched off here.",
        "Sign in where the page sends you; `stardust-server reset-password` is the way back in.",
    ))
}

/// Says which second factors there are, and asks for a passkey where that can be.
fn factor_wanted(context: &Context<'_>, username: &str, error: Error) -> Result<Response, Error> {
    let auth = &context.app.auth;
    let user = auth.user_named(username).ok_or_else(Error::internal)?;
    let has = auth.factors(user.id);
    let mut factors = vec!["recovery"];
    if has.totp {
        factors.insert(0, "totp");
    }
    let mut body = json!({
        "error": {"kind": error.kind.name(), "message": error.message, "hint": error.hint},
    });
    if has.passkeys > 0 {
        factors.insert(0, "passkey");
        if let Ok(page) = Page::of(context) {
            let question = auth.ask_factor(user.id)?;
            body["passkey"] = super::passkeys::asked(&question, &page.name);
        }
    }
    body["factors"] = json!(factors);
    Ok(Response::json(error.kind.http_status(), &body))
}

fn agent<'a>(context: &'a Context<'_>) -> &'a str {
    context.request.header("User-Agent").unwrap_or("")
}

pub fn login(context: &Context<'_>) -> Result<Response, Error> {
    let body: LoginBody = body::json(context.request, r#"{"username": "admin", "password": "…"}"#)?;
    let shown = Shown::read(context, body.passkey.as_ref())?;
    let answer = shown.as_ref().map(Shown::answer);
    let shown = answer.as_ref().map(|(answer, site)| (answer, *site));
    let auth = &context.app.auth;
    let (username, password) = match (&body.username, &body.password, shown) {
        (Some(username), Some(password), _) => {
            may_use_password(context, username)?;
            (username, password)
        }
        (None, None, Some((answer, site))) => {
            let from = (context.request.client, agent(context));
            let done = auth.login_by_passkey(answer, site, from, auth.now_ms())?;
            audited::by(Some(&done.session));
            return Ok(begun(context, &done, body.token));
        }
        _ => {
            return Err(Error::invalid(
                "A username and a password are wanted, or a passkey alone.",
                r#"Send {"username": "admin", "password": "…"}"#,
            ));
        }
    };
    if !auth::plausible(username, password) {
        return Err(Error::invalid(
            "The user name or the password is too long.",
            "Names have at most 64 characters, passwords at most 1024 bytes.",
        ));
    }
    let login = Login {
        user: username,
        password,
        code: body.code.as_ref(),
        passkey: shown,
        address: context.request.client,
        cookie: context.request.header("Cookie"),
        agent: agent(context),
    };
    audited::tries(username);
    let done = match auth.login(&login, auth.now_ms()) {
        Err(error) if error.kind == Kind::FactorNeeded => {
            return factor_wanted(context, username, error);
        }
        other => other?,
    };
    audited::by(Some(&done.session));
    Ok(begun(context, &done, body.token))
}

pub fn session(context: &Context<'_>) -> Result<Response, Error> {
    let view = SessionView::new(&context.app.auth, context.session()?, None);
    Ok(Response::json(200, &view))
}

pub fn logout(context: &Context<'_>) -> Result<Response, Error> {
    let session = context.session()?;
    if session.token.is_some() {
        return Err(Error::new(
            Kind::Forbidden,
            "A token does not log out.",
            "DELETE /api/tokens/:id ends it.",
        ));
    }
    context.app.auth.logout(session)?;
    let https = context.request.https;
    let gone = cookies::set(cookies::session_name(https), "", 0, https);
    Ok(Response::no_content().header("Set-Cookie", gone))
}

pub fn password(context: &Context<'_>) -> Result<Response, Error> {
    let body: PasswordBody = body::json(context.request, r#"{"current": "…", "new": "…"}"#)?;
    let changed = context.app.auth.change_password(
        person(context)?,
        &body.current,
        &body.new,
        context.request.client,
        agent(context),
        context.app.auth.now_ms(),
    );
    match changed {
        Ok(done) => Ok(begun(context, &done, body.token)),
        Err(error) => audited::not_a_login(error),
    }
}

/// The answer with which a session begins: cookies for browsers, and the token for
/// scripts, which send no Origin, and for who asks. A page has no use for it, and what
/// is not in its memory can't be taken from there.
fn begun(context: &Context<'_>, done: &LoggedIn, wants_token: bool) -> Response {
    let shown = wants_token || context.request.header("Origin").is_none();
    let token = shown.then_some(&done.token);
    let view = SessionView::new(&context.app.auth, &done.session, token);
    with_cookies(context, Response::json(200, &view), done)
}

/// The same for a browser that came by itself.
pub(super) fn with_cookies(context: &Context<'_>, response: Response, done: &LoggedIn) -> Response {
    let https = context.request.https;
    let max_age_s = SESSION_MS.unsigned_abs() / 1000;
    let token = done.token.expose();
    let response = response.header(
        "Set-Cookie",
        cookies::set(cookies::session_name(https), token, max_age_s, https),
    );
    match &done.device {
        None => response,
        Some(device) => response.header(
            "Set-Cookie",
            cookies::set(device::COOKIE, device, device::MAX_AGE_S, https),
        ),
    }
}
