//! /api/auth/{factors,totp,recovery-codes,proof}: second factors of one's own, and proving
//! once more to be there.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::passkeys::{PasskeyBody, Shown};
use super::{Context, audited, body};
use crate::auth::{Proof, Session};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::secret::Secret;
use crate::store::PasskeyRecord;
use crate::store::audit::act;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    password: Option<Secret>,
    code: Option<Secret>,
    passkey: Option<PasskeyBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: Secret,
}

#[derive(Serialize)]
pub(super) struct PasskeyRow {
    id: i64,
    name: String,
    created_ms: i64,
    used_ms: Option<i64>,
}

impl From<PasskeyRecord> for PasskeyRow {
    fn from(passkey: PasskeyRecord) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            created_ms: passkey.created_ms,
            used_ms: passkey.used_ms,
        }
    }
}

/// What whoever asks has.
pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let session = person(context)?;
    let auth = &context.app.auth;
    let factors = auth.factors(session.user_id);
    let passkeys = auth.passkeys_of(session.user_id)?.into_iter();
    let passkeys: Vec<_> = passkeys.map(PasskeyRow::from).collect();
    let body = json!({
        "totp": factors.totp,
        "passkeys": passkeys,
        "recovery_left": auth.recovery_left(session.user_id)?,
        "required": session.must_enrol,
    });
    Ok(Response::json(200, &body))
}

pub fn begin_totp(context: &Context<'_>) -> Result<Response, Error> {
    body::nothing(context.request)?;
    let new = context.app.auth.begin_totp(person(context)?)?;
    let body = json!({"secret": new.secret.expose(), "uri": new.uri.expose()});
    Ok(Response::json(201, &body))
}

pub fn confirm_totp(context: &Context<'_>) -> Result<Response, Error> {
    let body: CodeBody = body::json(context.request, r#"{"code": "123456"}."#)?;
    let codes = context
        .app
        .auth
        .confirm_totp(person(context)?, &body.code)?;
    Ok(recovery(&codes))
}

pub fn remove_totp(context: &Context<'_>) -> Result<Response, Error> {
    context.app.auth.remove_totp(person(context)?)?;
    Ok(Response::no_content())
}

pub fn new_recovery(context: &Context<'_>) -> Result<Response, Error> {
    body::nothing(context.request)?;
    let codes = context.app.auth.new_recovery(person(context)?)?;
    Ok(recovery(&codes))
}

pub fn prove(context: &Context<'_>) -> Result<Response, Error> {
    let body: ProofBody = body::json(context.request, r#"{"password": "…"} or {"code": "…"}."#)?;
    let shown = Shown::read(context, body.passkey.as_ref())?;
    let answer = shown.as_ref().map(Shown::answer);
    let proof = Proof {
        password: body.password.as_ref(),
        code: body.code.as_ref(),
        passkey: answer.as_ref().map(|(answer, site)| (answer, *site)),
        address: context.request.client,
    };
    match context.app.auth.prove(person(context)?, &proof) {
        Ok(()) => Ok(Response::no_content()),
        Err(error) => audited::not_a_login(error),
    }
}

/// Takes the factors from a user who has lost them.
pub fn remove_of_user(context: &Context<'_>) -> Result<Response, Error> {
    let auth = &context.app.auth;
    let user = auth
        .user(context.id)
        .ok_or_else(super::users::no_such_user)?;
    act::detail("username", user.name);
    auth.remove_factors(user.id)?;
    Ok(Response::no_content())
}

fn recovery(codes: &[Secret]) -> Response {
    let codes: Vec<&str> = codes.iter().map(Secret::expose).collect();
    Response::json(200, &json!({"recovery_codes": codes}))
}

/// A session: programs have no factors.
pub(super) fn person<'a>(context: &'a Context<'_>) -> Result<&'a Session, Error> {
    let session = context.session()?;
    match session.token {
        None => Ok(session),
        Some(_) => Err(Error::new(
            Kind::Forbidden,
            "A token can't change how its owner signs in.",
            "Log in, and do it there.",
        )),
    }
}
