//! The files of an installation: service definitions and configuration. Pure.

use super::installation::{Installation, Method};
use crate::secret::Secret;

/// What the Spider may use at most; it needs a tenth of it.
const LIMITS: &str = "MemoryMax=32M\nCPUQuota=20%\nTasksMax=16\n";

/// sysvinit starts things and looks after none of them: a shell does.
const SYSVINIT: &str = include_str!("scripts/sysvinit.init");

/// The service definition for the node's init system.
pub fn unit(place: &Installation) -> String {
    let (bin, config) = (&place.bin, place.config());
    match place.method {
        Method::Systemd => format!(
            "[Unit]
Description=Stardust Spider: sends what this machine measures to Ground Control
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=600
StartLimitBurst=60

[Service]
ExecStart={bin} --config {config}
User={user}
Restart=always
RestartSec=5
{LIMITS}UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
",
            user = place.user
        ),
        Method::SystemdUser => format!(
            "[Unit]
Description=Stardust Spider: sends what this machine measures to Ground Control
StartLimitIntervalSec=600
StartLimitBurst=60

[Service]
ExecStart={bin} --config {config}
Restart=always
RestartSec=5
{LIMITS}UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"
        ),
        Method::Openrc => format!(
            "#!/sbin/openrc-run
# Stardust Spider: sends what this machine measures to Ground Control

name=\"Stardust Spider\"
supervisor=supervise-daemon
command={bin}
command_args=\"--config {config}\"
command_user={user}:{user}
output_log=/var/log/stardust-spider.log
error_log=/var/log/stardust-spider.log
respawn_delay=5
respawn_max=60
respawn_period=600

depend() {{
	use net logger
	after clock
}}

start_pre() {{
	checkpath -f -m 0640 -o {user}:{user} /var/log/stardust-spider.log
}}
",
            user = place.user
        ),
        Method::Sysvinit => SYSVINIT
            .replace("@BIN@", bin)
            .replace("@CONFIG@", &config)
            .replace("@USER@", &place.user),
        Method::Runit => format!(
            "#!/bin/sh
# Stardust Spider: sends what this machine measures to Ground Control
exec 2>&1
exec chpst -u {user}:{user} {bin} --config {config}
",
            user = place.user
        ),
        Method::Procd => format!(
            "#!/bin/sh /etc/rc.common
# Stardust Spider: sends what this machine measures to Ground Control

START=95
STOP=05
USE_PROCD=1

start_service() {{
	procd_open_instance
	procd_set_param command {bin} --config {config}
	procd_set_param user {user}
	procd_set_param respawn 600 5 60
	procd_set_param stdout 1
	procd_set_param stderr 1
	procd_set_param no_new_privs 1
	procd_close_instance
}}
",
            user = place.user
        ),
    }
}

/// The Spider's configuration. It holds the token, so it is a secret as a whole.
pub fn config(server_url: &str, pin: Option<&str>, token: &Secret) -> Secret {
    let pin = pin.map(|pin| format!("pin = {pin}\n")).unwrap_or_default();
    Secret::new(format!(
        "# Written by Ground Control.\nserver = {server_url}\n{pin}token = {}\n",
        token.expose()
    ))
}
