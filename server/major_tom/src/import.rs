//! Many hosts from one text: CSV with a header line, or the form of
//! `~/.ssh/config`. Pure. What is wrong with a line is said with that line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Serialize;

use super::target::Target;
use stardust_base::hidden;

/// Hosts of one text.
pub const HOSTS_MAX: usize = 2_000;
const SSH_PORT: u16 = 22;
const TAGS_MAX: usize = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Where it stands, from 1.
    pub line: usize,
    pub name: String,
    pub host: String,
    pub port: u16,
    /// None: the one that all without get.
    pub user: Option<String>,
    pub tags: Vec<String>,
    /// `user@host:port`, as it was written.
    pub jump: Option<String>,
    pub error: Option<String>,
}

/// None when the text is neither, or has too many hosts.
pub fn parse(text: &str) -> Result<Vec<Host>, String> {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = first else {
        return Err("There is nothing in it.".into());
    };
    let word = first.split([' ', '\t', '=']).next().unwrap_or_default();
    let hosts = if ["host", "match", "include"].contains(&word.to_ascii_lowercase().as_str())
        && !first.contains(',')
        && first.len() > word.len()
    {
        ssh_config(text)
    } else {
        csv(text)?
    };
    if hosts.is_empty() {
        return Err("There is no host in it.".into());
    }
    if hosts.len() > HOSTS_MAX {
        return Err(format!(
            "It has {} hosts; {HOSTS_MAX} can be taken at once.",
            hosts.len()
        ));
    }
    Ok(hosts.into_iter().map(checked).collect())
}

fn checked(mut host: Host) -> Host {
    if host.error.is_none() {
        let user = host.user.as_deref().unwrap_or("root");
        if let Err(fault) = Target::new(&host.host, host.port, user) {
            host.error = Some(fault.to_string());
        }
    }
    if host.error.is_none()
        && let Some(hidden) = std::iter::once(&host.name)
            .chain(&host.tags)
            .find_map(|text| hidden::find(text))
    {
        host.error = Some(format!("The name or a tag has {}.", hidden.words()));
    }
    host.tags.truncate(TAGS_MAX);
    if host.name.is_empty() {
        host.name = host.host.clone();
    }
    host
}

/// Says of each host that is in the list twice, or is a node already, that it is.
/// `node_at` names the node that is reached there.
pub fn known(mut hosts: Vec<Host>, node_at: impl Fn(&str, u16) -> Option<String>) -> Vec<Host> {
    let mut seen: HashMap<(String, u16, Option<String>), usize> = HashMap::new();
    for host in &mut hosts {
        if host.error.is_some() {
            continue;
        }
        // As it will be asked for: `10.0.0.1`, `[::1]` and `::1`, `PI4` and `pi4.`.
        let user = host.user.as_deref().unwrap_or("root");
        let Ok(target) = Target::new(&host.host, host.port, user) else {
            continue;
        };
        let name = target.host().trim_end_matches('.').to_owned();
        let behind = host.jump.clone();
        // Behind a jump host the same address is another host.
        let node = match behind {
            None => node_at(&name, host.port),
            Some(_) => None,
        };
        match seen.entry((name, host.port, behind)) {
            Entry::Occupied(first) => {
                let line = first.get();
                host.error = Some(format!("The same host stands on line {line}."));
            }
            Entry::Vacant(place) => {
                place.insert(host.line);
                host.error = node.map(|node| {
                    format!("It is the node {node} already: deploy it again from there.")
                });
            }
        }
    }
    hosts
}

