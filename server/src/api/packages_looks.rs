//! POST /api/packages/refresh: looks for updates on many nodes, as one job.

use serde::Deserialize;
use serde_json::json;

use super::deploy::{submit_for_many, unknown_node};
use super::{Context, body};
use crate::access::Need;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::jobs::limits::GROUP_NODES_MAX;
use crate::jobs::{Intent, PackageOrder};
use crate::packages::request::Action;
use stardust_model::intent::{Share, Size};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LooksBody {
    /// All that can be looked at.
    nodes: Option<Vec<i64>>,
}

pub fn refresh(context: &Context<'_>) -> Result<Response, Error> {
    let body: LooksBody = body::json(context.request, r#"{}, or {"nodes": [1, 2, 3]}."#)?;
    let app = context.app;
    let known = app.store.nodes_with_credentials()?;
    let seen = known.iter().copied().filter(|node| context.sees(*node));
    let wanted = body.nodes.unwrap_or_else(|| seen.collect());
    let (mut nodes, mut left_out) = (Vec::new(), Vec::new());
    for id in wanted {
        context.may(Need::Operate, id)?;
        let name = app.fleet.name(id).ok_or_else(|| unknown_node(id))?;
        let stored = app.vault.get(id)?;
        let why = match &stored {
            None => Some("It is not known how it is reached over SSH."),
            Some(stored) => {
                let jump = stored.jump.as_ref().is_none_or(|jump| jump.auth.is_some());
                (stored.node.auth.is_none() || !jump)
                    .then_some("Its credentials are not kept: they are asked for each time.")
            }
        };
        match why {
            Some(why) => left_out.push(json!({"node": id, "name": name, "why": why})),
            None if nodes.contains(&id) => {}
            None => nodes.push(id),
        }
    }
    if nodes.is_empty() || nodes.len() > GROUP_NODES_MAX {
        return Err(Error::new(
            Kind::Conflict,
            match nodes.len() {
                0 => "There is no node that could be looked at.".to_owned(),
                many => format!("{many} nodes are too many for one job."),
            },
            "Nodes are looked at over SSH, with credentials that are kept for them.",
        ));
    }
    let order = PackageOrder {
        action: Action::Refresh.name().to_owned(),
        ..PackageOrder::default()
    };
    let intent = Intent::PackagesFleet {
        nodes,
        order,
        // Nothing is changed, so nobody has to go first.
        waves: vec![Size::Share(Share::Rest)],
        plans: Vec::new(),
        left_out: Vec::new(),
    };
    let job = submit_for_many(context, intent)?;
    let body = json!({"job": job.view(), "left_out": left_out});
    Ok(Response::json(202, &body).header("Location", format!("/api/jobs/{}", job.id)))
}
