//! Ground Control as a service of a real systemd, with the unit of the repository.

use std::path::Path;

use crate::common::eventually;
use crate::host::{Host, Kind};

#[test]
#[ignore = "boots a host: needs root, systemd-nspawn and mmdebstrap"]
fn the_unit_runs_it_hardened_and_stops_it_in_order() {
    let binary = Path::new(env!("CARGO_BIN_EXE_stardust-server"));
    let folder = binary.parent().unwrap().display();
    let host = Host::boot_with(Kind::Debian, &[&format!("bind={folder}:/opt")]);
    let unit = include_str!("../../systemd/stardust-server.service");
    let unit_path = "etc/systemd/system/stardust-server.service";
    std::fs::write(host.root().join(unit_path), unit).unwrap();
    host.shell(
        "ln -s /opt/stardust-server /usr/local/bin/stardust-server
         mkdir -p /etc/stardust && umask 077
         printf 'STARDUST_SECRET=%s\\nSTARDUST_ADMIN_PASS=%s\\n' \
             ground-control-to-major-tom commencing-countdown > /etc/stardust/server.env
         systemctl daemon-reload && systemctl start stardust-server",
    );
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
