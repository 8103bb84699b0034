//! The text messages: `hello` from the Spider, everything from the server.

use serde::{Deserialize, Serialize};

use crate::WireError;
use crate::limits::{CONTROL_BYTES_MAX, HELLO_BYTES_MAX, IDENTITY_FIELD_BYTES_MAX};
use crate::series::cut_at;

/// Who the machine is. Read once; what is not known is absent.
///
/// Every string comes from the node and is hostile until shown as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Human name of the OS (`PRETTY_NAME` of os-release).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// `ID` of os-release, for example `debian`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// `uname -v`: which build of that release it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<String>,
    /// The NIS domain; the kernel says `(none)` where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// `uname -m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_total_bytes: Option<u64>,
    /// apt, dnf, yum, pacman, apk, zypper, opkg, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_manager: Option<String>,
    /// systemd, openrc, procd, sysvinit, busybox, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// kvm, vmware, xen, microsoft, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtualization: Option<String>,
    /// docker, lxc, podman, systemd-nspawn, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Board model where the device tree names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// When the machine was started by its own clock, in seconds since 1970
    /// (`btime` of /proc/stat).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_time_s: Option<u64>,
}

impl Identity {
    /// Cuts every text to [`IDENTITY_FIELD_BYTES_MAX`] and drops control characters.
    pub fn bounded(mut self) -> Self {
        for field in [
            &mut self.hostname,
            &mut self.os,
            &mut self.os_id,
            &mut self.kernel,
            &mut self.kernel_version,
            &mut self.domainname,
            &mut self.arch,
            &mut self.cpu_model,
            &mut self.package_manager,
            &mut self.init,
            &mut self.virtualization,
            &mut self.container,
            &mut self.board,
            &mut self.boot_id,
        ] {
            if let Some(text) = field {
                text.retain(|c| !c.is_control());
                let keep = cut_at(text, IDENTITY_FIELD_BYTES_MAX).len();
                text.truncate(keep);
                if text.trim().is_empty() {
                    *field = None;
                }
            }
        }
        self
    }
}

/// First message of a Spider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Major version of the protocol, [`crate::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// The Spider's own version.
    pub version: String,
    /// Random per run of the Spider: sequences count within it. 1 to 64 bytes.
    pub run: String,
    /// The kernel's boot id; empty when it can't be read.
    #[serde(default)]
    pub boot_id: String,
    /// Oldest and newest sequence in the ring; both 0 when it is empty.
    #[serde(default)]
    pub oldest_seq: u64,
    #[serde(default)]
    pub newest_seq: u64,
    #[serde(default)]
    pub interval_ms: u64,
    /// Why the Spider could not deliver until now, when it knows: `server_down`
    /// or `link_down`. The cause of what fell out of the ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<String>,
    /// What the machine's own clock says, whatever samples are stamped with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<i64>,
    #[serde(default)]
    pub identity: Identity,
}

impl Hello {
    pub const KIND: &'static str = "hello";

    pub fn encode(&self) -> String {
        // Strings, integers and options: serialising them can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn decode(text: &str) -> Result<Self, WireError> {
        if text.len() > HELLO_BYTES_MAX {
            return Err(WireError::OutOfRange("hello size"));
        }
        let mut hello: Self = serde_json::from_str(text).map_err(|_| WireError::BadJson)?;
        if hello.kind != Self::KIND {
            return Err(WireError::BadJson);
        }
        if hello.run.is_empty() || hello.run.len() > 64 {
            return Err(WireError::OutOfRange("run id length"));
        }
        if hello.boot_id.len() > 64 {
            return Err(WireError::OutOfRange("boot id length"));
        }
        if hello.version.len() > 64 {
            return Err(WireError::OutOfRange("version length"));
        }
        if hello.oldest_seq > hello.newest_seq {
            return Err(WireError::OutOfRange("ring bounds"));
        }
        hello.identity = hello.identity.bounded();
        Ok(hello)
    }
}

/// Any text message of the server. Unknown kinds and fields are skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Control {
    /// `welcome`, `ack` or `interval`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ack`: durable up to here. `welcome`: resume after here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// `welcome`, `interval`: sampling interval to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// `welcome`: the server's wall clock, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// `welcome`: a layout may be told as the difference to the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout_changes: Option<bool>,
}

