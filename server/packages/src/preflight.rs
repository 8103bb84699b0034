//! Whether what a dry run says may be done at all. Pure.

use super::Manager;
use super::facts::Facts;
use super::limits::{SPACE_RESERVE_BYTES, SPACE_RESERVE_SHARE};
use super::model::{Preview, Refused, Space};
use super::request::{Action, PackageRequest};
use stardust_base::secret::hex;

/// What a node can't be without, where its manager does not know by itself.
fn essential(manager: Manager) -> &'static [&'static str] {
    match manager {
        Manager::Pacman => &[
            "base",
            "filesystem",
            "glibc",
            "pacman",
            "bash",
            "systemd",
            "linux",
        ],
        Manager::Apk => &[
            "alpine-base",
            "alpine-baselayout",
            "apk-tools",
            "base-files",
            "busybox",
            "libc",
            "musl",
            "netifd",
            "procd",
        ],
        Manager::Opkg => &[
            "base-files",
            "busybox",
            "fstools",
            "kernel",
            "libc",
            "netifd",
            "opkg",
            "procd",
            "ubus",
            "uci",
        ],
        Manager::Zypper | Manager::Dnf | Manager::Dnf5 | Manager::Yum => &[
            "aaa_base",
            "bash",
            "coreutils",
            "dnf",
            "dnf5",
            "filesystem",
            "glibc",
            "libzypp",
            "rpm",
            "systemd",
            "yum",
            "zypper",
        ],
        Manager::Apt => &["apt", "dpkg", "init", "systemd-sysv", "libc6"],
    }
}

/// By which Ground Control gets in.
const ACCESS: [&str; 5] = [
    "openssh-server",
    "openssh",
    "dropbear",
    "dropbear-bin",
    "openssh-server-common",
];

/// Fills in what is refused and whether there is room.
pub fn check(request: &PackageRequest, facts: &Facts, preview: &mut Preview) {
    // Most dry runs do not say what is for security; the list of updates does.
    for upgrade in &mut preview.upgraded {
        if upgrade.security.is_none() {
            let known = facts
                .upgradable
                .iter()
                .find(|known| known.name == upgrade.name && known.new == upgrade.new);
            upgrade.security = known.and_then(|known| known.security);
        }
    }
    request.chosen(&mut preview.kept_back);
    for removal in &mut preview.removed {
        removal.essential |= essential(request.manager).contains(&removal.name.as_str());
    }
    if preview.refused.is_some() {
        return;
    }
    preview.nothing = preview.changes() == 0;
    room(facts, preview);
    preview.refused = refused(request, preview).or_else(|| held(request, facts));
    let brings = matches!(
        request.action,
        Action::Upgrade | Action::FullUpgrade | Action::Install
    );
    if brings && preview.nothing && preview.refused.is_none() {
        preview.refused = unfinished(facts);
    }
}

/// The preview of what there is none of.
pub fn nothing(facts: &Facts) -> Preview {
    unfinished(facts).map_or_else(Preview::of_nothing, Preview::of_refusal)
}

/// Why nothing can be done before something was repaired, whatever is wished for.
pub fn blocked(facts: &Facts) -> Option<Refused> {
    let repair = facts.blocked_by()?;
    let why = repair.detail.trim_end_matches('.');
    Some(Refused {
        repair: Some(Box::new(repair.clone())),
        ..Refused::new(
            "repair",
            format!(
                "Before anything else there is something to repair. {why}. {}.",
                repair.title
            ),
            "Do this repair, which is offered for the node, and then start again.",
        )
    })
}

/// What an earlier try has left half-way, where there is nothing else to do: a second
/// try that says no more than that would pass for the whole.
pub fn unfinished(facts: &Facts) -> Option<Refused> {
    let repair = facts.repair.first()?;
    Some(Refused {
        repair: Some(Box::new(repair.clone())),
        ..Refused::new(
            "repair",
            format!(
                "There is nothing to upgrade or install, but something to repair. {}",
                repair.detail
            ),
            format!(
                "Do the repair that is offered for the node: {}.",
                repair.title
            ),
        )
    })
}

/// What is held must be let go of first: asked for by name apt goes on in a dry run
/// and gives up in the real one, and others do nothing.
fn held(request: &PackageRequest, facts: &Facts) -> Option<Refused> {
    let mut held: Vec<&str> = Vec::new();
    if request.action == Action::Upgrade {
        let names = request.packages.iter().map(|spec| spec.name.as_str());
        held.extend(names.filter(|name| facts.held.iter().any(|held| held == name)));
    }
    (!held.is_empty()).then(|| {
        Refused::new(
            "held",
            format!("Held, and so not upgraded: {}.", held.join(", ")),
            "Let them be upgraded again first (unhold), or leave them out.",
        )
    })
}

