//! What a Spider says of itself, as it may reach people: without characters that a
//! terminal or a page would act on. Pure.

use stardust_shared::WireError;
use stardust_shared::message::Hello;

/// Why a Spider could not deliver, as far as any of them says.
const OUTAGES: &[&str] = &["server_down", "link_down"];

/// # Errors
/// When an id is not plain text: others would be the same without what is wrong with it.
pub fn tidy(mut hello: Hello) -> Result<Hello, WireError> {
    for (id, what) in [(&hello.run, "run id"), (&hello.boot_id, "boot id")] {
        if !id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            return Err(WireError::OutOfRange(what));
        }
    }
    hello.version.retain(is_shown);
    hello.outage = hello.outage.filter(|why| OUTAGES.contains(&why.as_str()));
    let identity = &mut hello.identity;
    for field in [
        &mut identity.hostname,
        &mut identity.os,
        &mut identity.os_id,
        &mut identity.kernel,
        &mut identity.kernel_version,
        &mut identity.domainname,
        &mut identity.arch,
        &mut identity.cpu_model,
        &mut identity.package_manager,
        &mut identity.init,
        &mut identity.virtualization,
        &mut identity.container,
        &mut identity.board,
        &mut identity.boot_id,
    ] {
        if let Some(text) = field {
            text.retain(is_shown);
            if text.trim().is_empty() {
                *field = None;
            }
        }
    }
    Ok(hello)
}

/// Words of a peer, for the log and for people.
pub fn words(text: &str) -> String {
    text.chars().filter(|c| is_shown(*c)).collect()
}

/// Neither a control character nor one that only moves what is around it: marks of
/// direction, joiners, and what has no width.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::message::Identity;

    /// One of each kind.
    const HOSTILE: &str = "a\u{1b}[31m\r\n\0\u{7f}\u{85}\u{9b}\u{202e}\u{200b}\u{feff}\u{2028}b";

    fn hello() -> Hello {
        Hello {
            kind: Hello::KIND.into(),
            protocol: 1,
            version: "0.1.0".into(),
            run: "0123abcd".into(),
            boot_id: "7f3c-11".into(),
            oldest_seq: 0,
            newest_seq: 0,
            interval_ms: 1_000,
            outage: Some("link_down".into()),
            clock_ms: None,
            identity: Identity::default(),
        }
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left_in_any_text() {
        let all = Some(HOSTILE.to_owned());
        let mut given = hello();
        given.version = HOSTILE.into();
        given.outage = all.clone();
        given.identity = Identity {
            hostname: all.clone(),
            os: all.clone(),
            os_id: all.clone(),
            kernel: all.clone(),
            kernel_version: all.clone(),
            domainname: all.clone(),
            boot_time_s: Some(1),
            arch: all.clone(),
            cpu_model: all.clone(),
            cores: Some(1),
            mem_total_bytes: Some(1),
            package_manager: all.clone(),
            init: all.clone(),
            virtualization: all.clone(),
            container: all.clone(),
            board: Some("\u{200b}\r".into()),
            boot_id: all,
        };
        let tidied = tidy(given).unwrap();
        assert_eq!(tidied.version, "a[31mb");
        assert_eq!(tidied.outage, None);
        assert_eq!(tidied.identity.board, None);
        let text = serde_json::to_value(&tidied.identity).unwrap();
        let texts = text
            .as_object()
            .unwrap()
            .values()
            .filter_map(|v| v.as_str());
        assert_eq!(
            texts.inspect(|text| assert_eq!(*text, "a[31mb")).count(),
            13
        );
        assert_eq!(words(HOSTILE), "a[31mb");
        assert_eq!(words("Grüße, 机器 🚀"), "Grüße, 机器 🚀");
    }

    #[test]
    fn ids_are_plain_or_refused_and_good_ones_stay() {
        assert_eq!(tidy(hello()).unwrap(), hello());
        for id in ["a\nb", "a\u{1b}", "é", "a\u{200b}"] {
            let (mut run, mut boot) = (hello(), hello());
            run.run = id.into();
            boot.boot_id = id.into();
            assert_eq!(tidy(run), Err(WireError::OutOfRange("run id")));
            assert_eq!(tidy(boot), Err(WireError::OutOfRange("boot id")));
        }
    }
}
