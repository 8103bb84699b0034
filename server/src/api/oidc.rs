//! /api/auth/oidc and /api/auth/methods: signing in elsewhere, and which ways in there are.

use serde_json::json;

use super::passkeys::Page;
use super::query::Parameters;
use super::{Context, audited, auth};
use crate::auth::{Visitor, cookies, failures, seal};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::log;
use crate::oidc::{BEGUN_MS, Begun, Issuer};
use crate::store::External;
use crate::store::audit::act;
use stardust_shared::ServerUrl;
use stardust_shared::base64;

const COOKIE: &str = "stardust_oidc";
/// Only the two requests of a sign-in carry it.
const COOKIE_PATH: &str = "/api/auth/oidc";
const FIELD: &str = "oidc.begun";
const CODE_BYTES_MAX: usize = 4096;
const BACK_BYTES_MAX: usize = 512;

/// Which ways in there are, for whoever is not in yet.
pub fn methods(context: &Context<'_>) -> Result<Response, Error> {
    let page = Page::of(context);
    let issuer = context.app.oidc.as_ref();
    let body = json!({
        "password": context.app.config.password_login,
        "passkey": page.is_ok(),
        "no_passkey": page.err().map(|error| error.message),
        "oidc": issuer.map(|issuer| &issuer.settings.label),
    });
    Ok(Response::json(200, &body))
}

/// Sends the browser to the issuer.
pub fn begin(context: &Context<'_>) -> Result<Response, Error> {
    let issuer = issuer(context)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let back_to = parameters.one("back_to")?.unwrap_or("/");
    let back_to = if is_own_path(back_to) { back_to } else { "/" };
    let now_ms = context.app.auth.now_ms();
    let (to, begun) = issuer.begin(&redirect_uri(context)?, back_to, now_ms)?;
    let text = serde_json::to_string(&begun).map_err(|_| Error::internal())?;
    let key = context.app.auth.keys().derive("oidc");
    let sealed = seal::seal(&key, 0, FIELD, text.as_bytes())?;
    let value = base64::URL.encode(&sealed);
    Ok(go(to).header(
        "Set-Cookie",
        cookie(context, &value, BEGUN_MS.unsigned_abs() / 1000),
    ))
}

/// The browser is back: a session, or the page that says why not.
pub fn callback(context: &Context<'_>) -> Result<Response, Error> {
    let answered = match finish(context) {
        Ok((done, back_to)) => auth::with_cookies(context, go(back_to), &done),
        Err(error) => {
            log::warn(&format!("a sign-in elsewhere failed: {}", error.message));
            act::detail("why", error.message.as_str());
            go(format!("/?sign_in={}", error.kind.name()))
        }
    };
    Ok(answered.header("Set-Cookie", cookie(context, "", 0)))
}

fn finish(context: &Context<'_>) -> Result<(crate::auth::LoggedIn, String), Error> {
    let issuer = issuer(context)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let begun = begun(context)?;
    let state = parameters.one("state")?.unwrap_or_default();
    let now_ms = context.app.auth.now_ms();
    let is_its = crate::secret::equal(state.as_bytes(), begun.state.as_bytes());
    if !is_its || begun.until_ms <= now_ms {
        return Err(stale());
    }
    if let Some(word) = parameters.one("error")? {
        let word = failures::shown(word, 40);
        return Err(Error::new(
            Kind::Forbidden,
            format!("The issuer has refused: {word}."),
            "Try again, or sign in another way.",
        ));
    }
    let code = parameters.one("code")?.unwrap_or_default();
    if code.is_empty() || code.len() > CODE_BYTES_MAX {
        return Err(stale());
    }
    let identity = issuer.finish(&begun, code, crate::clock::wall_ms())?;
    audited::tries(&identity.name);
    let visitor = Visitor {
        who: External {
            issuer: issuer.settings.issuer.clone(),
            subject: identity.subject,
        },
        name: &identity.name,
        role: issuer.role(&identity.groups),
        groups: &identity.groups,
        address: context.request.client,
        agent: context.request.header("User-Agent").unwrap_or(""),
        factor: "oidc",
    };
    let done = context.app.auth.login_external(&visitor, now_ms)?;
    audited::by(Some(&done.session));
    Ok((done, begun.back_to))
}

/// What the browser has carried.
fn begun(context: &Context<'_>) -> Result<Begun, Error> {
    let header = context.request.header("Cookie").unwrap_or("");
    let key = context.app.auth.keys().derive("oidc");
    let open = |value: &str| {
        let sealed = base64::URL.decode(value)?;
        let text = seal::open(&key, 0, FIELD, &sealed).ok()?;
        serde_json::from_str(text.expose()).ok()
    };
    cookies::values(header, COOKIE)
        .take(4)
        .find_map(open)
        .ok_or_else(stale)
}

fn cookie(context: &Context<'_>, value: &str, max_age_s: u64) -> String {
    // Lax: it is the issuer's page that leads here.
    let secure = if context.request.https {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{COOKIE}={value}; Path={COOKIE_PATH}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
    )
}

fn redirect_uri(context: &Context<'_>) -> Result<String, Error> {
    let request = context.request;
    let by_host = || ServerUrl::from_authority(request.https, request.header("Host")?);
    let named = context.app.config.server_url.clone();
    let url = named.or_else(by_host).ok_or_else(Error::internal)?;
    Ok(format!(
        "{}{COOKIE_PATH}/callback",
        url.http().trim_end_matches('/')
    ))
}

fn issuer<'a>(context: &'a Context<'_>) -> Result<&'a Issuer, Error> {
    context.app.oidc.as_ref().ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "No issuer of OpenID Connect is set up.",
            "Start Ground Control with --oidc-issuer and --oidc-client-id.",
        )
    })
}

/// A path of this page, and of no other: nothing that a browser takes for another host.
fn is_own_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= BACK_BYTES_MAX
        && path.bytes().all(plain)
}

fn go(to: String) -> Response {
    Response::new(303)
        .header("Location", to)
        .header("Cache-Control", "no-store")
}

fn stale() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "This sign-in was begun somewhere else, or too long ago.",
        "Begin again.",
    )
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn nobody_is_led_to_another_host() {
        for good in ["/", "/nodes/5?tab=a", "/#x"] {
            assert!(is_own_path(good), "{good}");
        }
        for wrong in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/ä",
        ] {
            assert!(!is_own_path(wrong), "{wrong}");
        }
    }
}
