//! POST /api/imports/parse: a list of hosts, read and checked. Nothing is kept.

use serde::Deserialize;
use serde_json::json;

use super::{Context, body};
use crate::deploy::is_taken;
use crate::error::Error;
use crate::http::Response;
use crate::major_tom::import;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBody {
    text: String,
}

pub fn parse(context: &Context<'_>) -> Result<Response, Error> {
    let body: ImportBody =
        body::json(context.request, r#"{"text": "host,user\npi4.lan,root\n"}."#)?;
    let hosts = import::parse(&body.text).map_err(|why| {
        Error::invalid(
            why,
            "Paste CSV whose first line names the columns (host, and name, port, user, tags, jump \
             as you like), or blocks as in ~/.ssh/config.",
        )
    })?;
    let places = context.app.vault.places()?;
    let hosts = import::known(hosts, |host, port| {
        let (id, ..) = places.iter().find(|(id, known, at)| {
            known.eq_ignore_ascii_case(host) && *at == port && is_taken(&context.app.work, *id)
        })?;
        Some(context.app.fleet.view(&context.principal, *id)?.name)
    });
    Ok(Response::json(200, &json!({"hosts": hosts})))
}