fn csv(text: &str) -> Result<Vec<Host>, String> {
    let mut rows = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(number, line)| (number + 1, fields(line)));
    let (_, header) = rows.next().ok_or("There is nothing in it.")?;
    let names: Vec<String> = header
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    if !names.iter().any(|name| name == "host") {
        // One host a line, and nothing else.
        if names.len() == 1 {
            return Ok(text
                .lines()
                .enumerate()
                .map(|(number, line)| (number + 1, line.trim()))
                .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
                .map(|(line, text)| plain(line, text))
                .collect());
        }
        return Err("The first line names no column \"host\". Known are name, host, port, user, tags and jump.".into());
    }
    if let Some(odd) = names
        .iter()
        .find(|name| !["name", "host", "port", "user", "tags", "jump"].contains(&name.as_str()))
    {
        let odd: String = odd.chars().take(32).filter(|c| !c.is_control()).collect();
        return Err(format!(
            "There is no column \"{odd}\". Known are name, host, port, user, tags and jump."
        ));
    }
    Ok(rows
        .map(|(line, fields)| {
            let field = |name: &str| {
                let at = names.iter().position(|known| known == name)?;
                fields
                    .get(at)
                    .map(|text| text.trim())
                    .filter(|text| !text.is_empty())
            };
            let mut host = Host {
                line,
                name: field("name").unwrap_or_default().to_owned(),
                host: field("host").unwrap_or_default().to_owned(),
                port: SSH_PORT,
                user: field("user").map(str::to_owned),
                tags: tags(field("tags").unwrap_or_default()),
                jump: field("jump").map(str::to_owned),
                error: None,
            };
            if fields.len() > names.len() {
                host.error = Some("The line has more columns than the first one.".into());
            }
            set_port(&mut host, field("port"));
            host
        })
        .collect())
}

/// `host`, `host:port` or `user@host:port`.
fn plain(line: usize, text: &str) -> Host {
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let (name, port) = match rest.rsplit_once(':') {
        // More than one colon: an IPv6 address.
        Some((name, port)) if !name.contains(':') => (name, Some(port)),
        _ => (rest, None),
    };
    let mut host = Host {
        line,
        host: name.to_owned(),
        port: SSH_PORT,
        user,
        ..Host::default()
    };
    set_port(&mut host, port);
    host
}

fn set_port(host: &mut Host, text: Option<&str>) {
    if let Some(text) = text {
        match text.parse() {
            Ok(port) => host.port = port,
            Err(_) => host.error = Some("The port is no number from 1 to 65535.".into()),
        }
    }
}

fn tags(text: &str) -> Vec<String> {
    let words = text.split([' ', ';', '|']).map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// RFC 4180 without line ends inside of fields.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' | '\t' if !quoted => fields.push(String::new()),
            c => push(&mut fields, c),
        }
    }
    fields
        .iter_mut()
        .for_each(|field| *field = field.trim().to_owned());
    fields
}

fn push(fields: &mut [String], c: char) {
    if let Some(field) = fields.last_mut() {
        field.push(c);
    }
}

