//! /api/auth: login, logout, password.

use serde::{Deserialize, Serialize};

use super::grants::GrantView;
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
    username: String,
    password: Secret,
    /// Of the second factor.
    code: Option<Secret>,
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

fn agent<'a>(context: &'a Context<'_>) -> &'a str {
    context.request.header("User-Agent").unwrap_or("")
}

pub fn login(context: &Context<'_>) -> Result<Response, Error> {
    let body: LoginBody = body::json(context.request, r#"{"username": "admin", "password": "…"}"#)?;
    if !auth::plausible(&body.username, &body.password) {
        return Err(Error::invalid(
            "The user name or the password is too long.",
            "Names have at most 64 characters, passwords at most 1024 bytes.",
        ));
    }
    let login = Login {
        user: &body.username,
        password: &body.password,
        code: body.code.as_ref(),
        address: context.request.client,
        cookie: context.request.header("Cookie"),
        agent: agent(context),
    };
    let auth = &context.app.auth;
    audited::tries(&body.username);
    let done = auth.login(&login, auth.now_ms())?;
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
    let session = context.session()?;
    if session.token.is_some() {
        return Err(Error::new(
            Kind::Forbidden,
            "A token can't change the password of its owner.",
            "Log in, and change it there.",
        ));
    }
    let changed = context.app.auth.change_password(
        session,
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
    let https = context.request.https;
    let shown = wants_token || context.request.header("Origin").is_none();
    let token = shown.then_some(&done.token);
    let view = SessionView::new(&context.app.auth, &done.session, token);
    let max_age_s = SESSION_MS.unsigned_abs() / 1000;
    let token = done.token.expose();
    let response = Response::json(200, &view).header(
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
