//! Which node a host is already: by its host key and its machine id, whatever name
//! or address it is reached by.

use super::{Credentials, Vault};
use crate::auth::seal;
use crate::error::Error;
use crate::major_tom::hostkey::Pin;
use crate::secret::Secret;

/// What a host shows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `SHA256:…` of its key.
    pub host_key: Option<&'a str>,
    pub machine_id: Option<&'a str>,
}

/// Why it is taken for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    HostKey,
    /// It shows another host key. Machines that were copied are like this too.
    MachineId,
}

/// As far as it is known of a node.
#[derive(Debug, Default)]
struct Kept {
    host_key: Option<Pin>,
    machine_id: Option<String>,
}

impl Kept {
    fn is(&self, shown: Shown<'_>) -> Option<Same> {
        let ids = (self.machine_id.as_deref(), shown.machine_id);
        let key = matches!((&self.host_key, shown.host_key), (Some(pin), Some(key)) if pin.sha256() == key);
        match ids {
            // Machines of one image, with the keys that came with it.
            (Some(kept), Some(shown)) if kept != shown => None,
            _ if key => Some(Same::HostKey),
            (Some(_), Some(_)) => Some(Same::MachineId),
            _ => None,
        }
    }
}

impl Vault {
    /// The node that this host is, among those that count.
    pub fn node_of(
        &self,
        shown: Shown<'_>,
        counts: &dyn Fn(i64) -> bool,
    ) -> Result<Option<(i64, Same)>, Error> {
        let mut kept: Option<(i64, Kept)> = None;
        let mut found = None;
        let mut look = |kept: &Option<(i64, Kept)>| {
            let Some((node, kept)) = kept else { return };
            if let Some(same) = kept.is(shown).filter(|_| counts(*node)) {
                // A key says more.
                if found.is_none_or(|(_, before)| before == Same::MachineId) {
                    found = Some((*node, same));
                }
            }
        };
        for (node, field, blob) in self.store.credentials_of_fields(Credentials::TELLING)? {
            if kept.as_ref().is_none_or(|(before, _)| *before != node) {
                look(&kept);
                kept = Some((node, Kept::default()));
            }
            // What was damaged tells nothing, and is no reason to take no node in.
            let Ok(plain) = seal::open(&self.key, node, &field, &blob) else {
                continue;
            };
            if let Some((_, kept)) = &mut kept {
                kept.take(&field, &plain);
            }
        }
        look(&kept);
        Ok(found)
    }

    /// The nodes that are reached by these names or addresses, with their ports.
    pub fn places(&self) -> Result<Vec<(i64, String, u16)>, Error> {
        let mut places: Vec<(i64, String, u16)> = Vec::new();
        for (node, field, blob) in self.store.credentials_of_fields(Credentials::PLACE)? {
            let Ok(plain) = seal::open(&self.key, node, &field, &blob) else {
                continue;
            };
            if places.last().is_none_or(|(before, ..)| *before != node) {
                places.push((node, String::new(), 0));
            }
            if let Some(place) = places.last_mut() {
                match plain.expose().parse() {
                    Ok(port) if field == Credentials::PLACE[1] => place.2 = port,
                    _ => place.1 = plain.expose().to_owned(),
                }
            }
        }
        Ok(places)
    }
}

impl Kept {
    fn take(&mut self, field: &str, plain: &Secret) {
        if field == Credentials::TELLING[0] {
            self.host_key = Pin::from_text(plain.expose());
        } else {
            self.machine_id = Some(plain.expose().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_by_key_and_machine_id() {
        let key = |digit: &str| format!("SHA256:{}A", digit.repeat(42));
        let kept = |digit: &str, id: Option<&str>| Kept {
            host_key: Pin::fingerprint(&key(digit)),
            machine_id: id.map(str::to_owned),
        };
        let is = |kept: &Kept, digit: &str, id: Option<&str>| {
            kept.is(Shown {
                host_key: Some(&key(digit)),
                machine_id: id,
            })
        };
        let one = kept("b", Some("1"));
        assert_eq!(is(&one, "b", Some("1")), Some(Same::HostKey));
        // Before the login nothing but its key is known.
        assert_eq!(is(&one, "b", None), Some(Same::HostKey));
        // Its SSH server was installed anew.
        assert_eq!(is(&one, "c", Some("1")), Some(Same::MachineId));
        // Two machines of one image.
        assert_eq!(is(&one, "b", Some("2")), None);
        assert_eq!(is(&one, "c", Some("2")), None);
        assert_eq!(is(&one, "c", None), None);
        let without = kept("b", None);
        assert_eq!(is(&without, "b", Some("2")), Some(Same::HostKey));
        assert_eq!(is(&without, "c", Some("2")), None);
        assert_eq!(Kept::default().is(Shown::default()), None);
    }
}
