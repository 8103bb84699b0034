//! `Idempotency-Key`: a change that is asked for again under the same key is not made again,
//! and is answered as the first time. Scripts that lost the answer can ask without fear.
//!
//! Keys are good for a day, for the user or token that chose them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stardust_shared::base64;

use crate::auth::Session;
use crate::auth::seal;
use crate::error::{Error, Kind};
use crate::http::{Method, Request, Response};
use crate::store::Begun;

use super::App;

const KEY_BYTES_MAX: usize = 128;
const GOOD_MS: i64 = 24 * 3_600_000;
/// Larger answers are not kept: the key is refused then.
const BODY_BYTES_MAX: usize = seal::PLAIN_BYTES_MAX / 2;
/// Of the key that answers are encrypted with.
const PURPOSE: &str = "answers under a key";
/// Headers of an answer that are part of it.
const HEADERS: [&str; 3] = ["Content-Type", "Location", "ETag"];

#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(usize, String)>,
    body: String,
}

/// Answers, or says what was answered before.
pub fn run(
    app: &App,
    request: &Request,
    session: Option<&Session>,
    now_ms: i64,
    answer: impl FnOnce() -> Result<Response, Error>,
) -> Result<Response, Error> {
    let key = request.header("Idempotency-Key");
    let (Some(key), Some(session)) = (key, session) else {
        return answer();
    };
    if request.method == Method::Get {
        return answer();
    }
    check(key)?;
    let who = match &session.token {
        Some(token) => format!("token {}", token.id),
        None => format!("user {}", session.user_id),
    };
    let sealing = app.auth.keys().derive(PURPOSE);
    let before_ms = now_ms - GOOD_MS;
    let begun = app
        .store
        .begin_idempotent(&who, key, &asked(request), now_ms, before_ms)?;
    match begun {
        Begun::New => {}
        Begun::Answered(blob) => {
            let kept = seal::open(&sealing, 0, key, &blob)?;
            return again(kept.expose());
        }
        Begun::Unknown => {
            return Err(Error::new(
                Kind::Conflict,
                "The same is under way under this key, or nobody knows how it ended.",
                "Look whether it was done before you ask under another key.",
            ));
        }
        Begun::Other => {
            return Err(Error::invalid(
                "Something else was asked under this Idempotency-Key.",
                "Choose a new key for each change.",
            ));
        }
    }
    let answered = answer();
    let response = match answered {
        Ok(response) => response,
        // What failed on our side may go well the next time; what was refused may be put right.
        Err(error) => {
            app.store.end_idempotent(&who, key, None)?;
            return Err(error);
        }
    };
    match keep(&response) {
        Some(text) if response.status < 400 => {
            let blob = seal::seal(&sealing, 0, key, text.as_bytes())?;
            app.store.end_idempotent(&who, key, Some(&blob))?;
        }
        Some(_) => app.store.end_idempotent(&who, key, None)?,
        None => {}
    }
    Ok(response)
}

fn check(key: &str) -> Result<(), Error> {
    let is_good =
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match is_good {
        true => Ok(()),
        false => Err(Error::invalid(
            "The Idempotency-Key can't be used.",
            format!("Send 1 to {KEY_BYTES_MAX} visible ASCII characters, such as a UUID."),
        )),
    }
}

fn asked(request: &Request) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in [request.method.name(), &request.path, &request.query] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    sha.update(&request.body);
    sha.finalize().into()
}

fn keep(response: &Response) -> Option<String> {
    if response.body.len() > BODY_BYTES_MAX {
        return None;
    }
    let header = |(at, name): (usize, &&str)| Some((at, response.header_value(name)?.to_owned()));
    let kept = Kept {
        status: response.status,
        headers: HEADERS.iter().enumerate().filter_map(header).collect(),
        body: base64::URL.encode(&response.body),
    };
    serde_json::to_string(&kept).ok()
}

fn again(text: &str) -> Result<Response, Error> {
    let kept: Kept = serde_json::from_str(text).map_err(|_| Error::internal())?;
    let body = base64::URL.decode(&kept.body).ok_or_else(Error::internal)?;
    let mut response = Response::new(kept.status)
        .header("Cache-Control", "no-store")
        .header("Idempotency-Replayed", "true")
        .with_body(body);
    for (at, value) in kept.headers {
        if let Some(name) = HEADERS.get(at) {
            response = response.header(name, value);
        }
    }
    Ok(response)
}
