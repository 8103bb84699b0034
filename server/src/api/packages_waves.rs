//! Upgrades of many nodes in waves, and what they would do on each of them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::deploy::{answer, submit_for_many, unknown_node};
use super::{Context, body, ssh};
use crate::access::{Need, Principal};
use crate::api::App;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::hub::Status;
use crate::jobs::limits::GROUP_NODES_MAX;
use crate::jobs::{Given, Intent, JobError, PackageOrder};
use crate::major_tom::Fault;
use crate::package_jobs::fleet::{AtWork, Candidate, Choice, Taken, needs_repair};
use crate::package_jobs::schedule;
use crate::package_jobs::{node_link::NodeLink, query as node_query};
use crate::packages::limits::{
    FLEET_PREVIEW_BEGIN_MAX, FLEET_PREVIEW_CHANGES_MAX, FLEET_PREVIEW_NODES_MAX,
    FLEET_PREVIEW_TIME_MAX,
};
use crate::packages::model::{Preview, Upgrade};
use crate::packages::preflight;
use crate::packages::request::{Action, PackageRequest};
use crate::runner::rollout::{WAVES_MAX, sizes};
use stardust_model::intent::{LeftOut, SIZES_DEFAULT, Size};

const SHAPE: &str = r#"{"nodes": [3, 1, 2]}, the node of the first wave first."#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetBody {
    nodes: Vec<i64>,
    full: Option<bool>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    security: bool,
    waves: Option<Vec<Size>>,
    wait_s: Option<u32>,
    /// What previews have said, by node.
    #[serde(default)]
    plans: BTreeMap<i64, String>,
    /// Of a preview: how many of the nodes have been asked.
    cursor: Option<usize>,
}

/// What was asked for, checked.
struct Wanted {
    choice: Choice,
    waves: Vec<Size>,
    wait_s: Option<u32>,
    plans: BTreeMap<i64, String>,
    cursor: usize,
    taken: Vec<(Candidate, Taken)>,
    left_out: Vec<LeftOut>,
}

impl Wanted {
    fn nodes(&self) -> Vec<i64> {
        self.taken.iter().map(|(node, _)| node.node).collect()
    }
}

fn read(context: &Context<'_>) -> Result<Wanted, Error> {
    let body: FleetBody = body::json(context.request, SHAPE)?;
    // In the order in which they were named: the first one is who tries it out.
    let mut seen = HashSet::new();
    let mut nodes = body.nodes;
    nodes.retain(|node| seen.insert(*node));
    if nodes.is_empty() || nodes.len() > GROUP_NODES_MAX {
        return Err(Error::invalid(
            "There must be nodes to work on, and not too many.",
            format!("Name 1 to {GROUP_NODES_MAX}."),
        ));
    }
    let waves = body.waves.unwrap_or_else(|| SIZES_DEFAULT.to_vec());
    if waves.is_empty() || waves.len() > WAVES_MAX {
        return Err(Error::invalid(
            "There must be waves, and not too many.",
            format!("Name 1 to {WAVES_MAX}, or leave them out."),
        ));
    }
    let narrow = !body.packages.is_empty();
    if body.full == Some(true) && (narrow || body.security) {
        return Err(Error::invalid(
            "A full upgrade takes no packages.",
            "Leave \"packages\" and \"security\" out, or \"full\".",
        ));
    }
    if narrow && body.security {
        return Err(Error::invalid(
            "What is for security is found by each node's own look.",
            "Leave \"packages\" out, or \"security\".",
        ));
    }
    let good = |plan: &String| plan.len() <= 64 && plan.bytes().all(|b| b.is_ascii_hexdigit());
    if !body.plans.values().all(good) || body.plans.keys().any(|node| !seen.contains(node)) {
        return Err(Error::invalid(
            "One of the plans is none, or is of a node that is not named.",
            "Send them as the preview has them: {\"plans\": {\"3\": \"…\"}}.",
        ));
    }
    let choice = Choice {
        full: body.full,
        packages: body.packages,
        security: body.security,
    };
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    for node in &nodes {
        context.may(Need::Operate, *node)?;
    }
    for node in candidates(context.app, &nodes)? {
        match choice.on(&node)? {
            Ok(part) => taken.push((node, part)),
            Err(out) => left_out.push(out),
        }
    }
    Ok(Wanted {
        choice,
        waves,
        wait_s: super::packages::wait_s(body.wait_s)?,
        plans: body.plans,
        cursor: body.cursor.unwrap_or(0),
        taken,
        left_out,
    })
}

