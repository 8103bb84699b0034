//! What the operator reads on stderr, a line each.

use std::io::{self, Write};

use super::link::News;

/// Never fails: nobody may be listening.
pub fn log(line: &str) {
    let _ = writeln!(io::stderr(), "stardust-spider: {line}");
}

pub fn log_news(news: News) {
    if let News::Connected(Some(line)) = news {
        log(&line);
    }
}
