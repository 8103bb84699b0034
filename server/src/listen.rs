//! Where Ground Control listens, as `--bind` says it. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Longest path of a Unix socket: `sun_path` has 108 bytes, the last one of which is 0
/// (unix(7)).
const PATH_BYTES_MAX: usize = 107;

/// One `--bind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP, on the port of `--port`.
    Address(IpAddr),
    /// A Unix socket, for a proxy on this machine.
    Unix(PathBuf),
}

impl Listen {
    /// An address, `localhost`, or `unix:PATH`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path);
            if !path.is_absolute() || path.as_os_str().len() > PATH_BYTES_MAX {
                return Err((
                    "is not a usable path of a socket",
                    "Write unix: and an absolute path of at most 107 bytes, such as \
                     unix:/run/stardust/gate.sock.",
                ));
            }
            return Ok(Self::Unix(path.to_owned()));
        }
        if text == "localhost" {
            return Ok(Self::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        bare.parse().map(Self::Address).map_err(|_| {
            (
                "is not an IP address",
                "Use an address such as 127.0.0.1, 192.0.2.7 or ::1, without a port, or \
                 unix:PATH.",
            )
        })
    }

    /// Whether only programs of this machine reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths() {
        for (text, local) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("0.0.0.0", false),
            ("2001:db8::7", false),
            ("unix:/run/stardust/gate.sock", true),
        ] {
            let listen = Listen::parse(text).unwrap();
            assert_eq!(
                (listen.to_string().as_str(), listen.is_local()),
                (text, local)
            );
        }
        assert_eq!(Listen::parse("[::1]"), Listen::parse("::1"));
        assert_eq!(Listen::parse("localhost"), Listen::parse("127.0.0.1"));
        let long = format!("unix:/{}", "a".repeat(PATH_BYTES_MAX));
        for text in [
            "",
            "example.org",
            "0.0.0.0:80",
            "unix:",
            "unix:relative",
            &long,
        ] {
            assert!(Listen::parse(text).is_err(), "{text:?}");
        }
    }
}