fn candidates(app: &App, nodes: &[i64]) -> Result<Vec<Candidate>, Error> {
    let mut records: BTreeMap<i64, _> = app
        .store
        .all_package_facts()?
        .into_iter()
        .map(|record| (record.node, record))
        .collect();
    let mut all = Vec::new();
    for &id in nodes {
        let server = Principal::server();
        let view = app
            .fleet
            .view(&server, id)
            .ok_or_else(|| unknown_node(id))?;
        let record = records.remove(&id).unwrap_or_default();
        let stored = app.vault.get(id)?;
        let has_key = stored.is_some_and(|stored| {
            let jump = stored.jump.as_ref().is_none_or(|jump| jump.auth.is_some());
            jump && stored.node.auth.is_some()
        });
        all.push(Candidate {
            node: id,
            name: view.name,
            facts: record.facts,
            job: app.jobs.active_of_node(id).map(|job| AtWork {
                id: job.id,
                kind: job.intent.kind().to_owned(),
                title: job.view().title,
            }),
            full_upgrade: record.full_upgrade,
            offline: view.status == Status::Offline,
            has_key,
        });
    }
    Ok(all)
}

/// POST /api/packages/upgrade: many nodes, in waves.
pub fn upgrade(context: &Context<'_>) -> Result<Response, Error> {
    let wanted = read(context)?;
    let nodes = wanted.nodes();
    if let (true, Some(first)) = (nodes.is_empty(), wanted.left_out.first()) {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "None of these nodes can be upgraded now. {}: {}",
                first.name, first.message
            ),
            first.hint.clone(),
        ));
    }
    let action = match wanted.choice.full {
        Some(true) => Action::FullUpgrade,
        _ => Action::Upgrade,
    };
    let order = PackageOrder {
        action: action.name().to_owned(),
        by_setting: wanted.choice.full.is_none(),
        security: wanted.choice.security,
        packages: wanted.choice.packages,
        wait_s: wanted.wait_s,
        ..PackageOrder::default()
    };
    let intent = Intent::PackagesFleet {
        nodes,
        order,
        waves: wanted.waves,
        plans: wanted.plans.into_iter().collect(),
        left_out: wanted.left_out,
    };
    answer(&*submit_for_many(context, intent)?)
}

/// POST /api/packages/preview: what that would do on each node, by the managers' own
/// dry runs. At most [`FLEET_PREVIEW_NODES_MAX`] are asked for one answer.
pub fn preview(context: &Context<'_>) -> Result<Response, Error> {
    let wanted = read(context)?;
    let app = context.app;
    let place = ssh::place(context)?;
    let nodes = wanted.nodes();
    let mut left = &nodes[..];
    let waves: Vec<&[i64]> = sizes(nodes.len(), &wanted.waves)
        .into_iter()
        .map(|size| {
            let (wave, rest) = left.split_at(size);
            left = rest;
            wave
        })
        .collect();
    let from = wanted.cursor.min(nodes.len());
    let until = (from + FLEET_PREVIEW_NODES_MAX).min(nodes.len());
    let asked = ask_all(app, &wanted.choice, &wanted.taken[from..until]);
    drop(place);
    let next = from + asked.len();
    let body = json!({
        "waves": waves,
        "left_out": wanted.left_out,
        "nodes": asked,
        "next": (next < nodes.len()).then_some(next),
        "rules": crate::runner::vitals::RULES,
    });
    Ok(Response::json(200, &body))
}

