//! `--log-level`: a level, or a file that holds one and is read again on SIGHUP.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Kind};
use crate::files;
use crate::log::{self, Level};

/// A file that is larger holds no level.
const FILE_BYTES_MAX: u64 = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Fixed(Level),
    File(PathBuf),
}

impl Default for LogLevel {
    fn default() -> Self {
        Self::Fixed(Level::Info)
    }
}

impl LogLevel {
    /// What is written with a slash is a file.
    pub fn parse(flag: &str, value: OsString) -> Result<Self, Error> {
        if let Some(level) = value.to_str().and_then(Level::parse) {
            return Ok(Self::Fixed(level));
        }
        if value.to_string_lossy().contains('/') {
            return Ok(Self::File(value.into()));
        }
        Err(Error::new(
            Kind::Usage,
            format!("{flag} {value:?} is not known."),
            "Use info, warn or error, or a file that holds one of them, written with a slash.",
        ))
    }

    /// From now on lines below it are left out.
    ///
    /// # Errors
    /// The file can't be read or holds something else; the level before stays.
    pub fn apply(&self) -> Result<(), Error> {
        let level = match self {
            Self::Fixed(level) => *level,
            Self::File(path) => {
                let wrong = |why: &str| {
                    Error::new(
                        Kind::Config,
                        format!("--log-level {}: {why}.", path.display()),
                        "Let it hold info, warn or error.",
                    )
                };
                let text = files::read_small(path, FILE_BYTES_MAX).map_err(|why| wrong(&why))?;
                let text = String::from_utf8_lossy(&text);
                Level::parse(&text).ok_or_else(|| wrong("it holds no level"))?
            }
        };
        log::set_level(level);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_level_or_a_file_with_one() {
        let parse = |text: &str| LogLevel::parse("--log-level", text.into());
        assert_eq!(parse("warn").unwrap(), LogLevel::Fixed(Level::Warn));
        assert_eq!(parse("loud").unwrap_err().kind, Kind::Usage);
        let folder = Folder::new();
        let path = folder.join("level");
        let level = parse(path.to_str().unwrap()).unwrap();
        assert!(level.apply().unwrap_err().message.contains("level"));
        std::fs::write(&path, "loud\n").unwrap();
        assert_eq!(level.apply().unwrap_err().kind.exit_code(), 78);
        // What other tests have is what they get.
        std::fs::write(&path, "info\n").unwrap();
        assert!(level.apply().is_ok());
    }
}
