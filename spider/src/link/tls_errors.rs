//! What a TLS failure means for the person who has to fix it.

use rustls::{CertificateError, Error};
use stardust_shared::limits::TIME_MS_MIN;

use super::fault::{Fault, plain};

/// `host` is the name that was asked for.
pub fn fault(error: &Error, host: &str) -> Fault {
    Fault::unknown(match error {
        Error::InvalidCertificate(error) => certificate(error, host),
        Error::General(words) => words.clone(),
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port; use ws:// in --server, or the port of its TLS proxy".into()
        }
        Error::AlertReceived(alert) => format!(
            "the server refused the TLS handshake ({alert:?}); check its certificate and TLS settings"
        ),
        Error::PeerIncompatible(_) => {
            "the server offers nothing newer than TLS 1.1; it needs TLS 1.2 or 1.3".into()
        }
        Error::FailedToGetCurrentTime => {
            "this machine's clock is before 1970; set the clock here (NTP)".into()
        }
        other => format!("TLS failed: {}", plain(&other.to_string())),
    })
}

fn certificate(error: &CertificateError, host: &str) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the server's certificate is not signed by anyone this machine trusts; if it is the server's own, give it (or its CA) with --ca-file, or its key with --pin".into()
        }
        CertificateError::BadSignature => {
            "the server's certificate names an authority that this machine trusts but is signed by another key; if that authority was made anew, give its new certificate with --ca-file".into()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let (now, end) = (time.as_secs(), not_after.as_secs());
            format!(
                "the server's certificate ended on {}, and this machine's clock says {}; renew the certificate on the server, or set this clock if it is ahead",
                date(end),
                date(now)
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let (now, begin) = (time.as_secs(), not_before.as_secs());
            if now < TIME_MS_MIN as u64 / 1000 {
                format!(
                    "this machine's clock is wrong: it says {}, and the server's certificate begins on {}; set the clock here (NTP)",
                    date(now),
                    date(begin)
                )
            } else {
                format!(
                    "the server's certificate begins on {}, and this machine's clock says {}; one of the two clocks is off: set this one (NTP), or the one that the certificate was made on",
                    date(begin),
                    date(now)
                )
            }
        }
        CertificateError::Expired | CertificateError::NotValidYet => {
            "the server's certificate is not valid at this time; check the clocks of both machines".into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = plain(&names.join(", "));
            let names = if names.is_empty() { "no name".into() } else { names };
            format!(
                "the server's certificate is for {names} and not for {host}; use that name in --server, or make a certificate for {host}"
            )
        }
        CertificateError::NotValidForName => format!(
            "the server's certificate is not for {host}; use the name that it is for in --server"
        ),
        other => format!(
            "the server's certificate is not acceptable: {}; make a new one for the server",
            plain(&format!("{other:?}"))
        ),
    }
}

/// `DnsName("a.example")`, as rustls has it, without the wrapping.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// Unix seconds as `2026-11-23 15:04 UTC`.
fn date(unix_s: u64) -> String {
    let (days, minutes) = (unix_s / 86_400, unix_s / 60 % 1_440);
    let (year, month, day) = stardust_shared::civil::date(days as i64);
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::UnixTime;
    use std::time::Duration;

    fn at(unix_s: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(unix_s))
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // From `date -u -d @N`.
        for (unix_s, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_140, "2024-02-29 23:59 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(unix_s), text);
        }
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_both_dates() {
        let words = |time, not_before| {
            let error = CertificateError::NotValidYetContext {
                time: at(time),
                not_before: at(not_before),
            };
            fault(&error.into(), "a.example").words.into_owned()
        };
        let text = words(60, 1_709_251_140);
        assert!(
            text.contains("1970-01-01") && text.contains("2024-02-29"),
            "{text}"
        );
        assert!(text.starts_with("this machine's clock is wrong"), "{text}");
        assert!(words(1_709_000_000, 1_709_251_140).contains("one of the two clocks"));
        let error = CertificateError::ExpiredContext {
            time: at(1_735_689_599),
            not_after: at(1_709_251_140),
        };
        let text = fault(&error.into(), "a.example").words.into_owned();
        assert!(
            text.contains("ended on 2024-02-29") && text.contains("2024-12-31"),
            "{text}"
        );
    }

    #[test]
    fn names_are_shown_bare() {
        let error = CertificateError::NotValidForNameContext {
            expected: "a.example".try_into().unwrap(),
            presented: vec![
                "DnsName(\"b.example\")".into(),
                "IpAddress(192.0.2.1)".into(),
            ],
        };
        let text = fault(&error.into(), "a.example").words.into_owned();
        assert!(
            text.contains("is for b.example, 192.0.2.1 and not for a.example"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_issuer_leads_to_the_flag() {
        let error = CertificateError::UnknownIssuer.into();
        assert!(fault(&error, "a.example").words.contains("--ca-file"));
    }
}
