//! Why a Spider does not connect, read from its own log. Pure.

use crate::major_tom::fault::{Cause, Fault, printable};

/// What the Spider or the node's service manager says, and what that means. The
/// first that is found in the newest line that has one counts. A line may hold the
/// names and ports of any fleet (`clock.example`, port 40197), so these are the
/// words around them, never what an address may have in it.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "https_proxy",
        "The node's HTTP proxy is in the way.",
        "Check https_proxy and http_proxy on the node, or set no_proxy.",
    ),
    (
        "the proxy did not connect us",
        "The node's HTTP proxy does not reach Ground Control.",
        "Check https_proxy and http_proxy on the node, or set no_proxy.",
    ),
    (
        "could not be resolved",
        "The node can't look up the server's name.",
        "Check the node's DNS, or use an IP address in --server-url.",
    ),
    (
        "nothing listens",
        "The node is refused where Ground Control should be.",
        "Check --server-url, --bind and the port.",
    ),
    (
        "'s clock",
        "The node's clock is wrong, so it can't trust the certificate.",
        "Set the clock; a time service such as chrony keeps it right.",
    ),
    (
        "check the clocks",
        "The node's clock is wrong, so it can't trust the certificate.",
        "Set the clock; a time service such as chrony keeps it right.",
    ),
    (
        "the server's certificate",
        "The node does not trust the server's certificate.",
        "Use a certificate that the node's system trusts, or give the server's key as the pin.",
    ),
    (
        "no list of trusted certificates",
        "The node knows no authorities, so it trusts no certificate.",
        "Install ca-certificates on it, or give the server's key as the pin.",
    ),
    (
        "TLS",
        "TLS between the node and Ground Control fails.",
        "Check --server-url (wss:// or ws://) and the proxy.",
    ),
    (
        "(HTTP 401)",
        "Ground Control does not know the node's token.",
        "Deploy again: it makes a new one.",
    ),
    (
        "no route to",
        "There is no way from the node to Ground Control.",
        "Check the node's network and --server-url.",
    ),
    (
        "did not answer",
        "Ground Control does not answer the node.",
        "A firewall is in the way, or --server-url is wrong.",
    ),
    (
        "not a WebSocket server",
        "Something else answers at --server-url.",
        "Check --server-url, and that the proxy passes Upgrade on.",
    ),
    (
        "Exec format error",
        "The Spider is for another architecture.",
        "Check --agent-binary and --agent-dir.",
    ),
    (
        "203/EXEC",
        "The node refuses to run the Spider.",
        "Look for noexec mounts, SELinux or AppArmor on the node.",
    ),
    (
        "Permission denied",
        "The node forbids the Spider something.",
        "Look at the log, and for SELinux or AppArmor on the node.",
    ),
];

/// The fault with its likely cause.
pub fn explain(fault: Fault, log: &str) -> Fault {
    if fault.cause != Cause::NotConnected {
        return fault;
    }
    let mut lines = log
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let found = lines.find_map(|line| {
        let (_, meaning, hint) = WORDS.iter().find(|(words, _, _)| line.contains(words))?;
        Some((*meaning, *hint, line))
    });
    match found {
        Some((meaning, hint, line)) => Fault::new(
            Cause::NotConnected,
            format!("{} {meaning} It says: {}", fault.detail, printable(line)),
            hint,
        ),
        None if log.trim().is_empty() => Fault::new(
            Cause::NotConnected,
            format!("{} It has said nothing.", fault.detail),
            "Look at the service on the node; it may not run at all.",
        ),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &str) -> Fault {
        explain(
            Fault::new(Cause::NotConnected, "No hello.", "See its log."),
            log,
        )
    }

    #[test]
    fn the_newest_line_that_means_something_counts() {
        let log = "stardust-spider: nothing listens on 10.0.0.1:80 (connection refused); start\n\
                   stardust-spider: the name x could not be resolved (no such host); check\n\
                   trying again in 3 s\n";
        let fault = told(log);
        assert!(
            fault.detail.contains("look up the server's name"),
            "{fault}"
        );
        assert!(fault.detail.contains("the name x could not"), "{fault}");
        assert!(
            told("10.0.0.1:80 did not answer within 10 s; check")
                .detail
                .contains("answer the node")
        );
        assert!(
            told(
                "this machine has no list of trusted certificates; install ca-certificates, or give"
            )
            .hint
            .contains("pin")
        );
        assert!(
            told("this machine's clock is wrong: it says 1970")
                .hint
                .contains("clock")
        );
        assert!(
            told("the server's certificate is not signed by anyone")
                .hint
                .contains("pin")
        );
    }

    #[test]
    fn an_address_is_never_taken_for_a_cause() {
        let told = |log: &str| told(log).detail;
        let log = told("there is no route to 198.19.0.1:40197; check the network of this machine");
        assert!(log.contains("no way from the node"), "{log}");
        let log = told("there is no route to clock.proxy.example:401; check the network");
        assert!(log.contains("no way from the node"), "{log}");
        let log = told("certificate.clock.example:443 did not answer within 10 s; check");
        assert!(log.contains("does not answer"), "{log}");
        let log = told("the server refused the token of this node (HTTP 401); it is mistyped");
        assert!(log.contains("does not know the node's token"), "{log}");
        let log = told("the server, or the proxy before it, is failing (HTTP 502); check");
        assert_eq!(log, "No hello.");
        let log = told("the proxy's name p could not be resolved (none); check https_proxy");
        assert!(log.contains("HTTP proxy"), "{log}");
    }

    #[test]
    fn nothing_known_changes_little() {
        assert_eq!(told("hm\n").detail, "No hello.");
        assert!(told(" \n").detail.contains("said nothing"));
        let other = Fault::new(Cause::NoSpace, "Full.", "Free some.");
        assert_eq!(explain(other.clone(), "401"), other);
    }
}
