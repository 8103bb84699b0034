//! Ground Control as a service of a real systemd, with the unit of the repository.

use std::path::Path;

use crate::common::{Folder, certificates, eventually};
use crate::host::{Host, Kind};

/// A host with the program, the unit of the repository and its secrets in place.
fn prepared() -> Host {
    let binary = Path::new(env!("CARGO_BIN_EXE_stardust-server"));
    let folder = binary.parent().unwrap().display();
    let host = Host::boot_with(Kind::Debian, &[&format!("bind={folder}:/opt")]);
    let unit = include_str!("../../systemd/stardust-server.service");
    let unit_path = "etc/systemd/system/stardust-server.service";
    std::fs::write(host.root().join(unit_path), unit).unwrap();
    host.shell(
        "ln -s /opt/stardust-server /usr/local/bin/stardust-server
         install -d -m 700 /etc/stardust && umask 077
         printf \"STARDUST_SECRET='%s'\\nSTARDUST_ADMIN_PASS='%s'\\n\" \
             ground-control-to-major-tom 'commencing-countdown' > /etc/stardust/server.env",
    );
    host
}

#[test]
#[ignore = "boots a host: needs root, systemd-nspawn and mmdebstrap"]
fn the_unit_hands_in_files_reloads_and_is_watched() {
    let host = prepared();
    let certificate = Folder::new("unit");
    if !certificates(&certificate) {
        return;
    }
    for name in ["tls.crt", "tls.key", "ca.pem"] {
        let bytes = std::fs::read(certificate.join(name)).unwrap();
        std::fs::write(host.root().join("etc/stardust").join(name), bytes).unwrap();
    }
    // What `systemctl edit` writes: another port, which needs a privilege, and files
    // that only root can read.
    host.shell(
        "chmod 600 /etc/stardust/*
         echo the-first-token-of-all > /etc/stardust/metrics-token
         set -a; . /etc/stardust/server.env; set +a
         [ \"$STARDUST_ADMIN_PASS\" = commencing-countdown ]
         mkdir /etc/systemd/system/stardust-server.service.d
         cat > /etc/systemd/system/stardust-server.service.d/override.conf <<END
[Service]
WatchdogSec=3
ExecStart=
ExecStart=/usr/local/bin/stardust-server --db /var/lib/stardust/stardust.db --port 443
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
PrivateUsers=no
LoadCredential=tls.crt:/etc/stardust/tls.crt
LoadCredential=tls.key:/etc/stardust/tls.key
LoadCredential=metrics-token:/etc/stardust/metrics-token
END
         systemctl daemon-reload && systemctl start stardust-server",
    );
    // It was said to be started when it serves, not before.
    let curl = "curl -sf --cacert /etc/stardust/ca.pem https://localhost";
    let health = host.shell(&format!("{curl}/healthz"));
    assert!(health.contains("ends_soon"), "{health}");
    let scrape = format!("{curl}/metrics?only=server -H");
    host.shell(&format!(
        "{scrape} 'Authorization: Bearer the-first-token-of-all'"
    ));

    let pid = || host.shell("systemctl show -P MainPID stardust-server");
    let before = pid();
    host.shell("systemctl reload stardust-server");
    assert_eq!(pid(), before, "a reload is no restart");
    eventually("it says so", || {
        let journal = host.shell("journalctl -u stardust-server -o cat -p info --no-pager");
        journal.contains("read again").then_some(())
    });
    // A line has its priority, and its time once.
    let warnings = host.shell("journalctl -u stardust-server -o cat -p warning --no-pager");
    assert!(
        warnings.starts_with("the TLS certificate ends in"),
        "{warnings}"
    );
    assert!(!warnings.contains("read again"), "{warnings}");

    // One that hangs is started again.
    host.shell("systemctl kill -s STOP stardust-server");
    eventually("another one serves", || {
        let served = host.try_shell(&format!("{curl}/healthz")).status.success();
        (served && pid() != before).then_some(())
    });
    let journal = host.shell("journalctl -u stardust-server --no-pager");
    assert!(journal.to_lowercase().contains("watchdog"), "{journal}");

    // What root does while it is stopped, the service can open.
    let db = "--db /var/lib/stardust/stardust.db";
    host.shell(&format!(
        "stardust-server backup /root/backup.db {db}
         systemctl stop stardust-server
         stardust-server salvage {db}
         stardust-server restore /root/backup.db {db}
         echo 'planet earth is blue' | stardust-server reset-password admin {db}
         systemctl start stardust-server",
    ));
    let login = host.shell(&format!(
        "{curl}/api/auth/login -H 'Content-Type: application/json' \
         -d '{{\"user\":\"admin\",\"password\":\"planet earth is blue\"}}'"
    ));
    assert!(login.contains("\"token\""), "{login}");
}

#[test]
#[ignore = "boots a host: needs root, systemd-nspawn and mmdebstrap"]
fn the_unit_runs_it_hardened_and_stops_it_in_order() {
    let host = prepared();
    host.shell("systemctl daemon-reload && systemctl start stardust-server");
    let healthy = "curl -sf http://127.0.0.1:8933/healthz";
    eventually("it answers", || {
        let output = host.try_shell(healthy);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("\"ok\"").then_some(())
    });
    // Not root, no privileges, and a file system that it can't write to.
    let pid = host.shell("systemctl show -P MainPID stardust-server");
    let status = host.shell(&format!("cat /proc/{}/status", pid.trim()));
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .split_whitespace()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(!field("Uid:").contains(&"0".to_owned()), "{status}");
    assert_eq!(field("CapEff:"), ["0000000000000000"]);
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    assert_eq!(field("Seccomp:"), ["2"]);
    // As many as LimitNOFILE says, or as this machine allows.
    let limits = host.shell(&format!("cat /proc/{}/limits", pid.trim()));
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files = files.and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    assert!(files.is_some_and(|files| files > 4_096), "{limits}");
    // No core with keys in it.
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core = core.map(|line| line.split_whitespace().skip(4).take(2).collect::<Vec<_>>());
    assert_eq!(core, Some(vec!["0", "0"]), "{limits}");
    // The database is its own and nobody else's.
    let mode = host.shell("stat -c %a /var/lib/private/stardust/stardust.db");
    assert_eq!(mode.trim(), "600");
    // A login works, so key derivation and SQLite do within the sandbox.
    let login = host.shell(
        "curl -sf -H 'Content-Type: application/json' \
         -d '{\"user\":\"admin\",\"password\":\"commencing-countdown\"}' \
         http://127.0.0.1:8933/api/auth/login",
    );
    assert!(login.contains("\"token\""), "{login}");

    // Killed, it comes back; stopped, it says so and ends well.
    host.shell("systemctl kill -s KILL stardust-server");
    eventually("it is back", || {
        host.try_shell(healthy).status.success().then_some(())
    });
    host.shell("systemctl stop stardust-server");
    let result = host.shell("systemctl show -P Result stardust-server");
    assert_eq!(result.trim(), "success");
    let journal = host.shell("journalctl -u stardust-server --no-pager");
    assert!(journal.contains("stopping: 0 Spiders"), "{journal}");

    // A wrong secret is said and not tried again and again.
    host.shell("sed -i s/major-tom/nobody-at-all/ /etc/stardust/server.env");
    let _ = host.try_shell("systemctl start stardust-server");
    eventually("it has given up", || {
        let state = host.shell("systemctl show -P ActiveState stardust-server");
        state.contains("failed").then_some(())
    });
    let journal = host.shell("journalctl -u stardust-server --no-pager");
    assert!(journal.contains("STARDUST_SECRET"), "{journal}");
}