/// Asks nodes side by side, in their order, as long as there is time.
fn ask_all(app: &App, choice: &Choice, nodes: &[(Candidate, Taken)]) -> Vec<Value> {
    let begun = Instant::now();
    let next = Mutex::new(0usize);
    let answers: Mutex<BTreeMap<usize, Value>> = Mutex::default();
    let work = || {
        loop {
            let mut turn = next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = *turn;
            // At least one is asked, so that who asks again gets on.
            let late = at > 0 && begun.elapsed() >= FLEET_PREVIEW_BEGIN_MAX;
            let Some((node, part)) = nodes.get(at).filter(|_| !late) else {
                return;
            };
            *turn = at + 1;
            drop(turn);
            let told = ask(app, choice, node, part, begun);
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.insert(at, told);
        }
    };
    std::thread::scope(|scope| {
        // The caller has a place already; others as far as there are any.
        for _ in 1..nodes.len() {
            let Ok(place) = app.major_tom.pool.enter(Duration::ZERO) else {
                break;
            };
            let work = &work;
            let thread = std::thread::Builder::new().name("preview".into());
            let started = thread.spawn_scoped(scope, move || {
                work();
                drop(place);
            });
            if started.is_err() {
                break;
            }
        }
        work();
    });
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.into_values().collect()
}

/// What one node says, as it is told.
fn ask(app: &App, choice: &Choice, node: &Candidate, part: &Taken, begun: Instant) -> Value {
    let (state, mut preview, error, left_out) = match dry_run(app, choice, node, part, begun) {
        Ok(Ok(preview)) => {
            let state = match (&preview.refused, preview.nothing) {
                (Some(_), _) => "refused",
                (None, true) => "nothing",
                (None, false) => "ready",
            };
            (state, preview, None, None)
        }
        Ok(Err(left_out)) => ("left_out", Preview::default(), None, Some(left_out)),
        Err(fault) => (
            "failed",
            Preview::default(),
            Some(JobError::from(&fault)),
            None,
        ),
    };
    let (counts, plan) = (preview.counts(), preflight::digest(&preview));
    let all = [
        &mut preview.upgraded,
        &mut preview.installed,
        &mut preview.downgraded,
    ];
    let mut more = false;
    for list in all {
        // What is for security is seen first, and never cut off before the rest.
        list.sort_by_key(|upgrade: &Upgrade| upgrade.security != Some(true));
        more |= list.len() > FLEET_PREVIEW_CHANGES_MAX;
        list.truncate(FLEET_PREVIEW_CHANGES_MAX);
    }
    json!({
        "node": node.node,
        "name": node.name,
        "action": part.action.name(),
        "state": state,
        "counts": counts,
        "upgraded": preview.upgraded,
        "installed": preview.installed,
        "removed": preview.removed,
        "downgraded": preview.downgraded,
        "kept_back": preview.kept_back,
        "more": more,
        "download_bytes": preview.download_bytes,
        "disk_bytes": preview.disk_bytes,
        "restarts": preview.restarts,
        "refused": preview.refused,
        "error": error,
        "left_out": left_out,
        "warnings": part.warnings,
        "plan": (state == "ready").then_some(plan),
    })
}

fn dry_run(
    app: &App,
    choice: &Choice,
    node: &Candidate,
    part: &Taken,
    begun: Instant,
) -> Result<Result<Preview, LeftOut>, Fault> {
    let given = Given::default();
    let mut link = NodeLink::new(&app.work, node.node, &given);
    let left = || FLEET_PREVIEW_TIME_MAX.saturating_sub(begun.elapsed());
    let facts = node_query::survey_within(&mut link, left())?;
    schedule::keep(&app.work, node.node, &facts);
    if let Some(left_out) = needs_repair(node.node, &node.name, &facts) {
        return Ok(Err(left_out));
    }
    let Some(manager) = facts.manager else {
        return Ok(Ok(Preview::of_nothing()));
    };
    let (names, security) = (&choice.packages, choice.security);
    let wish = PackageRequest::upgrade(manager, part.action, names, security, &facts);
    let wish = match wish {
        Ok(Some(wish)) => wish,
        Ok(None) => return Ok(Ok(preflight::nothing(&facts))),
        Err(refused) => return Ok(Ok(Preview::of_refusal(refused))),
    };
    let mut preview = node_query::preview_within(&mut link, &wish, &facts, left())?;
    if !left().is_zero() {
        node_query::restarts(&mut link, &wish, &mut preview, left())?;
    }
    Ok(Ok(preview))
}
