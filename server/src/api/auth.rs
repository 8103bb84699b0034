//! /api/auth: login, logout, password.

use serde::{Deserialize, Serialize};

use super::{Context, body};
use crate::auth::{self, LoggedIn, Login, SESSION_MS, Session, cookies, device};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    user: String,
    password: Secret,
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
    user: &'a str,
    csrf: &'a str,
    must_change_password: bool,
    expires_ms: i64,
    /// Only where the session begins, and for those who ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> SessionView<'a> {
    fn new(auth: &auth::Auth, session: &'a Session, token: Option<&'a Secret>) -> Self {
        Self {
            user: &session.user,
            csrf: &session.csrf,
            must_change_password: session.must_change_password,
            expires_ms: auth.shown_ms(session.expires_ms),
            token: token.map(Secret::expose),
        }
    }
}

pub fn login(context: &Context<'_>) -> Result<Response, Error> {
    let body: LoginBody = body::json(context.request, r#"{"user": "admin", "password": "…"}"#)?;
    if !auth::plausible(&body.user, &body.password) {
        return Err(Error::invalid(
            "The user name or the password is too long.",
            "Names have at most 64 characters, passwords at most 1024 bytes.",
        ));
    }
    let login = Login {
        user: &body.user,
        password: &body.password,
        address: context.request.client,
        cookie: context.request.header("Cookie"),
    };
    let auth = &context.app.auth;
    let done = auth.login(&login, auth.now_ms())?;
    Ok(begun(context, &done, body.token))
}

pub fn session(context: &Context<'_>) -> Result<Response, Error> {
    let view = SessionView::new(&context.app.auth, context.session()?, None);
    Ok(Response::json(200, &view))
}

pub fn logout(context: &Context<'_>) -> Result<Response, Error> {
    context.app.auth.logout(context.session()?)?;
    let https = context.request.https;
    let gone = cookies::set(cookies::session_name(https), "", 0, https);
    Ok(Response::no_content().header("Set-Cookie", gone))
}

pub fn password(context: &Context<'_>) -> Result<Response, Error> {
    let body: PasswordBody = body::json(context.request, r#"{"current": "…", "new": "…"}"#)?;
    let changed = context.app.auth.change_password(
        context.session()?,
        &body.current,
        &body.new,
        context.request.client,
        context.app.auth.now_ms(),
    );
    match changed {
        Ok(done) => Ok(begun(context, &done, body.token)),
        Err(error) if error.kind == Kind::BadCredentials => {
            // Whoever asks is logged in: 401 would say that they are not.
            let mut response = Response::from(error);
            response.status = 403;
            Ok(response)
        }
        Err(error) => Err(error),
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
