//! Query strings.

use crate::error::Error;

/// Most parameters in one query.
const PARAMETERS_MAX: usize = 1024;

/// The parameters, decoded, in their order.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn parse(query: &str) -> Result<Self, Error> {
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(Error::invalid(
                    format!("The address has more than {PARAMETERS_MAX} parameters."),
                    "Ask for less at a time; a prefix such as series=cpu.* names many series.",
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => parameters.push((name, value)),
                _ => {
                    return Err(Error::invalid(
                        "The address has a parameter that is not percent-encoded UTF-8.",
                        "Encode it, as encodeURIComponent or curl --data-urlencode do.",
                    ));
                }
            }
        }
        Ok(Self(parameters))
    }

    pub fn all(self, name: &str) -> Vec<String> {
        self.0
            .into_iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// A text, when there is one. Given twice it is refused.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => Ok(Some(value)),
            _ => Err(Error::invalid(
                format!("The parameter {name} is there twice."),
                "Name it once.",
            )),
        }
    }

    /// How many a page has.
    pub fn limit(&self, usual: i64, most: i64) -> Result<usize, Error> {
        let limit = self.integer("limit")?.unwrap_or(usual);
        match usize::try_from(limit) {
            Ok(count) if (1..=most).contains(&limit) => Ok(count),
            _ => Err(Error::invalid(
                format!("limit must be 1 to {most}."),
                format!("Leave it out for {usual}."),
            )),
        }
    }

    /// A whole number, when there is one. Given twice it is refused.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) if value.parse::<i64>().is_ok() => Ok(value.parse().ok()),
            _ => Err(Error::invalid(
                format!("The parameter {name} is not one whole number."),
                format!("Write it like {name}=1000."),
            )),
        }
    }
}

/// The first `limit` of what was found, and where the next page begins if there is more.
pub fn page<T>(
    mut found: Vec<T>,
    limit: usize,
    cursor: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(cursor);
    (found, next)
}

/// Undoes percent-encoding; `+` is a space, as forms and URLSearchParams write it.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let parse = |query| Parameters::parse(query).unwrap();
        let query = "series=fs.free_bytes%7Bmount%3D%2F%7D&from=-5&series=a+b%2Bc&x&&to=7&to=8";
        assert_eq!(parse(query).integer("from").unwrap(), Some(-5));
        assert_eq!(parse(query).integer("points").unwrap(), None);
        assert!(parse(query).integer("to").is_err());
        assert!(parse(query).integer("x").is_err());
        assert_eq!(
            parse(query).all("series"),
            ["fs.free_bytes{mount=/}", "a b+c"]
        );
        assert_eq!(parse("s=%C3%A9").all("s"), ["é"]);
    }

    #[test]
    fn pages_say_where_the_next_begins() {
        let cut = |found: &[i64], limit| page(found.to_vec(), limit, ToString::to_string);
        assert_eq!(cut(&[1, 2, 3], 2), (vec![1, 2], Some("2".into())));
        assert_eq!(cut(&[1, 2], 2), (vec![1, 2], None));
        assert_eq!(cut(&[], 2), (vec![], None));
        let limit = |query| Parameters::parse(query).unwrap().limit(50, 200).ok();
        assert_eq!(limit(""), Some(50));
        assert_eq!(limit("limit=200"), Some(200));
        for bad in ["limit=0", "limit=201", "limit=-1", "limit=x"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }

    #[test]
    fn hostile_queries_are_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=a", "a=%+1"] {
            assert!(Parameters::parse(query).is_err(), "{query}");
        }
        assert!(Parameters::parse(&"a=1&".repeat(PARAMETERS_MAX)).is_ok());
        assert!(Parameters::parse(&"a=1&".repeat(PARAMETERS_MAX + 1)).is_err());
    }
}
