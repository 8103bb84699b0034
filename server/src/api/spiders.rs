//! /api/spiders: the Spiders that Ground Control has, for who installs one by hand:
//! as files, and a script that installs the right one. Whoever is logged in may have
//! them, and so may the machine that has a node's token.

use crate::secret::hex;
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::deploy::by_hand;
use crate::deploy::spider::{self, Spider};
use crate::embedded_spiders::Sources;
use crate::error::{Error, Kind};
use crate::http::Response;
use sha2::{Digest, Sha256};

/// All that there can be: what an ELF header is understood of.
const ARCHES: [&str; 3] = ["x86_64", "aarch64", "armv7"];

#[derive(Serialize)]
struct Shown<'a> {
    arch: &'a str,
    bytes: usize,
    sha256: &'a str,
    path: String,
}

/// Those that there are: named by --agent-binary or --agent-dir, else built in.
fn all(sources: &Sources) -> Vec<Spider> {
    ARCHES
        .iter()
        .filter_map(|arch| spider::choose(sources, Some(arch)).ok())
        .collect()
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let spiders = all(&context.app.work.spiders);
    let shown: Vec<_> = spiders
        .iter()
        .map(|spider| Shown {
            arch: &spider.arch,
            bytes: spider.bytes.len(),
            sha256: &spider.sha256,
            path: format!("/api/spiders/{}", spider.arch),
        })
        .collect();
    let body = json!({"version": env!("CARGO_PKG_VERSION"), "spiders": shown});
    Ok(Response::json(200, &body))
}

/// The program for one architecture, which is the last part of the path.
pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let arch = context.request.path.rsplit('/').next().unwrap_or_default();
    let spider = spider::choose(&context.app.work.spiders, Some(arch))
        .map_err(|fault| Error::new(Kind::NotFound, fault.detail, fault.hint))?;
    let name = format!("attachment; filename=\"stardust-spider-{arch}\"");
    Ok(Response::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Cache-Control", "no-store")
        .header("Content-Disposition", name)
        .with_body(spider.bytes))
}

pub fn script(context: &Context<'_>) -> Result<Response, Error> {
    Ok(Response::text(
        200,
        by_hand::script(&all(&context.app.work.spiders)),
    ))
}

/// What to compare the script with.
pub(super) fn script_sha256(sources: &Sources) -> String {
    hex(&Sha256::digest(by_hand::script(&all(sources)).as_bytes()))
}