impl Control {
    pub const WELCOME: &'static str = "welcome";
    pub const ACK: &'static str = "ack";
    pub const INTERVAL: &'static str = "interval";

    pub fn welcome(durable_seq: u64, time_ms: i64, interval_ms: Option<u64>) -> Self {
        Self {
            kind: Self::WELCOME.into(),
            seq: Some(durable_seq),
            interval_ms,
            time_ms: Some(time_ms),
            layout_changes: Some(true),
        }
    }

    pub fn ack(seq: u64) -> Self {
        Self {
            kind: Self::ACK.into(),
            seq: Some(seq),
            ..Self::default()
        }
    }

    pub fn interval(interval_ms: u64) -> Self {
        Self {
            kind: Self::INTERVAL.into(),
            interval_ms: Some(interval_ms),
            ..Self::default()
        }
    }

    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn decode(text: &str) -> Result<Self, WireError> {
        if text.len() > CONTROL_BYTES_MAX {
            return Err(WireError::OutOfRange("control message size"));
        }
        serde_json::from_str(text).map_err(|_| WireError::BadJson)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            kind: Hello::KIND.into(),
            protocol: 1,
            version: "0.1.0".into(),
            run: "a1".into(),
            boot_id: "b".into(),
            oldest_seq: 3,
            newest_seq: 9,
            interval_ms: 1000,
            outage: Some("link_down".into()),
            clock_ms: Some(1_790_000_000_000),
            identity: Identity {
                hostname: Some("pi".into()),
                cores: Some(4),
                ..Default::default()
            },
        }
    }

    #[test]
    fn messages_come_back() {
        assert_eq!(Hello::decode(&hello().encode()), Ok(hello()));
        for control in [
            Control::welcome(7, 1_700_000_000_000, Some(1000)),
            Control::ack(9),
            Control::interval(200),
        ] {
            assert_eq!(Control::decode(&control.encode()), Ok(control));
        }
        assert_eq!(Control::ack(9).encode(), r#"{"type":"ack","seq":9}"#);
    }

    #[test]
    fn unknown_kinds_and_fields_are_skipped() {
        let control = Control::decode(r#"{"type":"dance","steps":[1,2],"seq":4}"#).unwrap();
        assert_eq!((control.kind.as_str(), control.seq), ("dance", Some(4)));
        let text = hello().encode().replacen('{', r#"{"future":{"a":1},"#, 1);
        assert_eq!(Hello::decode(&text), Ok(hello()));
    }

    #[test]
    fn hostile_hellos_are_refused() {
        let refuse = |change: &dyn Fn(&mut Hello)| {
            let mut hello = hello();
            change(&mut hello);
            Hello::decode(&hello.encode()).unwrap_err()
        };
        assert_eq!(
            refuse(&|h| h.run = String::new()),
            WireError::OutOfRange("run id length")
        );
        assert_eq!(
            refuse(&|h| h.run = "x".repeat(65)),
            WireError::OutOfRange("run id length")
        );
        assert_eq!(
            refuse(&|h| h.oldest_seq = 10),
            WireError::OutOfRange("ring bounds")
        );
        assert_eq!(refuse(&|h| h.kind = "welcome".into()), WireError::BadJson);
        assert_eq!(
            refuse(&|h| h.version = "v".repeat(HELLO_BYTES_MAX)),
            WireError::OutOfRange("hello size")
        );
        assert_eq!(Hello::decode("{"), Err(WireError::BadJson));
        assert_eq!(Hello::decode(&"[".repeat(4000)), Err(WireError::BadJson));
    }

    #[test]
    fn identity_texts_are_cut_and_cleaned() {
        let identity = Identity {
            hostname: Some("a\u{1b}[31m\n".into()),
            os: Some("é".repeat(300)),
            board: Some("\0".into()),
            ..Default::default()
        }
        .bounded();
        assert_eq!(identity.hostname.as_deref(), Some("a[31m"));
        assert_eq!(identity.os.unwrap().len(), IDENTITY_FIELD_BYTES_MAX);
        assert_eq!(identity.board, None);
    }
}
