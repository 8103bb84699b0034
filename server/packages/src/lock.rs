//! Who holds a manager, by what it and others print.

use super::model::{Lock, Refused};
use super::text::{field, number};

/// Reads one line; None when it speaks of no lock.
pub fn holder(line: &str) -> Option<Lock> {
    let line = line.trim();
    let of = |rest: &str| {
        let pid = number(rest);
        let process = rest
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map(|(name, _)| field(name))
            .filter(|name| !name.is_empty());
        Some(Lock {
            pid,
            process,
            stale: false,
        })
    };
    // apt, dpkg: `It is held by process 328 (apt-get)`
    if let Some((_, rest)) = line.split_once("held by process ") {
        return of(rest);
    }
    // zypper: `locked by the application with pid 1218 (zypper).`
    if let Some((_, rest)) = line.split_once("locked by the application with pid ") {
        return of(rest);
    }
    // dnf: `Waiting for process with pid 740 to finish.`
    if let Some((_, rest)) = line.split_once("Waiting for process with pid ") {
        return Some(Lock {
            pid: number(rest),
            ..Lock::default()
        });
    }
    // dnf: `RPMDB already locked by 800`, yum: `Another app is currently holding the yum lock`
    if let Some((_, rest)) = line.split_once("already locked by ") {
        return Some(Lock {
            pid: number(rest),
            ..Lock::default()
        });
    }
    // dnf 4 and yum: `The application with PID 800 is: dnf`
    if let Some(rest) = line.strip_prefix("The application with PID ") {
        let (pid, process) = rest.split_once(" is: ")?;
        return Some(Lock {
            pid: number(pid),
            process: Some(field(process)).filter(|name| !name.is_empty()),
            stale: false,
        });
    }
    const UNNAMED: [&str; 7] = [
        "Could not get lock ",
        "Unable to acquire the dpkg frontend lock",
        "unable to lock database",
        "Unable to lock database",
        "Could not lock /var/lock/opkg.lock",
        "currently holding the yum lock",
        "Waiting for a lock on the system repository",
    ];
    let told = UNNAMED.iter().any(|words| line.contains(words));
    (told && !line.contains("Permission denied")).then(Lock::default)
}

/// What the script of a job says while it waits: `Waiting for dnf (process 740), which …`
pub fn waited_for(line: &str) -> Option<Lock> {
    let (name, rest) = line
        .strip_prefix("Waiting for ")?
        .rsplit_once(" (process ")?;
    let (pid, _) = rest.split_once("), which uses the package manager.")?;
    Some(Lock {
        pid: pid.parse().ok(),
        process: Some(field(name)),
        stale: false,
    })
}

/// Why nothing is done while it is held.
pub fn refused(lock: &Lock) -> Refused {
    Refused::new(
        "locked",
        format!("The package manager is in use by {}.", who(lock)),
        "Wait for it to end; a job waits by itself.",
    )
}

pub fn who(lock: &Lock) -> String {
    match (&lock.process, lock.pid) {
        (Some(process), Some(pid)) => format!("{process} (process {pid})"),
        (Some(process), None) => process.clone(),
        (None, Some(pid)) => format!("process {pid}"),
        (None, None) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::golden::sample;

    #[test]
    fn a_job_says_whom_it_waits_for() {
        let line = "Waiting for tmux: (process (process 740), which uses the package manager.";
        let lock = waited_for(line).unwrap();
        assert_eq!(who(&lock), "tmux: (process (process 740)");
        assert_eq!(
            waited_for("Waiting for process with pid 740 to finish."),
            None
        );
    }

    #[test]
    fn each_manager_names_its_holder() {
        for (name, pid, process) in [
            ("apt-lock-upgrade", Some(328), Some("apt-get")),
            ("apt-lock-update", Some(388), Some("perl")),
            ("apt-lock-timeout", Some(328), Some("apt-get")),
            ("dnf-lock", Some(740), None),
            ("dnf-lock-exit-on-lock", Some(800), None),
            ("dnf5-lock", None, None),
            ("zypper-lock", Some(1218), Some("zypper")),
            ("pacman-lock", None, None),
            ("apk-lock", None, None),
            ("opkg-lock", None, None),
        ] {
            let text = sample(name);
            let lock = super::super::text::lines(&text).find_map(holder);
            let lock = lock.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (lock.pid, lock.process.as_deref()),
                (pid, process),
                "{name}"
            );
        }
        for name in [
            "apk-nonroot",
            "apt-nonroot-update",
            "apt-upgrade",
            "pacman-Syu",
        ] {
            let text = sample(name);
            assert!(
                super::super::text::lines(&text).find_map(holder).is_none(),
                "{name}"
            );
        }
    }
}