/// `Host` blocks with HostName, Port, User and ProxyJump. Patterns name no host.
fn ssh_config(text: &str) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    // Those of the block that is being read.
    let mut block = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
        let value = value.trim_matches([' ', '\t', '=', '"']);
        match key.to_ascii_lowercase().as_str() {
            "host" => {
                block = hosts.len();
                for name in value.split_whitespace() {
                    if name.contains(['*', '?', '!']) {
                        continue;
                    }
                    hosts.push(Host {
                        line: number + 1,
                        name: name.to_owned(),
                        host: name.to_owned(),
                        port: SSH_PORT,
                        ..Host::default()
                    });
                }
            }
            "match" => block = hosts.len(),
            key => {
                for host in &mut hosts[block..] {
                    match key {
                        "hostname" => host.host = value.replace("%h", &host.name),
                        "user" => host.user = Some(value.to_owned()),
                        "port" => set_port(host, Some(value)),
                        "proxyjump" if value != "none" => host.jump = Some(value.to_owned()),
                        _ => {}
                    }
                }
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Host {
        let hosts = parse(text).unwrap();
        assert_eq!(hosts.len(), 1, "{hosts:?}");
        hosts.into_iter().next().unwrap()
    }

    #[test]
    fn csv_in_any_order() {
        let text = "# the house\r\nHost,Name,Tags,Port\r\n10.0.0.1,\"pi, \"\"old\"\"\",home;arm,\r\n\r\nweb.example,,,2222\r\n";
        let hosts = parse(text).unwrap();
        assert_eq!(hosts[0].line, 3);
        assert_eq!((hosts[0].name.as_str(), hosts[0].port), ("pi, \"old\"", 22));
        assert_eq!(hosts[0].tags, ["home", "arm"]);
        assert_eq!(
            (hosts[1].name.as_str(), hosts[1].port),
            ("web.example", 2222)
        );
        assert!(
            hosts
                .iter()
                .all(|host| host.error.is_none() && host.user.is_none())
        );
    }

    #[test]
    fn a_plain_list_does_too() {
        let hosts = parse("pi4.lan\nroot@web:2222\n2001:db8::1\n").unwrap();
        assert_eq!(hosts[0].host, "pi4.lan");
        assert_eq!(
            (
                hosts[1].user.as_deref(),
                hosts[1].host.as_str(),
                hosts[1].port
            ),
            (Some("root"), "web", 2222)
        );
        assert_eq!(hosts[2].host, "2001:db8::1");
        assert!(hosts.iter().all(|host| host.error.is_none()), "{hosts:?}");
    }

    #[test]
    fn ssh_config_blocks() {
        let text = "Host *\n  User nobody\nHost web db\n  HostName %h.example\n  User ops\n  Port=2222\n  ProxyJump jump@bastion:2200\nHost pi\n\tHostName \"10.0.0.7\"\nMatch user x\n  Port 9\n";
        let hosts = parse(text).unwrap();
        assert_eq!(hosts.len(), 3);
        assert_eq!(
            (hosts[0].host.as_str(), hosts[0].port),
            ("web.example", 2222)
        );
        assert_eq!(hosts[1].jump.as_deref(), Some("jump@bastion:2200"));
        assert_eq!(
            (
                hosts[2].name.as_str(),
                hosts[2].host.as_str(),
                hosts[2].port
            ),
            ("pi", "10.0.0.7", 22)
        );
        assert_eq!(hosts[2].user, None);
    }

    #[test]
    fn hosts_that_are_there_already_are_said() {
        let text = "pi4.lan\nroot@PI4.lan.\npi4.lan:2222\n::1\n[::1]\nweb\n";
        let node_at = |host: &str, port| (host == "web" && port == 22).then(|| "web 1".to_owned());
        let hosts = known(parse(text).unwrap(), node_at);
        let errors: Vec<&str> = hosts
            .iter()
            .map(|host| host.error.as_deref().unwrap_or(""))
            .collect();
        assert_eq!(
            errors,
            [
                "",
                "The same host stands on line 1.",
                "",
                "",
                "The same host stands on line 4.",
                "It is the node web 1 already: deploy it again from there.",
            ]
        );
        // Two networks may have the same addresses.
        let text = "host,jump\n10.0.0.1,a\n10.0.0.1,b\n10.0.0.1,a\n";
        let hosts = known(parse(text).unwrap(), |_, _| None);
        assert!(hosts[0].error.is_none() && hosts[1].error.is_none());
        assert!(hosts[2].error.is_some(), "{hosts:?}");
    }

    #[test]
    fn what_is_wrong_is_said_by_line() {
        for line in ["-oProxyCommand=id", "a b", "$(id)", "a;b", "h\u{0}", ""] {
            let host = one(&format!("host,port\n\"{line}\",22\n"));
            assert!(host.error.is_some(), "{line:?}");
        }
        for (text, part) in [
            ("host,name\na,evil\u{202e}gnp\n", "direction"),
            ("host,name\na,we\u{200b}b\n", "can't be seen"),
            ("host,tags\na,x;we\u{200d}b\n", "can't be seen"),
            ("host\n0x0a4d0102\n", "is a number"),
        ] {
            let error = one(text).error.unwrap();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        for port in ["0", "65536", "x", "-1"] {
            assert!(
                one(&format!("host,port\na,{port}\n")).error.is_some(),
                "{port}"
            );
        }
        assert!(one("host\na,b\n").error.is_some());
        assert!(one("host,user\na,ro ot\n").error.is_some());
        assert!(parse("").is_err());
        assert!(parse("name,port\nx,1\n").unwrap_err().contains("host"));
        assert!(
            parse("host,password\na,b\n")
                .unwrap_err()
                .contains("password")
        );
        assert!(parse("Host *\n").is_err());
        assert!(parse(&format!("host\n{}", "a\n".repeat(HOSTS_MAX + 1))).is_err());
    }
}
