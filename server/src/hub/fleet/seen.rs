//! What of the fleet may be seen, by whom.

use std::collections::HashSet;

use stardust_model::access::{Principal, Scope};

use super::Fleet;
use crate::hub::Status;
use crate::hub::node::Node;
use crate::hub::view::{Exported, NodeChange, NodeView};

impl Fleet {
    pub fn name(&self, id: i64) -> Option<String> {
        Some(self.lock().nodes.get(id)?.name().to_owned())
    }

    pub fn status(&self, id: i64) -> Option<Status> {
        Some(self.lock().nodes.get(id)?.status())
    }

    pub fn tags(&self, id: i64) -> Option<Vec<String>> {
        Some(self.lock().nodes.get(id)?.tags().to_vec())
    }

    /// Whether there is such a node, and `principal` may know of it.
    pub fn sees(&self, principal: &Principal, id: i64) -> bool {
        let inner = self.lock();
        let node = inner.nodes.get(id);
        node.is_some_and(|node| principal.sees(node.tags()))
    }

    /// Numbers of the nodes that can be seen from `scope`.
    pub fn seen(&self, scope: &Scope) -> HashSet<i64> {
        let inner = self.lock();
        let seen = |(id, node): (i64, &Node)| scope.sees(node.tags()).then_some(id);
        inner.nodes.range(..).filter_map(seen).collect()
    }

    /// The node as `by` may see it: whoever may not know of it gets nothing.
    pub fn view(&self, by: &Principal, id: i64) -> Option<NodeView> {
        let inner = self.lock();
        let node = inner.nodes.get(id)?;
        by.sees(node.tags()).then(|| node.view())
    }

    /// Nodes that `by` may see in order of their id, from the first one above `after`.
    pub fn views(&self, by: &Principal, after: i64, limit: usize) -> Vec<NodeView> {
        let inner = self.lock();
        inner
            .nodes
            .range(after.saturating_add(1)..)
            .filter(|(_, node)| by.sees(node.tags()))
            .take(limit)
            .map(|(_, n)| n.view())
            .collect()
    }

    /// Nodes that `by` may see with their latest samples, from the first one above `after`.
    pub fn export(&self, by: &Principal, after: i64, limit: usize) -> Vec<Exported> {
        let inner = self.lock();
        let nodes = inner
            .nodes
            .range(after.saturating_add(1)..)
            .filter(|(_, node)| by.sees(node.tags()))
            .take(limit);
        nodes.map(|(_, node)| node.export()).collect()
    }

    /// A node as a change of everything, if it can be seen from `scope`.
    pub fn whole(&self, scope: &Scope, id: i64) -> Option<NodeChange> {
        let inner = self.lock();
        let node = inner.nodes.get(id)?;
        scope.sees(node.tags()).then(|| node.whole())
    }
}
