//! GET /metrics: the fleet's latest samples and the server's own health, for
//! Prometheus.
//!
//! One answer at a time is made: for 10,000 nodes it is tens of megabytes. The
//! fleet's lock is held for a few nodes at a time.

mod machine;
mod names;
mod process;
mod text;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::TryLockError;

use stardust_shared::{ABSENT, Kind, Layout};

use self::names::{Escaped, Named};
use self::text::{Format, Text};
use super::Context;
use super::query::Parameters;
use crate::access::{Need, Principal};
use crate::api::App;
use crate::error::{Error, Kind as ErrorKind};
use crate::http::Response;
use crate::hub::{Exported, Status};

/// Nodes that are copied under one lock of the fleet.
const NODES_AT_A_TIME: usize = 128;
/// When a scraper that came while another was served may try again.
const RETRY_AFTER_S: u64 = 2;

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let only = parameters.all("only");
    if let Some(other) = only
        .iter()
        .find(|what| !["server", "fleet"].contains(&what.as_str()))
    {
        return Err(Error::invalid(
            format!("`only={other}` is not known."),
            "Use only=server or only=fleet, or leave it out for both.",
        ));
    }
    let wanted = |what: &str| only.is_empty() || only.iter().any(|only| only == what);
    let _guard = match context.app.health.scraping.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            let message = "The metrics are being read already.";
            return Err(
                Error::new(ErrorKind::Busy, message, "Let one scraper read at a time.")
                    .retry_after_s(RETRY_AFTER_S),
            );
        }
    };
    let mut text = Text::default();
    // Of Ground Control itself whoever is bound to some nodes sees nothing.
    if wanted("server") && context.principal.may_everywhere(Need::View) {
        server(context.app, &mut text);
    }
    if wanted("fleet") {
        fleet(context.app, &context.principal, &mut text);
    }
    let format = Format::accepted(context.request.header("Accept").unwrap_or_default());
    Ok(Response::new(200)
        .header("Content-Type", format.content_type())
        .header("Cache-Control", "no-store")
        .header("Vary", "Accept")
        .with_body(text.finish(format)))
}

fn server(app: &App, text: &mut Text) {
    let build = text.family(
        "stardust_build_info",
        Kind::Gauge,
        "The version of Ground Control.",
    );
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    text.line(build, &[version], 1, 1);
    process::put(text, app.health.start_ms());
    app.health.put(&mut |name, kind, help, value, divisor| {
        let family = text.family(name, kind, help);
        text.line(family, &[], value, divisor);
    });
    let clock = app.history.clock();
    text.gauge(
        "stardust_history_clock_doubted",
        "Whether the wall clock has jumped, and is not taken for right.",
        i64::from(clock.state == "doubted"),
        1,
    );
    text.gauge(
        "stardust_history_clock_jump_seconds",
        "How far the wall clock is ahead of the time by which samples are old.",
        clock.jump_ms,
        1_000,
    );
    let by_status = text.family("stardust_nodes", Kind::Gauge, "Nodes by their status.");
    for (status, count) in app.fleet.count_by_status() {
        let label = format!("status=\"{}\"", status.name());
        text.line(
            by_status,
            &[&label],
            i64::try_from(count).unwrap_or(i64::MAX),
            1,
        );
    }
    let files = text.family(
        "stardust_database_bytes",
        Kind::Gauge,
        "Size of the database's files on disk.",
    );
    for (label, suffix) in [("file=\"database\"", ""), ("file=\"wal\"", "-wal")] {
        let mut path = app.config.db.clone().into_os_string();
        path.push(suffix);
        if let Ok(meta) = std::fs::metadata(&path) {
            text.line(
                files,
                &[label],
                i64::try_from(meta.len()).unwrap_or(i64::MAX),
                1,
            );
        }
    }
}

/// The series of a layout, and where each goes in the text.
type Plan = Vec<Option<(usize, Named)>>;

fn fleet(app: &App, by: &Principal, text: &mut Text) {
    let online = text.family(
        "stardust_node_online",
        Kind::Gauge,
        "Whether the Spider of the node is connected.",
    );
    let seen = text.family(
        "stardust_node_last_sample_timestamp_seconds",
        Kind::Gauge,
        "When the last sample of the node was taken.",
    );
    let info = text.family("stardust_node_info", Kind::Gauge, "What the node is.");
    let machine = machine::Families::new(text);
    // By address: the layouts are held by `layouts` as long as the plans are.
    let mut plans: HashMap<*const Layout, Plan> = HashMap::new();
    let mut layouts: Vec<Arc<Layout>> = Vec::new();
    let mut after = 0;
    loop {
        let nodes = app.fleet.export(by, after, NODES_AT_A_TIME);
        let Some(last) = nodes.last() else { return };
        after = last.id;
        for node in &nodes {
            let name = format!("node=\"{}\"", Escaped(&node.name));
            let is_online = node.status == Status::Online;
            text.line(online, &[&name], i64::from(is_online), 1);
            text.line(info, &[&name, &describe(node)], 1, 1);
            let Some((layout, scaled, time_ms)) = &node.latest else {
                continue;
            };
            text.line(seen, &[&name], *time_ms, 1_000);
            if !is_online {
                // What it said last is not so any more.
                continue;
            }
            machine.put(text, &name, node, *time_ms);
            let plan = plans.entry(Arc::as_ptr(layout)).or_insert_with(|| {
                layouts.push(Arc::clone(layout));
                plan(layout, text)
            });
            for ((value, series), place) in scaled.iter().zip(layout.series()).zip(plan.iter()) {
                if let Some((family, named)) = place
                    && *value != ABSENT
                {
                    let value = value.saturating_mul(i64::from(series.scale) * named.factor);
                    text.line(*family, &[&name, &named.labels], value, named.divisor);
                }
            }
        }
    }
}

fn plan(layout: &Layout, text: &mut Text) -> Plan {
    let names = names::plan(layout).into_iter();
    names
        .map(|named| {
            let named = named?;
            let family = text.family(&named.family, named.kind, &named.help);
            Some((family, named))
        })
        .collect()
}

fn describe(node: &Exported) -> String {
    let mut labels = String::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            labels.push_str(&format!(",{name}=\"{}\"", Escaped(value)));
        }
    };
    put("spider_version", node.spider_version.as_deref());
    if let Some(identity) = &node.identity {
        put("hostname", identity.hostname.as_deref());
        put("os", identity.os.as_deref());
        put("kernel", identity.kernel.as_deref());
        put("arch", identity.arch.as_deref());
    }
    labels
}
