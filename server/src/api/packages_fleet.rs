//! Packages across the fleet: what waits where, and upgrades in waves.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::deploy::answer;
use super::{Context, body};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::jobs::limits::GROUP_NODES_MAX;
use crate::jobs::waves::{SIZES_DEFAULT, Size, WAVES_MAX};
use crate::jobs::{Given, Intent, Order, PackageOrder};
use crate::packages::wish::{Action, Wish};

/// Packages in one answer; those of the most nodes come first.
const PACKAGES_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetBody {
    nodes: Vec<i64>,
    #[serde(default)]
    full: bool,
    #[serde(default)]
    packages: Vec<String>,
    waves: Option<Vec<Size>>,
    wait_s: Option<u32>,
}

/// GET /api/packages
pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let records = context.app.store.all_package_facts()?;
    let mut nodes = Vec::new();
    let mut packages: BTreeMap<String, (Option<bool>, Vec<Value>)> = BTreeMap::new();
    let (mut upgradable_nodes, mut upgrades, mut security_nodes, mut security, mut reboot) =
        (0, 0, 0, 0, 0);
    let mut after = 0;
    loop {
        let views = context.app.fleet.views(after, 500);
        let Some(last) = views.last() else { break };
        after = last.id;
        for view in views {
            let found = records.iter().find(|record| record.node == view.id);
            if found.is_none() && !view.managed {
                continue;
            }
            let record = found.cloned().unwrap_or_default();
            let facts = record.facts.unwrap_or_default();
            let counts = facts.counts();
            upgradable_nodes += usize::from(counts.upgradable > 0);
            upgrades += counts.upgradable;
            let urgent = counts.security.unwrap_or(0);
            security_nodes += usize::from(urgent > 0);
            security += urgent;
            reboot += usize::from(facts.reboot_required.required == Some(true));
            for upgrade in &facts.upgradable {
                let entry = packages
                    .entry(upgrade.name.clone())
                    .or_insert((None, Vec::new()));
                entry.0 = entry.0.max(upgrade.security);
                entry.1.push(json!({
                    "node": view.id,
                    "installed": upgrade.installed,
                    "new": upgrade.new,
                    "held": upgrade.held,
                }));
            }
            let job = context.app.jobs.active_of_node(view.id).map(|job| job.id);
            nodes.push(json!({
                "node": view.id,
                "name": view.name,
                "manager": facts.manager,
                "as_of_ms": record.as_of_ms,
                "upgradable": counts.upgradable,
                "security": counts.security,
                "held": counts.held,
                "reboot_required": facts.reboot_required.required,
                "services": facts.services.len(),
                "repair": facts.repair.len(),
                "error": record.error,
                "job": job,
            }));
        }
    }
    let mut packages: Vec<_> = packages.into_iter().collect();
    packages.sort_by(|(a, (_, a_nodes)), (b, (_, b_nodes))| {
        b_nodes.len().cmp(&a_nodes.len()).then_with(|| a.cmp(b))
    });
    let more = packages.len() > PACKAGES_MAX;
    packages.truncate(PACKAGES_MAX);
    let packages: Vec<Value> = packages
        .into_iter()
        .map(
            |(name, (security, nodes))| json!({"name": name, "security": security, "nodes": nodes}),
        )
        .collect();
    let counts = json!({
        "nodes": nodes.len(),
        "upgradable_nodes": upgradable_nodes,
        "upgrades": upgrades,
        "security_nodes": security_nodes,
        "security": security,
        "reboot": reboot,
    });
    Ok(Response::json(
        200,
        &json!({
            "nodes": nodes,
            "packages": packages,
            "more": more,
            "counts": counts,
            "rules": crate::jobs::health::RULES,
        }),
    ))
}

/// POST /api/packages/upgrade: many nodes, in waves.
pub fn upgrade(context: &Context<'_>) -> Result<Response, Error> {
    let body: FleetBody = body::json(context.request, r#"{"nodes": [1, 2, 3]}."#)?;
    let mut nodes = body.nodes;
    nodes.sort_unstable();
    nodes.dedup();
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
    let action = if body.full {
        Action::FullUpgrade
    } else {
        Action::Upgrade
    };
    if body.full && !body.packages.is_empty() {
        return Err(Error::invalid(
            "A full upgrade takes no packages.",
            "Leave \"packages\" out, or \"full\".",
        ));
    }
    let records = context.app.store.all_package_facts()?;
    for &id in &nodes {
        let Some(view) = context.app.fleet.view(id) else {
            return Err(Error::new(
                Kind::NotFound,
                format!("There is no node {id}."),
                "It may have been removed; GET /api/nodes lists all.",
            ));
        };
        let found = records.iter().find(|record| record.node == id);
        let manager = found.and_then(|record| record.facts.as_ref()?.manager);
        let Some(manager) = manager else {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "It is not known yet how {} manages its packages.",
                    view.name
                ),
                "POST /api/nodes/:id/packages/refresh finds out.",
            ));
        };
        Wish::new(manager, action, &body.packages, false, None).map_err(|error| {
            Error::invalid(format!("{}: {}", view.name, error.message), error.hint)
        })?;
    }
    let order = PackageOrder {
        action: action.name().to_owned(),
        packages: body.packages,
        wait_s: super::packages::wait_s(body.wait_s)?,
        ..PackageOrder::default()
    };
    let job = context.app.jobs.submit(Order {
        intent: Intent::PackagesFleet {
            nodes,
            order,
            waves,
        },
        node: None,
        name: String::new(),
        group: None,
        by: context.session()?.user.clone(),
        given: Given::default(),
    })?;
    answer(&job)
}
