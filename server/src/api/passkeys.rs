//! /api/auth/passkeys: keys of browsers, taken in and shown (Web Authentication).

use serde::Deserialize;
use serde_json::{Value, json};
use stardust_shared::ServerUrl;
use stardust_shared::base64;

use super::factors::{PasskeyRow, person};
use super::nodes::checked_text;
use super::{Context, body};
use crate::auth::{ALGORITHMS, PasskeyAnswer, Question, Site};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::store::audit::act;

const NAME_CHARS_MAX: usize = 64;
const SHAPE: &str = "what POST /api/auth/passkeys/options and the browser have answered.";

/// The answer of `navigator.credentials.get`, each part in base64url.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyBody {
    challenge: String,
    credential: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
}

/// The same as bytes, with the page that shows it.
pub struct Shown {
    challenge: Vec<u8>,
    credential: Vec<u8>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    page: Page,
}

impl Shown {
    /// # Errors
    /// Where browsers have no passkeys, and when a part is no base64url.
    pub fn read(context: &Context<'_>, body: Option<&PasskeyBody>) -> Result<Option<Self>, Error> {
        let Some(body) = body else { return Ok(None) };
        Ok(Some(Self {
            page: Page::of(context)?,
            challenge: decoded(&body.challenge)?,
            credential: decoded(&body.credential)?,
            client_data: decoded(&body.client_data)?,
            authenticator_data: decoded(&body.authenticator_data)?,
            signature: decoded(&body.signature)?,
        }))
    }

    pub fn answer(&self) -> (PasskeyAnswer<'_>, Site<'_>) {
        let answer = PasskeyAnswer {
            challenge: &self.challenge,
            credential: &self.credential,
            client_data: &self.client_data,
            authenticator_data: &self.authenticator_data,
            signature: &self.signature,
        };
        (answer, self.page.site())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    challenge: String,
    client_data: String,
    attestation: String,
}

/// What a new key is made with.
pub fn options(context: &Context<'_>) -> Result<Response, Error> {
    body::nothing(context.request)?;
    let page = Page::of(context)?;
    let session = person(context)?;
    let question = context.app.auth.ask_new_passkey(session)?;
    let mut view = asked(&question, &page.name);
    view["user"] = json!({
        "id": base64::URL.encode(&session.user_id.to_be_bytes()),
        "name": session.user,
    });
    view["algorithms"] = json!(ALGORITHMS);
    Ok(Response::json(201, &view))
}

pub fn add(context: &Context<'_>) -> Result<Response, Error> {
    let body: AddBody = body::json(context.request, SHAPE)?;
    let page = Page::of(context)?;
    let name = checked_text(&body.name, "The name of the passkey", NAME_CHARS_MAX)?;
    act::detail("passkey", name.as_str());
    let made = context.app.auth.add_passkey(
        person(context)?,
        &name,
        &decoded(&body.challenge)?,
        (&decoded(&body.client_data)?, &decoded(&body.attestation)?),
        page.site(),
    );
    match made {
        Ok(made) => Ok(Response::json(201, &PasskeyRow::from(made))),
        Err(error) => super::audited::not_a_login(error),
    }
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    act::detail("passkey", context.id);
    let session = person(context)?;
    context.app.auth.remove_passkey(session, context.id)?;
    Ok(Response::no_content())
}

/// What a browser is asked that signs in by a passkey alone.
pub fn login_options(context: &Context<'_>) -> Result<Response, Error> {
    body::nothing(context.request)?;
    let page = Page::of(context)?;
    let question = context.app.auth.ask_login()?;
    Ok(Response::json(201, &asked(&question, &page.name)))
}

/// What whoever is signed in is asked, to prove to be there.
pub fn proof_options(context: &Context<'_>) -> Result<Response, Error> {
    body::nothing(context.request)?;
    let page = Page::of(context)?;
    let question = context.app.auth.ask_factor(person(context)?.user_id)?;
    Ok(Response::json(201, &asked(&question, &page.name)))
}

pub fn asked(question: &Question, name: &str) -> Value {
    json!({
        "challenge": question.challenge,
        "rp_id": name,
        "timeout_ms": question.timeout_ms,
        "credentials": question.credentials,
    })
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    base64::URL.decode(text).ok_or_else(|| {
        Error::invalid(
            "One of the parts is not base64url.",
            format!("Send {SHAPE}"),
        )
    })
}

/// The page that asks.
pub struct Page {
    origin: String,
    pub name: String,
}

impl Page {
    /// # Errors
    /// Where browsers have no passkeys: without HTTPS, and at an address that is no name.
    pub fn of(context: &Context<'_>) -> Result<Self, Error> {
        let request = context.request;
        let host = request.header("Host").unwrap_or("");
        let scheme = if request.https { "https" } else { "http" };
        let origin = match request.header("Origin") {
            Some(origin) => origin.to_owned(),
            None => format!("{scheme}://{host}"),
        };
        let url = ServerUrl::parse_origin(&origin).map_err(|_| unavailable("this address"))?;
        let is_local = url.host == "localhost" || url.host.ends_with(".localhost");
        if url.host.parse::<std::net::IpAddr>().is_ok() {
            return Err(unavailable("an address that is a number"));
        }
        if !url.tls && !is_local {
            return Err(unavailable("a page without HTTPS"));
        }
        Ok(Self {
            origin,
            name: url.host,
        })
    }

    pub fn site(&self) -> Site<'_> {
        Site {
            origin: &self.origin,
            name: &self.name,
        }
    }
}

fn unavailable(what: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("Browsers have no passkeys for {what}."),
        "Open this page by a name and with HTTPS, as https://stardust.example. An authenticator \
         app works everywhere.",
    )
}