fn refused(request: &PackageRequest, preview: &Preview) -> Option<Refused> {
    let names = |all: Vec<&str>| all.into_iter().take(10).collect::<Vec<_>>().join(", ");
    let essential: Vec<&str> = preview
        .removed
        .iter()
        .filter(|removal| removal.essential)
        .map(|removal| removal.name.as_str())
        .collect();
    if !essential.is_empty() {
        return Some(Refused::new(
            "essential",
            format!(
                "This would remove what the node can't run without: {}.",
                names(essential)
            ),
            "Choose other packages. Who really means it does it on the node.",
        ));
    }
    let access: Vec<&str> = preview
        .removed
        .iter()
        .map(|removal| removal.name.as_str())
        .filter(|name| ACCESS.contains(name))
        .collect();
    if !access.is_empty() {
        return Some(Refused::new(
            "essential",
            format!(
                "This would remove the SSH server that Ground Control gets in by: {}.",
                names(access)
            ),
            "Choose other packages.",
        ));
    }
    // Some managers take a name that they don't know for a pattern or for an order
    // to do the opposite; what was named must be what is done.
    let missing: Vec<&str> = match request.action {
        Action::Remove => request
            .packages
            .iter()
            .map(|spec| spec.name.as_str())
            .filter(|name| !preview.removed.iter().any(|removal| removal.name == *name))
            .collect(),
        Action::Install if !preview.nothing => {
            let done: Vec<&str> = preview
                .installed
                .iter()
                .chain(&preview.upgraded)
                .chain(&preview.downgraded)
                .map(|upgrade| upgrade.name.as_str())
                .collect();
            let none = !request
                .packages
                .iter()
                .any(|spec| done.contains(&spec.name.as_str()));
            if none {
                request
                    .packages
                    .iter()
                    .map(|spec| spec.name.as_str())
                    .collect()
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    };
    if !missing.is_empty() {
        return Some(Refused::new(
            "not_found",
            format!(
                "{} would not be {}.",
                names(missing),
                if request.action == Action::Remove {
                    "removed: not installed"
                } else {
                    "installed"
                }
            ),
            "Check the names.",
        ));
    }
    let short: Vec<String> = preview
        .space
        .iter()
        .filter(|space| !space.ok)
        .map(|space| {
            format!(
                "{} needs {} and has {}",
                space.path,
                human(space.need_bytes),
                human(space.free_bytes)
            )
        })
        .collect();
    if !short.is_empty() {
        return Some(Refused::new(
            "no_space",
            format!("There is no room for it: {}.", short.join("; ")),
            "Make room first: clean the cache, remove old kernels or packages.",
        ));
    }
    None
}

/// What is fetched lies in the cache while it is unpacked, so both are needed.
fn room(facts: &Facts, preview: &mut Preview) {
    if preview.changes() == preview.removed.len() {
        return;
    }
    let mut needs: Vec<(String, u64, u64, u64)> = Vec::new();
    let mut need = |path: &str, bytes: u64| {
        let Some(disk) = facts.disk(path) else { return };
        match needs.iter_mut().find(|(known, ..)| *known == disk.path) {
            Some((_, needed, ..)) => *needed = needed.saturating_add(bytes),
            None => needs.push((disk.path.clone(), bytes, disk.free_bytes, disk.total_bytes)),
        }
    };
    let cache = match facts.manager {
        // Fetched into memory.
        Some(Manager::Opkg) => "/tmp",
        _ => "/var/cache",
    };
    if let Some(bytes) = preview.download_bytes {
        need(cache, bytes);
    }
    let root = if facts
        .disk("/overlay")
        .is_some_and(|disk| disk.path == "/overlay")
    {
        "/overlay"
    } else {
        "/usr"
    };
    if let Some(bytes) = preview.disk_bytes {
        need(root, u64::try_from(bytes).unwrap_or(0));
    }
    let kernel = preview
        .installed
        .iter()
        .chain(&preview.upgraded)
        .any(|upgrade| is_kernel(&upgrade.name));
    if kernel && facts.disk("/boot").is_some_and(|disk| disk.path == "/boot") {
        need("/boot", facts.boot_need_bytes);
    }
    preview.space = needs
        .into_iter()
        .map(|(path, need_bytes, free_bytes, total_bytes)| {
            let reserve = SPACE_RESERVE_BYTES.min(total_bytes / SPACE_RESERVE_SHARE);
            Space {
                ok: need_bytes == 0 || need_bytes.saturating_add(reserve) <= free_bytes,
                path,
                need_bytes,
                free_bytes,
            }
        })
        .collect();
}

fn is_kernel(name: &str) -> bool {
    [
        "linux-image-",
        "kernel-core",
        "kernel-default",
        "linux-lts",
        "linux-zen",
    ]
    .iter()
    .any(|start| name.starts_with(start))
        || name == "linux"
        || name == "kernel"
}

fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// What would be done, in one word that changes when the plan does.
pub fn digest(preview: &Preview) -> String {
    use sha2::{Digest, Sha256};
    let mut all: Vec<String> = Vec::new();
    let lists = [
        ("+", &preview.installed),
        ("^", &preview.upgraded),
        ("v", &preview.downgraded),
    ];
    for (sign, list) in lists {
        all.extend(list.iter().map(|upgrade| {
            format!(
                "{sign}{}:{}={}",
                upgrade.name,
                upgrade.arch.as_deref().unwrap_or(""),
                upgrade.new
            )
        }));
    }
    all.extend(
        preview
            .removed
            .iter()
            .map(|removal| format!("-{}", removal.name)),
    );
    all.sort();
    let sum = Sha256::digest(all.join("\n").as_bytes());
    hex(&sum[..16])
}
