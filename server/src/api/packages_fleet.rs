//! Packages across the fleet: what waits where.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Context;
use crate::error::Error;
use crate::http::Response;

/// Packages in one answer; those of the most nodes come first.
const PACKAGES_MAX: usize = 1000;

/// GET /api/packages
pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let records = context.app.store.all_package_facts()?;
    let mut nodes = Vec::new();
    let mut packages: BTreeMap<String, (Option<bool>, Vec<Value>)> = BTreeMap::new();
    let (mut upgradable_nodes, mut upgrades, mut security_nodes, mut security, mut reboot) =
        (0, 0, 0, 0, 0);
    let mut after = 0;
    loop {
        let views = context.app.fleet.views(&context.principal, after, 500);
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
                "full_upgrade": record.full_upgrade,
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
            "rules": crate::runner::vitals::RULES,
        }),
    ))
}
