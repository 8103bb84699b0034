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
        }
    }

    /// Of a node whose latest sample is of `time_ms`; `name` is its label.
    pub fn put(&self, text: &mut Text, name: &str, node: &Exported, time_ms: i64) {
        text.line(self.time, &[name], time_ms, 1_000);
        if let Some(version) = &node.spider_version {
            let version = format!(",version=\"{}\"", Escaped(version));
            text.line(self.build, &[name, &version], 1, 1);
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

/// Of Spiders that don't say it: by how long the machine was up at that sample.
fn boot_time_s(node: &Exported, time_ms: i64) -> Option<i64> {
    let (layout, values, _) = node.latest.as_ref()?;
    let at = layout
        .series()
        .iter()
        .position(|series| &*series.key == "system.uptime_ms")?;
    let value = *values.get(at)?;
    let up_ms = value.checked_mul(i64::from(layout.series()[at].scale))?;
    (value != stardust_shared::ABSENT).then(|| (time_ms.saturating_sub(up_ms) + 500) / 1_000)
}
