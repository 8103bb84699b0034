//! /api/audit: who did what.

use serde::Serialize;
use serde_json::json;

use super::Context;
use super::query::{Parameters, page};
use crate::error::Error;
use crate::http::Response;
use crate::secret::hex;
use crate::store::AuditFilter;
use crate::store::audit::AuditRecord;
use crate::store::audit::act;

const PAGE_MAX: i64 = 500;
/// Lines in one export; a longer one is gone on with by `after`.
const EXPORT_MAX: i64 = 20_000;

#[derive(Serialize)]
struct AuditView {
    id: i64,
    time_ms: i64,
    /// `user`, `token`, `anyone` or `system`.
    actor: String,
    username: String,
    user: Option<i64>,
    via: String,
    address: String,
    action: String,
    node: Option<i64>,
    node_name: Option<String>,
    outcome: String,
    detail: serde_json::Value,
    /// SHA-256 over that of the line before and this line, in hexadecimal.
    hash: String,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            time_ms: record.time_ms,
            actor: record.actor,
            username: record.name,
            user: record.user_id,
            via: record.via,
            address: record.address,
            action: record.action,
            node: record.node,
            node_name: record.node_name,
            outcome: record.outcome,
            detail: record.detail,
            hash: hex(&record.hash),
        }
    }
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(50, PAGE_MAX)?;
    let found = context.app.store.audit(&filter(&parameters)?, limit + 1)?;
    let (lines, next) = page(found, limit, |line| line.id.to_string());
    let lines: Vec<_> = lines.into_iter().map(AuditView::from).collect();
    Ok(Response::json(200, &json!({"audit": lines, "next": next})))
}

/// One JSON object a line, the oldest first.
pub fn export(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(EXPORT_MAX, EXPORT_MAX)?;
    let filter = AuditFilter {
        above: parameters.integer("after")?.unwrap_or(0),
        ascending: true,
        ..filter(&parameters)?
    };
    let mut text = String::new();
    let found = context.app.store.audit(&filter, limit)?;
    act::detail("lines", found.len());
    for line in found {
        text.push_str(&serde_json::to_string(&AuditView::from(line)).unwrap_or_default());
        text.push('\n');
    }
    Ok(Response::new(200)
        .header("Content-Type", "application/jsonl; charset=utf-8")
        .header("Cache-Control", "no-store")
        .header(
            "Content-Disposition",
            "attachment; filename=\"stardust-audit.jsonl\"",
        )
        .with_body(text.into_bytes()))
}

fn filter(parameters: &Parameters) -> Result<AuditFilter, Error> {
    let text = |name: &str| Ok::<_, Error>(parameters.one(name)?.map(str::to_owned));
    Ok(AuditFilter {
        node: parameters.integer("node")?,
        name: text("username")?,
        action: text("action")?,
        outcome: text("outcome")?,
        from_ms: parameters.integer("from")?,
        to_ms: parameters.integer("to")?,
        address: text("address")?,
        below: parameters.integer("cursor")?,
        above: 0,
        ascending: false,
    })
}
