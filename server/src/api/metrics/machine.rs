//! What node_exporter says of a machine besides its samples: its clock, its start and
//! what `uname` answers. Pure. Dashboards find machines by these.

use stardust_shared::Kind;

use super::names::Escaped;
use super::text::Text;
use crate::hub::Exported;

/// The families, so that nodes need not look for them.
pub struct Families {
    time: usize,
    boot: usize,
    uname: usize,
    build: usize,
    established: usize,
}

impl Families {
    pub fn new(text: &mut Text) -> Self {
        let mut gauge = |name: &str, help: &str| text.family(name, Kind::Gauge, help);
        Self {
            time: gauge(
                "node_time_seconds",
                "Time of the machine's clock at its latest sample, since 1970.",
            ),
            boot: gauge(
                "node_boot_time_seconds",
                "When the machine was started, since 1970.",
            ),
            uname: gauge("node_uname_info", "What uname says of the machine."),
            build: gauge(
                "node_exporter_build_info",
                "The version of the Spider that takes the samples.",
            ),
            established: gauge(
                "node_netstat_Tcp_CurrEstab",
                "TCP connections that are established, or that the other end has closed.",
            ),
        }
    }

    /// Of a node whose latest sample is of `time_ms`; `name` is its label.
    pub fn put(&self, text: &mut Text, name: &str, node: &Exported, time_ms: i64) {
        text.line(self.time, &[name], time_ms, 1_000);
        if let Some(version) = &node.spider_version {
            let version = format!(",version=\"{}\"", Escaped(version));
            text.line(self.build, &[name, &version], 1, 1);
        }
        if let Some(established) = value(node, ESTABLISHED) {
            // As RFC 1213 has it. Kernels before 6.10 leave out what waits to be closed.
            let waits = value(node, CLOSE_WAIT).unwrap_or_default();
            let both = established.saturating_add(waits);
            text.line(self.established, &[name], both, 1);
        }
        let Some(identity) = &node.identity else {
            return;
        };
        let said = identity.boot_time_s.and_then(|s| i64::try_from(s).ok());
        if let Some(boot_s) = said.or_else(|| boot_time_s(node, time_ms)) {
            text.line(self.boot, &[name], boot_s, 1);
        }
        // The kernel's own words where nothing is set are "(none)".
        let labels = [
            ("domainname", identity.domainname.as_deref()),
            ("machine", identity.arch.as_deref()),
            ("nodename", identity.hostname.as_deref()),
            ("release", identity.kernel.as_deref()),
            ("sysname", Some("Linux")),
            ("version", identity.kernel_version.as_deref()),
        ];
        let labels = labels
            .map(|(label, value)| format!(",{label}=\"{}\"", Escaped(value.unwrap_or_default())));
        text.line(self.uname, &[name, &labels.concat()], 1, 1);
    }
}

const ESTABLISHED: &str = "tcp.connections{state=established}";
const CLOSE_WAIT: &str = "tcp.connections{state=close_wait}";

/// Of Spiders that don't say it: by how long the machine was up at that sample.
fn boot_time_s(node: &Exported, time_ms: i64) -> Option<i64> {
    let up_ms = value(node, "system.uptime_ms")?;
    Some((time_ms.saturating_sub(up_ms) + 500) / 1_000)
}

/// What the latest sample says of one series.
fn value(node: &Exported, key: &str) -> Option<i64> {
    let (layout, values, _) = node.latest.as_ref()?;
    let at = layout.series().iter().position(|one| &*one.key == key)?;
    let value = *values.get(at)?;
    let real = value.checked_mul(i64::from(layout.series()[at].scale))?;
    (value != stardust_shared::ABSENT).then_some(real)
}
